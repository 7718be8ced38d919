#include "deploy/examples/flow/hosts/tbb_host.h"

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

Async<std::string> Greet(const std::string& name) {
  co_await Sleep(absl::Milliseconds(2));
  co_return "hello " + name;
}

TEST(FlowTbbHostTest, AGraphRunsInTheArena) {
  tbb::task_arena arena(2, 0);
  TbbHost host(arena, 2);
  Graph graph;
  const auto name = graph.Add("name", [] { return std::string("tbb"); });
  const auto greet = graph.Add("greet", After(name), Greet);
  std::vector<Task<int>> slots;
  for (int i = 0; i < 1000; ++i) {
    slots.push_back(graph.Add("slot", After(greet), [](const std::string&) {
      return tbb::this_task_arena::current_thread_index();
    }));
  }
  const Result result = Executor(host).Run(std::move(graph));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result[greet], "hello tbb");
  for (const Task<int>& slot : slots) {
    EXPECT_THAT(*result[slot], testing::AllOf(testing::Ge(0), testing::Lt(2)));
  }
}

TEST(FlowTbbHostTest, AShortSleepEndsBeforeALongOneThatBeganFirst) {
  tbb::task_arena arena(1, 0);
  TbbHost host(arena, 1);
  Graph graph;
  std::stop_source source;
  const auto sleep_long = graph.Add("long", []() -> Async<bool> {
    co_return co_await Sleep(absl::Hours(24));
  });
  const auto sleep_short = graph.Add("short", []() -> Async<bool> {
    co_return co_await Sleep(absl::Milliseconds(1));
  });
  graph.Add("stop", After(sleep_short), [&](bool) { source.request_stop(); });
  const Result result =
      Executor(host).Run(std::move(graph), {.stop = source.get_token()});
  EXPECT_EQ(*result[sleep_short], true);
  EXPECT_EQ(*result[sleep_long], false);
}

TEST(FlowTbbHostTest, ADeadlineStopsARun) {
  tbb::task_arena arena(2, 0);
  TbbHost host(arena, 2);
  Graph graph;
  const auto sleeper = graph.Add("sleeper", []() -> Async<bool> {
    co_return co_await Sleep(absl::Hours(24));
  });
  const auto next = graph.Add("next", After(sleeper), [](bool) {});
  const Result result =
      Executor(host).Run(std::move(graph), {.deadline = absl::Milliseconds(1)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
  EXPECT_EQ(result.state(next), TaskState::kCancelled);
}

TEST(FlowTbbHostTest, SeveralGraphsShareTheArena) {
  tbb::task_arena arena(2, 0);
  TbbHost host(arena, 2);
  std::vector<Task<int>> lasts;
  std::vector<Execution> runs;
  for (int n = 0; n < 10; ++n) {
    Graph graph;
    Task<int> last = graph.Add("first", [n] { return n; });
    for (int i = 0; i < 3000; ++i) {
      last = graph.Add("next", After(last), [](int x) { return x + 1; });
    }
    lasts.push_back(last);
    runs.push_back(Executor(host).Start(std::move(graph)));
  }
  for (int n = 0; n < 10; ++n) {
    EXPECT_EQ(*runs[n].Wait()[lasts[n]], n + 3000);
  }
}

}  // namespace
}  // namespace w2t::flow
