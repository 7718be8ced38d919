// Two runs that are stopped: one through a std::stop_token and one by its
// deadline. What runs is asked to stop, and says how far it came; what has not
// started is cancelled.
#include <w2t/flow.h>

#include <iostream>
#include <stop_token>
#include <utility>

namespace flow = w2t::flow;
using flow::After;
using flow::Async;

namespace {

void Print(const flow::Result& result) {
  std::cout << result.status() << "\n";
  for (w2t::TaskIndex task = 0; task < result.total(); ++task) {
    const flow::TaskResult at = result.at(task);
    std::cout << "  " << at.name << ": " << ToWord(at.state) << "\n";
  }
}

// Counts seconds until it is asked to stop.
Async<int> Count(std::stop_token stop) {
  int count = 0;
  while (!stop.stop_requested()) {
    ++count;
    co_await flow::Sleep(absl::Seconds(1));
  }
  co_return count;
}

void RunUntilStopped() {
  flow::Graph graph("stopped");
  std::stop_source source;
  auto count = graph.Add("count", Count);
  graph.Add("report", After(count), [](int) {});
  // Elsewhere this might be a signal, or somebody who presses a button.
  graph.Add("button", [&source] { source.request_stop(); });
  const flow::Result result = flow::Executor::Cooperative().Run(
      std::move(graph), {.stop = source.get_token()});
  Print(result);
  std::cout << "  counted to " << *result[count] << "\n";
}

void RunUntilDeadline() {
  flow::Graph graph("late");
  auto wait = graph.Add("wait", []() -> Async<bool> {
    co_return co_await flow::Sleep(absl::Hours(1));
  });
  graph.Add("report", After(wait), [](bool) {});
  const flow::Result result = flow::Executor::Cooperative().Run(
      std::move(graph), {.deadline = absl::Milliseconds(50)});
  Print(result);
  std::cout << "  slept for all of its time: " << (*result[wait] ? "yes" : "no")
            << "\n";
}

}  // namespace

int main() {
  RunUntilStopped();
  RunUntilDeadline();
}
