// expect: DependencyCycle<"join -> parse -> fetch -> join">
#include "w2t/flow.h"

namespace w2t::flow {

constexpr auto kPipeline = blueprint(
#ifdef W2T_FIXED
    task<"fetch">([] { return 20; }),
#else
    task<"fetch", "join">([](int x) { return x; }),
#endif
    task<"parse", "fetch">([](int x) { return 2 * x; }),
    task<"join", "parse">([](int x) { return x + 1; }));

}  // namespace w2t::flow
