// expect(g++): use of 'parse' before deduction of 'auto'
// expect(clang++): variable 'parse' declared with deduced type 'const auto'
#include "w2t/flow.h"

namespace w2t::flow {

auto Make() {
  Graph graph;
  const auto fetch = graph.Add("fetch", [] { return 20; });
#ifdef W2T_FIXED
  const auto parse = graph.Add("parse", After(fetch), [](int x) { return x; });
#else
  const auto parse = graph.Add("parse", After(parse), [](int x) { return x; });
#endif
  return parse;
}

}  // namespace w2t::flow
