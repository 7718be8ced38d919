// expect: UnknownDependency<"parse -> fetsh, did you mean fetch?">
#include "w2t/flow.h"

namespace w2t::flow {

constexpr auto kPipeline = blueprint(
#ifdef W2T_FIXED
    task<"parse", "fetch">([](int x) { return x; }),
#else
    task<"parse", "fetsh">([](int x) { return x; }),
#endif
    task<"fetch">([] { return 20; }));

}  // namespace w2t::flow
