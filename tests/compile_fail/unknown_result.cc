// expect: UnknownTask<"prase, did you mean parse?">
#include "w2t/flow.h"

namespace w2t::flow {

constexpr auto kPipeline =
    blueprint(task<"fetch">([] { return 20; }),
              task<"parse", "fetch">([](int x) { return 2 * x; }));

auto Read() {
  const auto result = Executor(2).Run(kPipeline);
#ifdef W2T_FIXED
  return result.Of<"parse">();
#else
  return result.Of<"prase">();
#endif
}

}  // namespace w2t::flow
