// What a good graph is frozen into.
#include "w2t/blueprint.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const Blueprint> Freeze(const Graph& graph) {
  BlueprintOr built = Blueprint::Build(graph, Limits());
  EXPECT_TRUE(built.faults.empty()) << built.faults.Summary();
  return std::move(built.blueprint);
}

std::vector<std::string> Names(const Blueprint& blueprint,
                               absl::Span<const Blueprint::Edge> edges) {
  std::vector<std::string> names;
  for (const Blueprint::Edge& edge : edges) {
    names.emplace_back(blueprint.task_name(edge.task));
  }
  return names;
}

constexpr absl::Duration kUnit = absl::Milliseconds(100);

Graph When2Task() {
  return GraphBuilder("when2task")
      .Task("setup_db")
      .Estimate(2 * kUnit)
      .Task("download_assets")
      .Estimate(3 * kUnit)
      .Task("start_server", {"setup_db"})
      .Estimate(1 * kUnit)
      .Task("run_tests", {"start_server", "download_assets"})
      .Estimate(2 * kUnit);
}

TEST(BlueprintTest, KeepsNamesAndOrderOfDeclaration) {
  auto blueprint = Freeze(When2Task());
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->name(), "when2task");
  ASSERT_EQ(blueprint->size(), 4u);
  EXPECT_EQ(blueprint->task_name(0), "setup_db");
  EXPECT_EQ(blueprint->task_name(3), "run_tests");
  EXPECT_EQ(blueprint->Find("download_assets"), 1u);
  EXPECT_EQ(blueprint->Find("download_asset"), kNoTask);
  EXPECT_EQ(blueprint->Find(""), kNoTask);
}

TEST(BlueprintTest, HoldsEveryEdgeInBothDirections) {
  auto blueprint = Freeze(When2Task());
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->edges(), 3u);
  EXPECT_THAT(Names(*blueprint, blueprint->predecessors(3)),
              ElementsAre("start_server", "download_assets"));
  EXPECT_THAT(blueprint->predecessors(0), IsEmpty());
  EXPECT_THAT(Names(*blueprint, blueprint->successors(0)),
              ElementsAre("start_server"));
  EXPECT_THAT(blueprint->successors(3), IsEmpty());
  for (TaskIndex task = 0; task < blueprint->size(); ++task) {
    for (const Blueprint::Edge& edge : blueprint->predecessors(task)) {
      EXPECT_EQ(std::ranges::count_if(blueprint->successors(edge.task),
                                      [&](const Blueprint::Edge& back) {
                                        return back.task == task &&
                                               back.condition == edge.condition;
                                      }),
                1);
    }
  }
}

TEST(BlueprintTest, CountsStepsByDepth) {
  auto blueprint = Freeze(When2Task());
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->steps(), 3u);
  EXPECT_EQ(blueprint->step(0), 1u);
  EXPECT_EQ(blueprint->step(1), 1u);
  EXPECT_EQ(blueprint->step(2), 2u);
  EXPECT_EQ(blueprint->step(3), 3u);
}

TEST(BlueprintTest, OrdersEveryTaskAfterItsDependencies) {
  // Declared in reverse, so that the order of declaration will not do.
  auto blueprint = Freeze(GraphBuilder()
                              .Task("d", {"b", "c"})
                              .Task("c", {"a"})
                              .Task("b", {"a"})
                              .Task("a"));
  ASSERT_NE(blueprint, nullptr);
  std::vector<size_t> place(blueprint->size(), SIZE_MAX);
  for (uint32_t i = 0; i < blueprint->size(); ++i) {
    place[blueprint->in_order(i)] = i;
  }
  for (TaskIndex task = 0; task < blueprint->size(); ++task) {
    EXPECT_NE(place[task], SIZE_MAX) << "missing from the order";
    for (const Blueprint::Edge& edge : blueprint->predecessors(task)) {
      EXPECT_LT(place[edge.task], place[task]);
    }
  }
}

