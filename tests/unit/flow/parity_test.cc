// What when2task 0.3 has, and what it gave up on: a test for each row of the
// table in core/flow/README.md.
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<TaskIndex> DependenciesOf(const Blueprint& graph, AnyTask task) {
  std::vector<TaskIndex> indices;
  for (const Blueprint::Edge& edge : graph.predecessors(task.index())) {
    indices.push_back(edge.task);
  }
  return indices;
}

std::vector<std::string> NamesOf(const std::vector<TaskResult>& tasks) {
  std::vector<std::string> names;
  for (const TaskResult& task : tasks) names.emplace_back(task.name);
  return names;
}

// Task and TaskId.

TEST(FlowParityTest, TaskNewTakesABodyAndWhatItDependsOn) {
  Graph graph;
  const auto a = graph.Add("a", [] { return std::string("a"); });
  const auto b = graph.Add("b", After(a), [](const std::string& a) {
    return std::make_unique<std::string>(a + "b");
  });
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(*result[a], "a");
  EXPECT_EQ(**result.Get(b), "ab") << "of another type, and not copyable";
}

TEST(FlowParityTest, TaskNewIndependentNeedsNothing) {
  Graph graph;
  const auto task = graph.Add("task", [] { return 42; });
  const BlueprintOr built = graph.Check();
  EXPECT_EQ(built.blueprint->need(task.index()), 0u);
  EXPECT_EQ(*Executor::Cooperative().Run(std::move(graph))[task], 42);
}

TEST(FlowParityTest, TaskIdsAreHandlesThatKnowTheirGraph) {
  Graph graph;
  const auto a = graph.Add("same", [] {});
  const auto b = graph.Add("same", [] {});
  EXPECT_EQ(a.index(), 0u);
  EXPECT_EQ(b.index(), 1u);
  Graph other;
  const auto stranger = other.Add("same", [] {});
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(result.at(b.index()).name, "same");
  EXPECT_THAT(result[stranger].ToString(), HasSubstr("another graph"));
}

TEST(FlowParityTest, TaskDependenciesAreThePredecessors) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  const auto b = graph.Add("b", [] {});
  const auto c = graph.Add("c", After(a), [] {});
  graph.Order(b, c);
  const BlueprintOr built = graph.Check();
  EXPECT_THAT(DependenciesOf(*built.blueprint, a), IsEmpty());
  EXPECT_THAT(DependenciesOf(*built.blueprint, c), ElementsAre(0, 1));
}

// Dependency.

TEST(FlowParityTest, DependencyNoneIsAClauseWithoutTasks) {
  Graph graph;
  const auto task = graph.Add("task", After(std::vector<Task<int>>()),
                              [](const Values<int>& v) { return v.size(); });
  EXPECT_EQ(*Executor::Cooperative().Run(std::move(graph))[task], 0u);
}

TEST(FlowParityTest, DependencyCombineAndWaitForAll) {
  Graph graph;
  const auto a = graph.Add("a", [] { return 1; });
  const auto b = graph.Add("b", [] { return absl::UnknownError("b"); });
  const auto c = graph.Add("c", [] { return 3L; });
  const auto all = graph.Add("all", After(a), AfterFailure(b), After(c),
                             [](int x, const absl::Status& why, long z) {
                               return std::to_string(x) +
                                      std::string(why.message()) +
                                      std::to_string(z);
                             });
  EXPECT_EQ(*Executor::Cooperative().Run(std::move(graph))[all], "1b3");
}

TEST(FlowParityTest, DependencyIsSatisfiedOnceTheLastOneHasSucceeded) {
  Graph graph;
  ManualHost host;
  bool ran = false;
  const auto a = graph.Add("a", [] {});
  const auto b =
      graph.Add("b", []() -> Async<> { co_await Sleep(absl::Seconds(1)); });
  const auto both = graph.Add("both", After(a, b), [&] { ran = true; });
  EXPECT_EQ(graph.Check().blueprint->need(both.index()), 2u);
  Execution run = Executor(host).Start(std::move(graph));
  host.RunAll();
  EXPECT_FALSE(ran);
  host.Advance(absl::Seconds(1));
  EXPECT_TRUE(ran);
  EXPECT_TRUE(run.Wait().ok());
}

