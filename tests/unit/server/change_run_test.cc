// RestartTasks and ReviseRun, as a client sees them.
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/daemon_env.h"

namespace w2t::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// "~ api command", "+ new", "- old", "^ lb depends_on", "* db", "> web api".
std::vector<std::string> Told(
    const google::protobuf::RepeatedPtrField<v1::TaskChange>& changes) {
  std::vector<std::string> told;
  for (const v1::TaskChange& change : changes) {
    std::string line =
        fmt::format("{} {}", "?+-~^*>"[change.kind()], change.task());
    for (const std::string& field : change.fields()) line += " " + field;
    if (!change.follows().empty()) line += " " + change.follows();
    told.push_back(std::move(line));
  }
  return told;
}

class ChangeRunTest : public DaemonTest {
 protected:
  // db <- api (restart) <- web (restart), each on its own action.
  static v1::Graph Shop() {
    v1::Graph graph;
    graph.set_name("shop");
    for (const char* name : {"db", "api", "web"}) {
      v1::Task& task = *graph.add_tasks();
      task.set_name(name);
      task.set_kind(v1::TASK_KIND_SERVICE);
      task.set_action(static_cast<uint32_t>(graph.actions_size()));
      graph.add_actions()->mutable_exec()->set_shell(name);
      if (graph.tasks_size() == 1) continue;
      v1::Dependency& edge = *task.add_depends_on();
      edge.set_task(graph.tasks(graph.tasks_size() - 2).name());
      edge.set_restart(true);
    }
    return graph;
  }
  static v1::Graph Changed(int task) {
    v1::Graph graph = Shop();
    graph.mutable_actions(task)->mutable_exec()->set_shell("new");
    return graph;
  }

  grpc::Status SubmitUp(const v1::Graph& graph) {
    v1::SubmitRunRequest request;
    *request.mutable_graph() = graph;
    request.set_unique_name(true);
    v1::SubmitRunResponse response;
    Context context;
    return runs_->SubmitRun(&context, request, &response);
  }
  // All three are up on a worker that this test plays.
  void BringUp() {
    StartDaemon();
    worker_ = Worker("w1", 4);
    ASSERT_TRUE(worker_->Join());
    ASSERT_TRUE(SubmitUp(Shop()).ok());
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(worker_->AwaitOffers(i + 1));
      worker_->Report(i, v1::TASK_STATE_RUNNING);
    }
  }
  grpc::Status Revise(v1::Graph graph, bool dry_run = false,
                      const std::vector<std::string>& only = {},
                      const std::string& run_id = "shop-1") {
    v1::ReviseRunRequest request;
    request.set_run_id(run_id);
    *request.mutable_graph() = std::move(graph);
    request.set_dry_run(dry_run);
    for (const std::string& name : only) request.add_only(name);
    Context context;
    return runs_->ReviseRun(&context, request, &revised_);
  }
  grpc::Status Restart(const std::vector<std::string>& tasks,
                       bool dry_run = false, std::string request_id = "") {
    v1::RestartTasksRequest request;
    request.set_run_id("shop-1");
    for (const std::string& task : tasks) request.add_tasks(task);
    request.set_dry_run(dry_run);
    request.set_request_id(std::move(request_id));
    Context context;
    return runs_->RestartTasks(&context, request, &restarted_);
  }

  std::unique_ptr<FakeWorker> worker_;
  v1::ReviseRunResponse revised_;
  v1::RestartTasksResponse restarted_;
};

TEST_F(ChangeRunTest, ANameThatIsUpIsTakenUntilItsRunHasEnded) {
  BringUp();
  const grpc::Status status = SubmitUp(Shop());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(status.error_message(), HasSubstr("shop-1"));
  EXPECT_EQ(Submit(Shop()), "shop-2");  // without unique_name
  v1::ListRunsRequest request;
  request.set_name("shop");
  request.set_live(true);
  v1::ListRunsResponse response;
  Context context;
  ASSERT_TRUE(runs_->ListRuns(&context, request, &response).ok());
  ASSERT_EQ(response.runs_size(), 2);
  EXPECT_TRUE(response.runs(1).unique_name());
  request.set_name("shpo");
  Context again;
  ASSERT_TRUE(runs_->ListRuns(&again, request, &response).ok());
  EXPECT_EQ(response.runs_size(), 0);
}

TEST_F(ChangeRunTest, ADryRunTellsWhatWouldRestartAndWhy) {
  BringUp();
  ASSERT_TRUE(Restart({"api"}, /*dry_run=*/true).ok());
  EXPECT_THAT(Told(restarted_.changes()), ElementsAre("* api", "> web api"));
  ASSERT_TRUE(Revise(Changed(0), /*dry_run=*/true).ok());
  EXPECT_THAT(Told(revised_.changes()),
              ElementsAre("~ db command", "> api db", "> web api"));
  EXPECT_EQ(revised_.revision(), 2u);
  const v1::Run run = GetRun("shop-1");
  EXPECT_EQ(run.revision(), 1u);
  EXPECT_EQ(run.state(), v1::RUN_STATE_UP);
}

