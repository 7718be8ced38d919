// expect: NotCopyable<std::unique_ptr<int
#include <memory>
#include <utility>

#include "w2t/flow.h"

namespace w2t::flow {

auto Read() {
  Graph graph;
  const auto own = graph.Add("own", [] { return std::make_unique<int>(7); });
  Result result = Executor(2).Run(std::move(graph));
#ifdef W2T_FIXED
  return result.Take(own);
#else
  return result[own];
#endif
}

}  // namespace w2t::flow
