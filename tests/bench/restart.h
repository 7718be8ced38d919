// How long a daemon takes to start again on data that it has, against reading
// its files.
#ifndef W2T_TESTS_BENCH_RESTART_H_
#define W2T_TESTS_BENCH_RESTART_H_

#include <cstdint>
#include <string>

#include "tests/bench/json.h"

namespace w2t::bench {

// Makes a journal with `ended` tasks in runs that have ended and `live` tasks
// in runs that have not, through the daemon's own loop, and starts w2td on
// copies of it: as a daemon leaves it that was stopped, and one that was
// killed. Throws std::runtime_error.
Json MeasureRestart(uint32_t ended, uint32_t live, int repeat,
                    std::string* version);

}  // namespace w2t::bench

#endif  // W2T_TESTS_BENCH_RESTART_H_
