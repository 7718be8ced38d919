// expect: SelfDependency<"fetch -> fetch">
#include "w2t/flow.h"

namespace w2t::flow {

constexpr auto kPipeline = blueprint(
#ifdef W2T_FIXED
    task<"fetch">([] {}),
#else
    task<"fetch", "fetch">([] {}),
#endif
    task<"parse", "fetch">([] {}));

}  // namespace w2t::flow