TEST_F(ChangeRunTest, ARequestIdRestartsOnceAndIsBounded) {
  BringUp();
  EXPECT_TRUE(Restart({"db"}, false, "id").ok());
  EXPECT_TRUE(Restart({"db"}, false, "id").ok());
  EXPECT_EQ(Restart({"api"}, false, "id").error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Restart({"db"}, false, std::string(129, 'x')).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ChangeRunTest, ARepeatIsAcknowledgedAlsoOfARunThatIsOnlyOnTheDisk) {
  BringUp();
  ASSERT_TRUE(Restart({"web"}, false, "id").ok());
  worker_->Report(2, v1::TASK_STATE_CANCELLED);
  ASSERT_TRUE(worker_->AwaitOffers(4));
  ASSERT_TRUE(worker_->AwaitAck(worker_->Report(3, v1::TASK_STATE_RUNNING)));
  v1::CancelRunRequest cancel;
  cancel.set_run_id("shop-1");
  v1::CancelRunResponse cancelled;
  Context context;
  ASSERT_TRUE(runs_->CancelRun(&context, cancel, &cancelled).ok());
  for (const int offer : {3, 1, 0}) {
    ASSERT_TRUE(
        worker_->AwaitAck(worker_->Report(offer, v1::TASK_STATE_CANCELLED)));
  }
  ASSERT_EQ(GetRun("shop-1").state(), v1::RUN_STATE_SUCCEEDED);
  for (const bool on_disk : {false, true}) {
    if (on_disk) {
      StopDaemon();
      StartDaemon();
    }
    EXPECT_TRUE(Restart({"web"}, false, "id").ok());
    EXPECT_FALSE(Restart({"api"}, false, "id").ok());
    EXPECT_EQ(Restart({"web"}, false, "new").error_code(),
              grpc::StatusCode::FAILED_PRECONDITION);
  }
}

TEST_F(ChangeRunTest, TheSameGraphIsNoRevision) {
  BringUp();
  ASSERT_TRUE(Revise(Shop()).ok());
  EXPECT_EQ(revised_.changes_size(), 0);
  EXPECT_EQ(revised_.revision(), 1u);
  EXPECT_EQ(GetRun("shop-1").revision(), 1u);
}

TEST_F(ChangeRunTest, OneRevisionAtATimeAndItsGraphComesWhenAllHasStopped) {
  BringUp();
  ASSERT_TRUE(Revise(Changed(2)).ok());
  EXPECT_EQ(GetRun("shop-1").revision(), 1u);
  EXPECT_EQ(Revise(Changed(0)).error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(Revise(Changed(0), /*dry_run=*/true).error_code(),
            grpc::StatusCode::ABORTED);
  worker_->Report(2, v1::TASK_STATE_CANCELLED);
  ASSERT_TRUE(worker_->AwaitOffers(4));
  EXPECT_EQ(worker_->offers[3].name, "web");
  EXPECT_EQ(GetRun("shop-1").revision(), 2u);
  ASSERT_TRUE(Revise(Changed(2), /*dry_run=*/true).ok());
  EXPECT_EQ(revised_.changes_size(), 0);
}

TEST_F(ChangeRunTest, WhatOnlySaysWhenATaskMayStartIsChangedInPlace) {
  BringUp();
  v1::Graph graph = Shop();
  graph.mutable_tasks(1)->set_priority(5);
  ASSERT_TRUE(Revise(graph).ok());
  EXPECT_THAT(Told(revised_.changes()), ElementsAre("^ api priority"));
  const v1::Run run = GetRun("shop-1");
  EXPECT_EQ(run.revision(), 2u);
  EXPECT_EQ(run.counts().running(), 3u);
  EXPECT_EQ(run.state(), v1::RUN_STATE_UP);
}

TEST_F(ChangeRunTest, AFaultyRequestIsRefusedWithItsField) {
  BringUp();
  const auto expect = [](const grpc::Status& status, grpc::StatusCode code,
                         const char* field, const char* text) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(FaultOf(status).field(), field);
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  };
  using grpc::StatusCode;
  expect(Revise(Shop(), false, {}, "nobody-9"), StatusCode::NOT_FOUND, "run_id",
         "nobody-9");
  expect(Revise(Shop(), false, {"wb"}), StatusCode::INVALID_ARGUMENT, "only[0]",
         "'wb'");
  v1::Graph other = Shop();
  other.set_name("store");
  expect(Revise(other), StatusCode::INVALID_ARGUMENT, "graph.name",
         "of graph 'shop', not 'store'");
  v1::Graph without = Shop();
  without.mutable_tasks()->DeleteSubrange(1, 1);
  without.mutable_tasks(1)->clear_depends_on();
  expect(Revise(without, false, {"api"}), StatusCode::INVALID_ARGUMENT, "only",
         "task 'web' is left as it is and depends on 'api'");
  v1::Graph removed = Shop();
  removed.mutable_tasks(0)->set_removed(true);
  expect(Revise(removed), StatusCode::INVALID_ARGUMENT,
         "graph.tasks[0].removed", "daemon");
  expect(Restart({"wbe"}), StatusCode::NOT_FOUND, "task",
         "did you mean 'web'?");
  expect(Restart({}), StatusCode::INVALID_ARGUMENT, "tasks", "required");
  v1::CancelRunRequest cancel;
  cancel.set_run_id("shop-1");
  v1::CancelRunResponse cancelled;
  Context context;
  ASSERT_TRUE(runs_->CancelRun(&context, cancel, &cancelled).ok());
  expect(Revise(Changed(0)), StatusCode::FAILED_PRECONDITION, "run_id",
         "is stopping");
  expect(Restart({"web"}), StatusCode::FAILED_PRECONDITION, "run_id",
         "is stopping");
}

}  // namespace
}  // namespace w2t::server