TEST(FlowParityTest, DependencyIterGivesThemInOrder) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  const auto b = graph.Add("b", [] {});
  const auto c = graph.Add("c", [] {});
  const auto d = graph.Add("d", After(c), AfterEnd(a), AfterFailure(b),
                           [](const absl::Status&) {});
  const BlueprintOr built = graph.Check();
  EXPECT_THAT(DependenciesOf(*built.blueprint, d), ElementsAre(2, 0, 1));
  EXPECT_EQ(built.blueprint->predecessors(d.index())[1].condition,
            Condition::kFinished);
}

TEST(FlowParityTest, DependencyFromAVectorOfTasks) {
  Graph graph;
  std::vector<Task<int>> parts;
  for (int i = 1; i <= 4; ++i) {
    parts.push_back(graph.Add("part", [i] { return i; }));
  }
  const auto sum =
      graph.Add("sum", After(parts), [](const Values<int>& values) {
        int sum = 0;
        for (const int value : values) sum += value;
        return sum;
      });
  EXPECT_EQ(*Executor::Cooperative().Run(std::move(graph))[sum], 10);
}

TEST(FlowParityTest, DependencyAnyAndNotAreThere) {
  Graph graph;
  const auto bad = graph.Add("bad", [] { return absl::UnknownError(""); });
  const auto good = graph.Add("good", [] {});
  const auto any = graph.Add("any", AnyOf(bad, good), [] {});
  const auto failed =
      graph.Add("not", AfterFailure(bad), [](const absl::Status&) {});
  const auto ended = graph.Add("ended", AfterEnd(bad, good), [] {});
  const Result result = Executor::Cooperative().Run(std::move(graph));
  for (const AnyTask& task : std::vector<AnyTask>{any, failed, ended}) {
    EXPECT_EQ(result.state(task), TaskState::kSucceeded);
  }
}

// TaskExecutorBuilder and its errors.

TEST(FlowParityTest, BuilderInsertAndBuildAreAddAndCheck) {
  Graph graph("built");
  const auto a = graph.Add("a", [] {});
  graph.Add("b", After(a), [] {});
  const BlueprintOr built = graph.Check();
  ASSERT_NE(built.blueprint, nullptr);
  EXPECT_EQ(built.blueprint->name(), "built");
  EXPECT_EQ(built.blueprint->size(), 2u);
  EXPECT_EQ(built.blueprint->steps(), 2u);
  EXPECT_TRUE(Executor::Cooperative().Run(std::move(graph)).ok())
      << "a graph that was checked can still be run";
}

TEST(FlowParityTest, CircularDependencyComesAsItsShortestPath) {
  Graph graph;
  for (const char* name : {"a", "b", "c", "d", "outside"}) {
    graph.Add(name, [] {});
  }
  graph.Order("a", "b");
  graph.Order("b", "c");
  graph.Order("c", "d");
  graph.Order("d", "a");
  graph.Order("c", "b");
  graph.Order("d", "outside");
  const BlueprintOr built = graph.Check();
  EXPECT_EQ(built.blueprint, nullptr);
  ASSERT_EQ(built.faults.total(), 1u);
  const Diagnostic& fault = built.faults.listed()[0];
  EXPECT_EQ(fault.code, DiagnosticCode::kCycle);
  EXPECT_THAT(fault.path, ElementsAre("b", "c", "b"))
      << "neither the longer cycle nor what only depends on one";
}

TEST(FlowParityTest, MissingDependencyNamesTheOneProbablyMeant) {
  Graph graph;
  graph.Add("migrate", [] {});
  graph.Order("migrte", "migrate");
  const BlueprintOr built = graph.Check();
  ASSERT_EQ(built.faults.total(), 1u);
  EXPECT_EQ(built.faults.listed()[0].code, DiagnosticCode::kUnknownDependency);
  EXPECT_THAT(built.faults.listed()[0].message, HasSubstr("\"migrate\"?"));
}

