// expect: DuplicateTask<"fetch">
#include "w2t/flow.h"

namespace w2t::flow {

constexpr auto kPipeline = blueprint(
#ifdef W2T_FIXED
    task<"fetch again">([] { return 20; }),
#else
    task<"fetch">([] { return 20; }),
#endif
    task<"parse", "fetch">([](int x) { return x; }),
    task<"fetch">([] { return 20; }));

}  // namespace w2t::flow
