#include "server/rpc/explain.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ExplainTest : public ::testing::Test {
 protected:
  v1::ExplainTaskResponse Ask(RunNumber number, std::string_view task) const {
    const w2t::Run& run = *engine_.engine().FindRun(number);
    v1::ExplainTaskResponse response;
    const View view = engine_.view();
    Explain(view, run, run.blueprint().Find(task), engine_.now(), &response);
    return response;
  }
  // "depth name", with a * where it has been told above.
  static std::vector<std::string> Tree(const v1::ExplainTaskResponse& all) {
    std::vector<std::string> lines;
    for (const v1::ExplainedTask& task : all.tasks()) {
      lines.push_back(std::to_string(task.depth()) + " " + task.task().name() +
                      (task.told_above() ? "*" : ""));
    }
    return lines;
  }
  static void Depend(v1::Graph& graph, int task, std::string on,
                     v1::Condition condition = v1::CONDITION_UNSPECIFIED) {
    v1::Dependency& edge = *graph.mutable_tasks(task)->add_depends_on();
    edge.set_task(std::move(on));
    edge.set_condition(condition);
  }

  EngineFixture engine_;
};

TEST_F(ExplainTest, GoesDownToWhatDoesNotWaitForTasks) {
  v1::Graph graph = MakeGraph("g", 4);
  Depend(graph, 3, "t1");
  Depend(graph, 3, "t2", v1::CONDITION_FINISHED);
  Depend(graph, 2, "t0");
  Depend(graph, 1, "t0");
  const auto all = Ask(engine_.Submit(graph), "t3");
  EXPECT_THAT(Tree(all), ElementsAre("0 t3", "1 t1", "2 t0", "1 t2", "2 t0*"));
  EXPECT_EQ(all.tasks(0).condition(), v1::CONDITION_UNSPECIFIED);
  EXPECT_EQ(all.tasks(1).condition(), v1::CONDITION_SUCCEEDED);
  EXPECT_EQ(all.tasks(3).condition(), v1::CONDITION_FINISHED);
  EXPECT_THAT(all.tasks(2).task().waiting_for(),
              ElementsAre("no worker is connected"));
  EXPECT_FALSE(all.truncated());
}

TEST_F(ExplainTest, ASkippedTaskLeadsToWhatFailed) {
  const RunNumber run = engine_.Submit(MakeGraph("g", 3, 3));
  engine_.AddWorker(1);
  engine_.ReportAll(TaskState::kFailed, 7);
  const auto all = Ask(run, "t2");
  EXPECT_THAT(Tree(all), ElementsAre("0 t2", "1 t1", "2 t0"));
  EXPECT_EQ(all.tasks(2).task().exit_code(), 7);
}

TEST_F(ExplainTest, TellsWhoHasWhatAReadyTaskLacks) {
  engine_.AddWorker(2);
  v1::Graph graph = MakeGraph("first", 2);
  graph.mutable_tasks(0)->mutable_estimate()->set_seconds(40);
  engine_.Submit(graph);
  engine_.ReportAll(TaskState::kRunning);
  const auto all = Ask(engine_.Submit(MakeGraph("second", 1)), "t0");
  ASSERT_EQ(all.tasks_size(), 1);
  ASSERT_EQ(all.tasks(0).shortages_size(), 1);
  const v1::Shortage& shortage = all.tasks(0).shortages(0);
  EXPECT_EQ(shortage.worker(), "w1");
  EXPECT_EQ(shortage.resource(), "cpus");
  EXPECT_EQ(shortage.needed_milli(), 1'000u);
  EXPECT_EQ(shortage.free_milli(), 0u);
  EXPECT_EQ(shortage.total_milli(), 2'000u);
  EXPECT_EQ(shortage.holder_count(), 2u);
  ASSERT_EQ(shortage.holders_size(), 2);
  EXPECT_EQ(shortage.holders(0).run_id(), "first-1");
  EXPECT_EQ(shortage.holders(0).task(), "t0");
  EXPECT_EQ(shortage.holders(0).milli(), 1'000u);
  EXPECT_TRUE(shortage.holders(0).has_start_time());
  EXPECT_EQ(shortage.holders(0).estimate().seconds(), 40);
  EXPECT_FALSE(shortage.holders(1).has_estimate()) << "nothing was declared";
}

TEST_F(ExplainTest, CountsThoseThatGoFirst) {
  v1::Graph graph = MakeGraph("g", 4);
  graph.mutable_tasks(1)->set_priority(1);
  graph.mutable_tasks(2)->set_priority(2);
  graph.mutable_tasks(3)->set_priority(2);
  v1::Resource& other = *graph.mutable_tasks(3)->add_resources();
  other.set_name("cpus");
  other.set_milli(2'000);
  const RunNumber run = engine_.Submit(graph);
  EXPECT_EQ(Ask(run, "t0").tasks(0).more_urgent(), 2u)
      << "t3 demands something else";
  EXPECT_EQ(Ask(run, "t2").tasks(0).more_urgent(), 0u);
  EXPECT_THAT(Ask(run, "t0").tasks(0).shortages(), IsEmpty());
}

TEST_F(ExplainTest, ARestartLeadsToWhatHasToStopBefore) {
  v1::Graph graph = MakeGraph("g", 3, 3);
  for (v1::Task& task : *graph.mutable_tasks()) {
    task.set_kind(v1::TASK_KIND_SERVICE);
    for (v1::Dependency& edge : *task.mutable_depends_on()) {
      edge.set_restart(true);
    }
  }
  const RunNumber run = engine_.Submit(graph);
  engine_.AddWorker(3);
  for (int i = 0; i < 3; ++i) engine_.ReportAll(TaskState::kRunning);
  engine_.Step(RestartEvent{.run_id = "g-1", .tasks = {"t0"}});
  const auto all = Ask(run, "t0");
  EXPECT_THAT(Tree(all), ElementsAre("0 t0", "1 t1", "2 t2"));
  EXPECT_EQ(all.tasks(0).task().wait_kind(), v1::WAIT_KIND_TO_BE_STOPPED);
  EXPECT_THAT(all.tasks(0).task().waiting_for(), ElementsAre("t1"));
  EXPECT_EQ(all.tasks(1).condition(), v1::CONDITION_UNSPECIFIED);
  EXPECT_TRUE(all.tasks(2).task().stopping());
}

TEST_F(ExplainTest, AWideGraphIsCutAndSaysSo) {
  v1::Graph graph = MakeGraph("g", 1'000);
  for (int i = 1; i < 1'000; ++i) Depend(graph, 0, "t" + std::to_string(i));
  const auto all = Ask(engine_.Submit(graph), "t0");
  EXPECT_EQ(all.tasks_size(), kMaxExplained);
  EXPECT_TRUE(all.truncated());
}

}  // namespace
}  // namespace w2t::server