TEST(BlueprintTest, MeasuresTheCriticalPathByEstimates) {
  auto blueprint = Freeze(When2Task());
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->critical_path(), 5 * kUnit);
  EXPECT_EQ(absl::Microseconds(blueprint->remaining_us(0)), 5 * kUnit);
  EXPECT_EQ(absl::Microseconds(blueprint->remaining_us(1)), 5 * kUnit);
  EXPECT_EQ(absl::Microseconds(blueprint->remaining_us(2)), 3 * kUnit);
  EXPECT_EQ(absl::Microseconds(blueprint->remaining_us(3)), 2 * kUnit);
  EXPECT_THAT(blueprint->CriticalTasks(),
              AnyOf(ElementsAre(0, 2, 3), ElementsAre(1, 3)));
}

TEST(BlueprintTest, NamesTheTasksOfTheCriticalPathInOrder) {
  auto blueprint = Freeze(GraphBuilder()
                              .Task("end", {"long", "short"})
                              .Task("long", {"begin"})
                              .Estimate(absl::Seconds(9))
                              .Task("short", {"begin"})
                              .Task("begin"));
  ASSERT_NE(blueprint, nullptr);
  EXPECT_THAT(blueprint->CriticalTasks(), ElementsAre(3, 1, 0));
  EXPECT_EQ(blueprint->critical_path(), absl::Seconds(11));
}

TEST(BlueprintTest, GivesEachDependencyTheDefaultConditionOfItsKind) {
  auto blueprint = Freeze(GraphBuilder()
                              .Service("probed")
                              .Probe()
                              .Service("plain")
                              .Task("task")
                              .Task("after", {"probed", "plain", "task"}));
  ASSERT_NE(blueprint, nullptr);
  auto edges = blueprint->predecessors(3);
  ASSERT_EQ(edges.size(), 3u);
  EXPECT_EQ(edges[0].condition, Condition::kReady);
  EXPECT_EQ(edges[1].condition, Condition::kStarted);
  EXPECT_EQ(edges[2].condition, Condition::kSucceeded);
}

TEST(BlueprintTest, KeepsExplicitConditions) {
  auto blueprint =
      Freeze(GraphBuilder()
                 .Service("service")
                 .Probe()
                 .Task("after", {{"service", Condition::kFinished}})
                 .Task("failed", {{"after", Condition::kFailed}})
                 .Task("started", {{"after", Condition::kStarted}}));
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->predecessors(1)[0].condition, Condition::kFinished);
  EXPECT_EQ(blueprint->predecessors(2)[0].condition, Condition::kFailed);
  EXPECT_EQ(blueprint->predecessors(3)[0].condition, Condition::kStarted);
}

TEST(BlueprintTest, KnowsWhoseStartOrReadinessIsWaitedFor) {
  auto blueprint = Freeze(GraphBuilder()
                              .Service("probed")
                              .Probe()
                              .Task("ends", {"probed"})
                              .Task("starts", {"ends"})
                              .Task("last", {{"starts", Condition::kStarted}}));
  ASSERT_NE(blueprint, nullptr);
  EXPECT_TRUE(blueprint->watched_alive(0));
  EXPECT_FALSE(blueprint->watched_alive(1));
  EXPECT_TRUE(blueprint->watched_alive(2));
  EXPECT_FALSE(blueprint->watched_alive(3));
}

TEST(BlueprintTest, TurnsTheTriggerIntoANumberOfDependencies) {
  auto blueprint = Freeze(GraphBuilder()
                              .Task("a")
                              .Task("b")
                              .Task("c")
                              .Task("all", {"a", "b", "c"})
                              .Task("any", {"a", "b", "c"})
                              .Trigger(1)
                              .Task("two", {"a", "b", "c"})
                              .Trigger(2));
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->need(0), 0u);
  EXPECT_EQ(blueprint->need(3), 3u);
  EXPECT_EQ(blueprint->need(4), 1u);
  EXPECT_EQ(blueprint->need(5), 2u);
}

TEST(BlueprintTest, CountsAQuorumAsOneDependency) {
  auto blueprint = Freeze(GraphBuilder()
                              .Task("a")
                              .Task("b")
                              .Task("c")
                              .Task("t", {"c"})
                              .Quorum(1, {"a", "b"}));
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->need(3), 2u);
  EXPECT_EQ(blueprint->countable(3), 2u);
  EXPECT_EQ(blueprint->predecessors(3).size(), 3u);
  ASSERT_EQ(blueprint->quorums().size(), 1u);
  EXPECT_EQ(blueprint->quorums()[0].need, 1u);
  EXPECT_EQ(blueprint->quorums()[0].size, 2u);
  EXPECT_EQ(blueprint->successors(0)[0].quorum, 1u);
  EXPECT_EQ(blueprint->successors(2)[0].quorum, 0u);
}

