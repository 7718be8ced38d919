// expect: DuplicateDependency<"join -> fetch">
#include "w2t/flow.h"

namespace w2t::flow {

constexpr auto kPipeline = blueprint(
#ifdef W2T_FIXED
    task<"join", "fetch", "parse">([](int x, int y) { return x + y; }),
#else
    task<"join", "fetch", "parse", "fetch">([](int, int, int) { return 1; }),
#endif
    task<"fetch">([] { return 20; }),
    task<"parse", "fetch">([](int x) { return x; }));

}  // namespace w2t::flow
