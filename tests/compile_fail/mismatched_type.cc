// expect: TaskMustTake<TaskCalled<"parse">, const int&>
#include <string>

#include "w2t/flow.h"

namespace w2t::flow {

constexpr auto kPipeline =
    blueprint(task<"join", "parse">([](int x) { return x; }),
#ifdef W2T_FIXED
              task<"parse", "fetch">([](int x) { return x; }),
#else
              task<"parse", "fetch">([](std::string x) { return x; }),
#endif
              task<"fetch">([] { return 20; }));

}  // namespace w2t::flow
