// Runs that are played without being run.
#include "core/engine/predict.h"

#include <memory>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/graph_builder.h"
#include "w2t/blueprint.h"

namespace w2t::testing {
namespace {

constexpr absl::Duration kUnit = absl::Milliseconds(100);

std::shared_ptr<const Blueprint> Freeze(const Graph& graph) {
  BlueprintOr built = Blueprint::Build(graph, Limits());
  EXPECT_TRUE(built.faults.empty()) << built.faults.Summary();
  return std::move(built.blueprint);
}

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

TEST(PredictTest, StepsAreNoBarrier) {
  const auto blueprint = Freeze(When2Task());
  EXPECT_EQ(blueprint->steps(), 3u);
  const Prediction prediction = Predict(blueprint, 2);
  EXPECT_EQ(prediction.length, 5 * kUnit) << "with barriers it would be 6";
  EXPECT_EQ(prediction.start[2], 2 * kUnit);
  EXPECT_EQ(prediction.end[2], 3 * kUnit);
  EXPECT_EQ(prediction.start[3], 3 * kUnit);
  EXPECT_EQ(prediction.end[3], 5 * kUnit);
}

TEST(PredictTest, OneSlotTakesTheSumOfAll) {
  EXPECT_EQ(Predict(Freeze(When2Task()), 1).length, 8 * kUnit);
}

TEST(PredictTest, MoreSlotsThanTasksTakeTheCriticalPath) {
  const auto blueprint = Freeze(When2Task());
  EXPECT_EQ(Predict(blueprint, 100).length, blueprint->critical_path());
}

TEST(PredictTest, ReadyTasksGoByTheirRemainingCriticalPath) {
  const Prediction prediction = Predict(Freeze(GraphBuilder()
                                                   .Task("short")
                                                   .Task("head")
                                                   .Task("tail", {"head"})
                                                   .Estimate(9 * kUnit)),
                                        1);
  EXPECT_EQ(prediction.start[1], absl::ZeroDuration());
  EXPECT_GT(prediction.start[0], absl::ZeroDuration());
}

TEST(PredictTest, AServiceTakesItsEstimateToGetReadyAndNoSlotAfterwards) {
  const Prediction prediction = Predict(Freeze(GraphBuilder()
                                                   .Service("db")
                                                   .Probe()
                                                   .Estimate(2 * kUnit)
                                                   .Task("a", {"db"})
                                                   .Estimate(3 * kUnit)),
                                        1);
  EXPECT_EQ(prediction.end[0], 2 * kUnit);
  EXPECT_EQ(prediction.start[1], 2 * kUnit);
  EXPECT_EQ(prediction.length, 5 * kUnit);
}

TEST(PredictTest, TheLengthIncludesAServiceThatIsReadyLast) {
  const Prediction prediction = Predict(Freeze(GraphBuilder()
                                                   .Task("a")
                                                   .Estimate(1 * kUnit)
                                                   .Service("db")
                                                   .Probe()
                                                   .Estimate(4 * kUnit)),
                                        2);
  EXPECT_EQ(prediction.length, 4 * kUnit);
}

TEST(PredictTest, WhatOnlyRunsAfterAFailureIsSkipped) {
  const Prediction prediction =
      Predict(Freeze(GraphBuilder().Task("a").Estimate(1 * kUnit).Task(
                  "undo", {{"a", Condition::kFailed}})),
              2);
  EXPECT_EQ(prediction.start[1], prediction.end[1]);
  EXPECT_EQ(prediction.length, 1 * kUnit);
}

TEST(PredictTest, PartsOfSlotsAndTooLargeDemandsAreCounted) {
  const Demand half{.resources = {{"cpus", 500}}};
  const Demand huge{.resources = {{"cpus", 64'000}}};
  const auto blueprint = Freeze(GraphBuilder()
                                    .Task("a")
                                    .Demands(half)
                                    .Estimate(2 * kUnit)
                                    .Task("b")
                                    .Demands(half)
                                    .Estimate(2 * kUnit)
                                    .Task("c")
                                    .Demands(huge)
                                    .Estimate(1 * kUnit));
  EXPECT_EQ(Predict(blueprint, 1).length, 3 * kUnit);
}

TEST(PredictTest, WideStepsFillTheSlots) {
  Graph graph;
  for (int step = 0; step < 5; ++step) {
    for (int i = 0; i < 200; ++i) {
      TaskSpec task{.name = std::to_string(step) + "." + std::to_string(i),
                    .estimate = kUnit};
      for (int j = 0; step > 0 && j < 200; ++j) {
        task.depends_on.push_back(
            {std::to_string(step - 1) + "." + std::to_string(j)});
      }
      graph.Add(std::move(task));
    }
  }
  const Prediction prediction = Predict(Freeze(graph), 100);
  EXPECT_EQ(prediction.length, 10 * kUnit);
}

}  // namespace
}  // namespace w2t::testing
