// Limits for what has been checked before.
#ifndef W2T_PROTO_WIRE_UNLIMITED_H_
#define W2T_PROTO_WIRE_UNLIMITED_H_

#include "w2t/limits.h"

namespace w2t::wire {

// For reading the journal: what was accepted once stays readable when a limit
// is lowered. Those that keep numbers within their types stay in place.
const Limits& Unlimited();

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_UNLIMITED_H_
