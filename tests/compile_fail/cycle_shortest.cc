// expect: DependencyCycle<"d -> c -> d">
#include "w2t/flow.h"

namespace w2t::flow {

constexpr auto kPipeline = blueprint(task<"a", "e">([](int) { return 1; }),
                                     task<"b", "a">([](int) { return 1; }),
#ifdef W2T_FIXED
                                     task<"c", "b">([](int) { return 1; }),
                                     task<"e">([] { return 1; }),
#else
                                     task<"c", "b", "d">(
                                         [](int, int) { return 1; }),
                                     task<"e", "d">([](int) { return 1; }),
#endif
                                     task<"d", "c">([](int) { return 1; }),
                                     task<"after", "d">([](int) { return 1; }));

}  // namespace w2t::flow
