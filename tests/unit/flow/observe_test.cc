// What can be learnt about a run.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

using ::testing::ElementsAre;

class Recorder : public Observer {
 public:
  void OnStarted(const Blueprint& blueprint, TaskIndex task) override {
    events.push_back("start " + std::string(blueprint.task_name(task)));
  }
  void OnFinished(const Blueprint& blueprint, TaskIndex task, TaskState state,
                  const absl::Status& status) override {
    events.push_back(std::string(ToWord(state)) + " " +
                     std::string(blueprint.task_name(task)) +
                     (status.ok() ? "" : ": ") + std::string(status.message()));
  }

  std::vector<std::string> events;
};

TEST(FlowObserveTest, AnObserverIsToldWhatStartsAndEnds) {
  Graph graph;
  Recorder recorder;
  const auto a =
      graph.Add("a", []() -> Async<> { co_await Sleep(absl::ZeroDuration()); });
  const auto b =
      graph.Add("b", After(a), [] { return absl::AbortedError("no"); });
  graph.Add("c", After(b), [] {});
  graph.Retry(b, {.attempts = 2});
  Executor::Cooperative().Run(std::move(graph), {.observer = &recorder});
  EXPECT_THAT(recorder.events,
              ElementsAre("start a", "succeeded a", "start b", "start b",
                          "failed b: no", "skipped c"));
}

TEST(FlowObserveTest, TheCriticalPathIsWhatTheLengthCameFrom) {
  Graph graph;
  const auto sleep = [](int ms) -> Async<> {
    co_await Sleep(absl::Milliseconds(ms));
  };
  const auto slow = graph.Add("slow", [=] { return sleep(30); });
  const auto quick = graph.Add("quick", [=] { return sleep(1); });
  const auto join =
      graph.Add("join", After(quick, slow), [=] { return sleep(1); });
  graph.Add("apart", [=] { return sleep(2); });
  const Result result =
      Executor::Cooperative().Run(std::move(graph), {.timings = true});
  EXPECT_THAT(result.CriticalPath(), ElementsAre(slow.index(), join.index()));
  EXPECT_GE(result.span(slow.index()).end, absl::Milliseconds(30));
  EXPECT_GE(result.span(join.index()).start, result.span(slow.index()).end);
  EXPECT_GE(result.wall_time(), absl::Milliseconds(31));
}

TEST(FlowObserveTest, WithoutTimingsThereIsNoCriticalPath) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_TRUE(result.CriticalPath().empty());
  EXPECT_EQ(result.span(a.index()).end, absl::ZeroDuration());
  EXPECT_GT(result.wall_time(), absl::ZeroDuration());
}

TEST(FlowObserveTest, StepsAreNoBarriers) {
  Graph graph;
  ManualHost host;
  const auto sleep = [](int seconds) -> Async<> {
    co_await Sleep(absl::Seconds(seconds));
  };
  const auto setup = graph.Add("setup_db", [=] { return sleep(2); });
  const auto assets = graph.Add("download_assets", [=] { return sleep(3); });
  const auto start =
      graph.Add("start_server", After(setup), [=] { return sleep(1); });
  graph.Add("run_tests", After(start, assets), [=] { return sleep(2); });
  Execution run = Executor(host).Start(std::move(graph));
  host.RunAll();
  while (!run.done()) host.Advance(host.UntilNextTimer());
  EXPECT_EQ(host.now(), absl::Seconds(5)) << "with barriers it would be 6";
  EXPECT_EQ(run.Wait().steps(), 3u);
}

TEST(FlowObserveTest, OneThreadStartsTasksInTheOrderTheyBecameReady) {
  Graph graph;
  std::vector<std::string> ran;
  const auto add = [&](std::string name) {
    return [&ran, name] { ran.push_back(name); };
  };
  const auto a = graph.Add("a", add("a"));
  const auto b = graph.Add("b", add("b"));
  graph.Add("c", add("c"));
  graph.Add("bb", After(b), add("bb"));
  graph.Add("aa", After(a), add("aa"));
  Executor::Cooperative().Run(std::move(graph));
  EXPECT_THAT(ran, ElementsAre("a", "b", "c", "aa", "bb"));
}

}  // namespace
}  // namespace w2t::flow