TEST(FlowParityTest, MissingDependencyIsAlsoAHandleOfAnotherGraph) {
  Graph graph;
  Graph other;
  const auto stranger = other.Add("stranger", [] {});
  graph.Add("task", After(stranger), [] {});
  const BlueprintOr built = graph.Check();
  EXPECT_EQ(built.blueprint, nullptr);
  EXPECT_THAT(built.faults.Summary(), HasSubstr("another graph"));
}

TEST(FlowParityTest, BuildErrorListsAllFaultsAndNothingRuns) {
  Graph graph;
  bool ran = false;
  graph.Add("a", [&] { ran = true; });
  graph.Order("x", "a");
  graph.Order("a", "y");
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(result.faults().total(), 2u);
  EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
  EXPECT_FALSE(ran);
}

// TaskExecutor and ExecutionMode.

TEST(FlowParityTest, ExecuteStartsEachTaskWithoutBarriers) {
  Graph graph;
  ManualHost host;
  std::vector<std::string> ended;
  const auto work = [&](std::string name, int seconds) {
    return [&, name = std::move(name), seconds]() -> Async<> {
      co_await Sleep(absl::Seconds(seconds));
      ended.push_back(name);
    };
  };
  const auto setup = graph.Add("setup_db", work("setup_db", 2));
  const auto assets = graph.Add("download_assets", work("download_assets", 3));
  const auto server =
      graph.Add("start_server", After(setup), work("start_server", 1));
  graph.Add("run_tests", After(server, assets), work("run_tests", 2));
  Execution run = Executor(host).Start(std::move(graph));
  host.Advance(absl::Seconds(3));
  EXPECT_THAT(ended, ElementsAre("setup_db", "download_assets", "start_server"))
      << "start_server did not wait for download_assets";
  host.Advance(absl::Seconds(1.9));
  EXPECT_FALSE(run.done());
  host.Advance(absl::Seconds(0.1));
  EXPECT_TRUE(run.done()) << "after 5 s; with barriers it would be 6";
}

TEST(FlowParityTest, TaskIdsAreTheIndices) {
  Graph graph;
  graph.Add("a", [] {});
  graph.Add("b", [] {});
  EXPECT_EQ(graph.size(), 2u);
  const Result result = Executor::Cooperative().Run(std::move(graph));
  std::vector<std::string_view> names;
  for (TaskIndex task = 0; task < result.total(); ++task) {
    names.push_back(result.at(task).name);
  }
  EXPECT_THAT(names, ElementsAre("a", "b"));
}

TEST(FlowParityTest, TrueAsyncInterleavesOnTheCallingThread) {
  Graph graph;
  std::vector<std::string> seen;
  std::vector<std::thread::id> threads;
  for (const char* name : {"a", "b"}) {
    graph.Add(name, [&, name]() -> Async<> {
      seen.push_back(std::string(name) + " begins");
      co_await Sleep(absl::Milliseconds(1));
      seen.push_back(std::string(name) + " ends");
      threads.push_back(std::this_thread::get_id());
    });
  }
  ASSERT_TRUE(Executor::Cooperative().Run(std::move(graph)).ok());
  EXPECT_THAT(seen, ElementsAre("a begins", "b begins", "a ends", "b ends"));
  EXPECT_THAT(threads, Each(std::this_thread::get_id()));
}

