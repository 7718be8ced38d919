#include <w2t/flow.h>

int main() {
  w2t::flow::Graph graph;
  auto fetch = graph.Add("fetch", [] { return 20; });
  auto parse = graph.Add("parse", w2t::flow::After(fetch),
                         [](int x) { return 2 * x + 2; });
  const auto result = w2t::flow::Executor(2).Run(std::move(graph));
  return result[parse].value_or(0) == 42 ? 0 : 1;
}
