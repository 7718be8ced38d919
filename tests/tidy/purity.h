// What keeps core a function of its input, and the daemon free of surprises.
#ifndef W2T_TESTS_TIDY_PURITY_H_
#define W2T_TESTS_TIDY_PURITY_H_

#include <string>
#include <vector>

#include "tests/tidy/source.h"

namespace w2t::tidy {

// Clocks, sleeps, threads and random numbers in core, outside core/runtime.
Findings CheckPurity(const std::vector<File>& files);

// Loops over a hash container in core: their order changes from run to run.
Findings CheckHashIteration(const std::vector<File>& files);

// Coroutines outside the embedded API; g++ 12 miscompiles some.
Findings CheckCoroutines(const std::vector<File>& files);

// Lambdas with captures and braced temporaries inside of a co_await expression,
// which g++ 12 destroys twice.
Findings CheckAwaitedTemporaries(const std::vector<File>& files);

}  // namespace w2t::tidy

#endif  // W2T_TESTS_TIDY_PURITY_H_