// Spawns each job as a thread of its own.
class SpawningHost : public Host {
 public:
  ~SpawningHost() override {
    for (std::thread& thread : threads_) thread.join();
  }
  void Post(Job job) override {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([job = std::move(job)]() mutable { job(); });
  }
  void PostAfter(absl::Duration, Job job) override { Post(std::move(job)); }
  int threads() const override { return 2; }

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

TEST(FlowParityTest, PseudoAsyncSpawnsOnAnExecutorOfTheCaller) {
  SpawningHost host;
  Graph graph;
  const auto a = graph.Add("a", [] { return std::this_thread::get_id(); });
  const auto b = graph.Add("b", After(a), [](std::thread::id) { return 100; });
  const Result result = Executor(host).Run(std::move(graph));
  EXPECT_EQ(*result[b], 100);
  EXPECT_NE(*result[a], std::this_thread::get_id());
}

TEST(FlowParityTest, ParallelRunsAtTheSameTime) {
  Graph graph;
  std::latch both(2);  // neither returns before the other has come here
  graph.Add("a", [&] { both.arrive_and_wait(); });
  graph.Add("b", [&] { both.arrive_and_wait(); });
  EXPECT_TRUE(Executor(2).Run(std::move(graph)).ok());
}

// ExecutionResult and ExecutionError.

TEST(FlowParityTest, StepsAreDepthsThatAreNoBarriers) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  const auto b = graph.Add("b", [] {});
  const auto c = graph.Add("c", After(a, b), [] {});
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(result.steps(), 2u);
  EXPECT_EQ(result.blueprint()->step(a.index()), 1u);
  EXPECT_EQ(result.blueprint()->step(b.index()), 1u);
  EXPECT_EQ(result.blueprint()->step(c.index()), 2u);
}

// One that succeeds, one that fails, and one behind each.
struct Mixed {
  Graph graph;
  Task<int> good = graph.Add("good", [] { return 1; });
  Task<int> bad = graph.Add("bad", []() -> absl::StatusOr<int> {
    return absl::NotFoundError("nothing there");
  });
  Task<int> behind_good =
      graph.Add("behind good", After(good), [](int x) { return x + 1; });
  Task<int> behind_bad = graph.Add("behind bad", After(bad), [this](int x) {
    behind_bad_ran = true;
    return x;
  });
  bool behind_bad_ran = false;
};

TEST(FlowParityTest, CountsAddUp) {
  Mixed mixed;
  const Result result = Executor::Cooperative().Run(std::move(mixed.graph));
  EXPECT_EQ(result.total(), 4u);
  EXPECT_EQ(result.succeeded(), 2u);
  EXPECT_EQ(result.failed(), 1u);
  EXPECT_EQ(result.skipped(), 1u);
  EXPECT_EQ(result.cancelled(), 0u);
}

TEST(FlowParityTest, DependentsOfAFailedTaskDoNotRun) {
  Mixed mixed;
  const Result result = Executor::Cooperative().Run(std::move(mixed.graph));
  EXPECT_FALSE(mixed.behind_bad_ran);
  EXPECT_EQ(result.state(mixed.behind_bad), TaskState::kSkipped);
  EXPECT_EQ(result.CauseOf(mixed.behind_bad.index()), mixed.bad.index());
  EXPECT_THAT(result[mixed.behind_bad].status().ToString(),
              HasSubstr("\"bad\" failed"));
}

TEST(FlowParityTest, SuccessfulAndFailedResultsAreListed) {
  Mixed mixed;
  const Result result = Executor::Cooperative().Run(std::move(mixed.graph));
  EXPECT_THAT(NamesOf(result.successes()), ElementsAre("good", "behind good"));
  ASSERT_THAT(NamesOf(result.failures()), ElementsAre("bad"));
  EXPECT_EQ(result.failures()[0].status, absl::NotFoundError("nothing there"));
  EXPECT_EQ(*result[mixed.behind_good], 2) << "values by handle, typed";
}

TEST(FlowParityTest, AllSuccessfulIsOk) {
  Graph graph;
  graph.Add("a", [] {});
  EXPECT_TRUE(Executor::Cooperative().Run(std::move(graph)).ok());
  Mixed mixed;
  const Result result = Executor::Cooperative().Run(std::move(mixed.graph));
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.status(),
            absl::NotFoundError("task \"bad\": nothing there"));
}

TEST(FlowParityTest, ExecutionErrorIsTheFailureOfOneTaskOnly) {
  Graph graph;
  const auto thrower =
      graph.Add("thrower", []() -> int { throw std::runtime_error("ouch"); });
  const auto other = graph.Add("other", [] { return 2; });
  const Result result = Executor(2).Run(std::move(graph));
  EXPECT_EQ(result[thrower].status(), absl::InternalError("ouch"));
  EXPECT_EQ(*result[other], 2) << "what did not depend on it has run";
}

}  // namespace
}  // namespace w2t::flow
