// Large runs through the engine. Nothing is timed; what costs too much is felt.
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

// Ends all that "w1" holds, in one batch; false when it holds nothing.
bool EndAll(EngineEnv& env) {
  const std::vector<LeaseRef> held = env.worker("w1").held;
  if (held.empty()) return false;
  ReportColumns reports;
  for (const LeaseRef& lease : held) {
    reports.leases.Add(lease);
    reports.state.push_back(TaskState::kSucceeded);
    reports.exit_code.push_back(0);
  }
  env.Report("w1", reports);
  return true;
}

TEST(EngineScaleTest, AHundredThousandIndependentTasksThroughOneWorker) {
  constexpr uint32_t kTasks = 100'000;
  constexpr uint32_t kSlots = 8'192;
  Graph graph("many");
  for (uint32_t i = 0; i < kTasks; ++i) {
    graph.Add({.name = "t" + std::to_string(i)});
  }
  EngineEnv env({}, /*cheap=*/true);
  env.Hello("w1", {.slots = kSlots});
  env.Submit(graph);
  EXPECT_EQ(env.worker("w1").held.size(), kSlots);
  uint32_t rounds = 0;
  while (EndAll(env)) ++rounds;
  EXPECT_EQ(rounds, (kTasks + kSlots - 1) / kSlots);
  EXPECT_EQ(env.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env.run().count(TaskState::kSucceeded), kTasks);
}

TEST(EngineScaleTest, AChainRunsTaskByTask) {
  constexpr uint32_t kTasks = 5'000;
  Graph graph("chain");
  graph.Add({.name = "t0"});
  for (uint32_t i = 1; i < kTasks; ++i) {
    graph.Add({.name = "t" + std::to_string(i),
               .depends_on = {{"t" + std::to_string(i - 1)}}});
  }
  EngineEnv env({}, /*cheap=*/true);
  env.Hello("w1", {.slots = 8});
  env.Submit(graph);
  uint32_t rounds = 0;
  while (EndAll(env)) ++rounds;
  EXPECT_EQ(rounds, kTasks);
  EXPECT_EQ(env.EndState(), RunState::kSucceeded);
}

TEST(EngineScaleTest, WideStepsWithAllEdgesBetweenThem) {
  constexpr uint32_t kWidth = 100;
  constexpr uint32_t kSteps = 10;
  Graph graph("layered");
  for (uint32_t step = 0; step < kSteps; ++step) {
    for (uint32_t i = 0; i < kWidth; ++i) {
      TaskSpec task{.name = std::to_string(step) + "." + std::to_string(i)};
      for (uint32_t j = 0; step > 0 && j < kWidth; ++j) {
        task.depends_on.push_back(
            {std::to_string(step - 1) + "." + std::to_string(j)});
      }
      graph.Add(std::move(task));
    }
  }
  EngineEnv env({}, /*cheap=*/true);
  env.Hello("w1", {.slots = 1'000});
  env.Submit(graph);
  uint32_t rounds = 0;
  while (EndAll(env)) ++rounds;
  EXPECT_EQ(rounds, kSteps);
  EXPECT_EQ(env.EndState(), RunState::kSucceeded);
}

TEST(EngineScaleTest, ManyReadyTasksCostNothingWhileNoWorkerFits) {
  // Each of the 20,000 steps may look at the shapes, but not at the tasks.
  constexpr uint32_t kTasks = 50'000;
  Graph graph("waiting");
  const uint32_t nobody = graph.AddDemand({.worker = "nobody"});
  for (uint32_t i = 0; i < kTasks; ++i) {
    graph.Add({.name = "t" + std::to_string(i), .demand = nobody});
  }
  EngineEnv env({}, /*cheap=*/true);
  env.Hello("w1", {.slots = 1});
  env.Submit(graph);
  for (int i = 0; i < 20'000; ++i) env.Step({});
  EXPECT_EQ(env.run().count(TaskState::kReady), kTasks);
}

}  // namespace
}  // namespace w2t::testing
