// expect: BodyMustTake<const int&>
#include "w2t/flow.h"

namespace w2t::flow {

void Make() {
  Graph graph;
  const auto fetch = graph.Add("fetch", [] { return 20; });
#ifdef W2T_FIXED
  graph.Add("parse", After(fetch), [](int x) { return x; });
#else
  graph.Add("parse", After(fetch), [](int x, int y) { return x + y; });
#endif
}

}  // namespace w2t::flow