TEST(BlueprintTest, CarriesEveryPropertyOfATask) {
  RetryPolicy retry{.attempts = 4, .initial_backoff = absl::Seconds(2)};
  Demand demand{.resources = {{"cpus", 2000}, {"gpus", 1000}},
                .labels = {{"role", "train"}}};
  Graph graph = GraphBuilder()
                    .Task("plain")
                    .Task("rich")
                    .Retry(retry)
                    .Demands(demand)
                    .Priority(-7)
                    .Estimate(absl::Seconds(40))
                    .AllowFailure()
                    .FailRun()
                    .Probe();
  auto blueprint = Freeze(graph);
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->retry(1), retry);
  EXPECT_EQ(blueprint->retry(0), RetryPolicy());
  EXPECT_EQ(blueprint->demands()[blueprint->demand(1)], demand);
  EXPECT_EQ(blueprint->demands()[blueprint->demand(0)], Demand());
  EXPECT_EQ(blueprint->priority(1), -7);
  EXPECT_EQ(blueprint->estimate(1), absl::Seconds(40));
  EXPECT_EQ(blueprint->estimate(0), kDefaultEstimate);
  EXPECT_TRUE(blueprint->allow_failure(1) && blueprint->fail_run(1) &&
              blueprint->has_probe(1));
  EXPECT_FALSE(blueprint->allow_failure(0) || blueprint->fail_run(0) ||
               blueprint->has_probe(0));
}

TEST(GraphTest, SharesEqualDemandsAndRetries) {
  Graph graph;
  EXPECT_EQ(graph.AddDemand(Demand()), 0u);
  EXPECT_EQ(graph.AddRetry(RetryPolicy()), 0u);
  Demand gpu{.resources = {{"gpus", 1000}}};
  uint32_t first = graph.AddDemand(gpu);
  EXPECT_NE(first, 0u);
  EXPECT_EQ(graph.AddDemand(gpu), first);
  EXPECT_EQ(graph.demands().size(), 2u);
  EXPECT_EQ(graph.AddRetry({.attempts = 2}), graph.AddRetry({.attempts = 2}));
  EXPECT_EQ(graph.retries().size(), 2u);
}

TEST(BlueprintTest, FreezesAChainOfAHundredThousandTasks) {
  constexpr uint32_t kTasks = 100'000;
  Graph graph;
  for (uint32_t i = 0; i < kTasks; ++i) {
    TaskSpec task{.name = "t" + std::to_string(i)};
    if (i + 1 < kTasks) task.depends_on = {{"t" + std::to_string(i + 1)}};
    graph.Add(std::move(task));
  }
  auto blueprint = Freeze(graph);
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->steps(), kTasks);
  EXPECT_EQ(blueprint->step(0), kTasks);
  EXPECT_EQ(blueprint->in_order(0), kTasks - 1);
  EXPECT_EQ(blueprint->critical_path(), kTasks * kDefaultEstimate);
  EXPECT_EQ(blueprint->CriticalTasks().size(), kTasks);
}

TEST(BlueprintTest, FreezesATaskWithTwoHundredThousandDependencies) {
  constexpr uint32_t kTasks = 200'000;
  Graph graph;
  TaskSpec last{.name = "last"};
  for (uint32_t i = 0; i < kTasks; ++i) {
    std::string name = "t" + std::to_string(i);
    last.depends_on.push_back({name});
    graph.Add({.name = std::move(name)});
  }
  graph.Add(std::move(last));
  auto blueprint = Freeze(graph);
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->predecessors(kTasks).size(), kTasks);
  EXPECT_EQ(blueprint->need(kTasks), kTasks);
  EXPECT_EQ(blueprint->steps(), 2u);
}

TEST(BlueprintTest, AddsUpEstimatesOfYears) {
  auto blueprint = Freeze(GraphBuilder()
                              .Task("a")
                              .Estimate(absl::Hours(24 * 365))
                              .Task("b", {"a"})
                              .Estimate(absl::Hours(24 * 365)));
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->critical_path(), absl::Hours(2 * 24 * 365));
}

}  // namespace
}  // namespace w2t::testing
