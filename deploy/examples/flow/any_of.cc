// Fan-out with any-of: three mirrors are asked at once. One task goes on with
// the first answer, one with any two, and one when all of them have ended,
// whether well or not.
#include <w2t/flow.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace flow = w2t::flow;
using flow::Async;
using flow::Values;

namespace {

Async<absl::StatusOr<std::string>> Ask(std::string mirror, int answers_after) {
  co_await flow::Sleep(absl::Milliseconds(answers_after));
  if (mirror == "south") co_return absl::UnavailableError("it is down");
  co_return "the file from " + mirror;
}

void Print(const char* when, const Values<std::string>& answers) {
  std::cout << when;
  for (const std::string& answer : answers) std::cout << " [" << answer << "]";
  std::cout << "\n";
}

}  // namespace

int main() {
  flow::Graph graph("mirrors");
  const std::vector<flow::Task<std::string>> mirrors = {
      graph.Add("north", [] { return Ask("north", 650); }),
      graph.Add("south", [] { return Ask("south", 50); }),
      graph.Add("west", [] { return Ask("west", 350); })};
  graph.Add("use", flow::AnyOf(mirrors),
            [](const Values<std::string>& v) { Print("first:", v); });
  graph.Add("compare", flow::AtLeast(2, mirrors),
            [](const Values<std::string>& v) { Print("two:", v); });
  graph.Add("close", flow::AfterEnd(mirrors),
            [](const Values<std::string>& v) { Print("all ended:", v); });

  const flow::Result result =
      flow::Executor::Cooperative().Run(std::move(graph));
  for (const flow::TaskResult& task : result.failures()) {
    std::cout << task.name << " failed: " << task.status << "\n";
  }
  std::cout << result.succeeded() << " succeeded, " << result.failed()
            << " failed\n";
  return result.failed() == 1 ? 0 : 1;
}
