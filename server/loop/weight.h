// How much an event weighs, in bytes, about: in memory and in the journal.
#ifndef W2T_SERVER_LOOP_WEIGHT_H_
#define W2T_SERVER_LOOP_WEIGHT_H_

#include <cstddef>

#include "core/engine/event.h"

namespace w2t::server {

size_t WeightOf(const Event& event);

}  // namespace w2t::server

#endif  // W2T_SERVER_LOOP_WEIGHT_H_
