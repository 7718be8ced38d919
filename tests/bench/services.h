// How long services that are ready at once take to come up in order, against
// starting the same programs in the same order and doing nothing else.
#ifndef W2T_TESTS_BENCH_SERVICES_H_
#define W2T_TESTS_BENCH_SERVICES_H_

#include <cstdint>
#include <string>

#include "tests/bench/json.h"

namespace w2t::bench {

// `count` services in layers of `width`, each after two (or one) of the layer
// before, on `workers` workers. Throws std::runtime_error.
Json MeasureServices(uint32_t count, uint32_t width, uint32_t workers,
                     int repeat, std::string* version);

}  // namespace w2t::bench

#endif  // W2T_TESTS_BENCH_SERVICES_H_
