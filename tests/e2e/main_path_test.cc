// The main job, as a client of the protocol sees it: a graph goes in, remote
// workers run it, the outcome comes back.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"

namespace w2t::test {
namespace {

using ::testing::HasSubstr;

class MainPathTest : public FleetTest {};

TEST_F(MainPathTest, GraphRunsInOrderOnTwoWorkersAndIsWatched) {
  StartDaemon({}, /*tcp=*/true);
  AddWorker({.name = "w1", .slots = 1});
  AddWorker({.name = "w2", .slots = 1});
  ASSERT_TRUE(client_->WaitForWorkers(2));
  // Each of a and b waits for the other one's file: only two workers at once
  // can end them.
  v1::Graph graph;
  graph.set_name("pair");
  AddShell(graph, "a",
           fmt::format("touch '{}'; {}", dir_ / "a", WaitForFile(dir_ / "b")));
  AddShell(graph, "b",
           fmt::format("touch '{}'; {}", dir_ / "b", WaitForFile(dir_ / "a")));
  AddShell(graph, "c", "echo done by $W2T_WORKER in $W2T_RUN_ID", {"a", "b"});
  const std::string run_id = client_->Submit(graph);
  EXPECT_EQ(run_id, "pair-1");
  Watch watch(daemon_->address(), run_id);
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(run.exit_code(), 0);
  EXPECT_EQ(run.counts().succeeded(), 3u);
  EXPECT_EQ(run.steps(), 2u);

  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_TRUE(watch.gapless());
  ASSERT_TRUE(watch.ended().has_value());
  EXPECT_EQ(watch.ended()->run_id(), run_id);
  EXPECT_EQ(watch.ended()->last_seq(), watch.last_seq());
  for (const auto& [name, seen] : watch.tasks()) {
    EXPECT_EQ(seen.first, v1::TASK_STATE_SUCCEEDED) << name;
  }
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  ASSERT_EQ(tasks.size(), 3u);
  EXPECT_NE(tasks[0].worker(), tasks[1].worker());
  EXPECT_EQ(client_->ReadLogs(run_id, "c"),
            fmt::format("done by {} in pair-1\n", tasks[2].worker()));
}

TEST_F(MainPathTest, FailureSkipsWhatLiesBehindItOnly) {
  StartFleet(2);
  v1::Graph graph;
  AddShell(graph, "bad", "echo broken >&2; exit 7");
  AddShell(graph, "behind", "true", {"bad"});
  AddShell(graph, "further", "true", {"behind"});
  AddShell(graph, "apart", "true");
  AddShell(graph, "rescue", "true")
      .add_depends_on()
      ->set_condition(v1::CONDITION_FAILED);
  graph.mutable_tasks(4)->mutable_depends_on(0)->set_task("bad");
  const std::string run_id = client_->Submit(graph);
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(run.exit_code(), 1);
  ASSERT_EQ(run.failures_size(), 1);
  EXPECT_EQ(run.failures(0).name(), "bad");
  EXPECT_EQ(run.failures(0).exit_code(), 7);
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  EXPECT_EQ(FindTask(tasks, "behind")->state(), v1::TASK_STATE_SKIPPED);
  EXPECT_THAT(FindTask(tasks, "behind")->waiting_for(),
              ::testing::ElementsAre("bad"));
  EXPECT_EQ(FindTask(tasks, "further")->state(), v1::TASK_STATE_SKIPPED);
  EXPECT_EQ(FindTask(tasks, "apart")->state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(FindTask(tasks, "rescue")->state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(client_->ReadLogs(run_id, "bad"), "broken\n");
}

TEST_F(MainPathTest, TimeoutSignalAndRetryAreRecordedAsWhatTheyAre) {
  StartFleet(4);
  v1::Graph graph;
  v1::Task& slow = AddShell(graph, "slow", "sleep 100");
  ActionOf(graph, slow).mutable_timeout()->set_nanos(100'000'000);
  AddShell(graph, "shot", "kill -KILL $$");
  AddShell(graph, "third", "test $W2T_ATTEMPT = 3")
      .mutable_retry()
      ->set_attempts(5);
  v1::Task& missing = AddShell(graph, "missing", "");
  ActionOf(graph, missing).mutable_exec()->clear_shell();
  ActionOf(graph, missing).mutable_exec()->add_argv("/no/such/program");
  const std::string run_id = client_->Submit(graph);
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_FAILED);
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  EXPECT_EQ(FindTask(tasks, "slow")->state(), v1::TASK_STATE_TIMED_OUT);
  EXPECT_EQ(FindTask(tasks, "shot")->state(), v1::TASK_STATE_FAILED);
  EXPECT_EQ(FindTask(tasks, "shot")->signal(), 9u);
  EXPECT_EQ(FindTask(tasks, "third")->state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(FindTask(tasks, "third")->attempt(), 3u);
  EXPECT_EQ(FindTask(tasks, "missing")->state(), v1::TASK_STATE_FAILED);
  EXPECT_THAT(FindTask(tasks, "missing")->message(),
              HasSubstr("/no/such/program"));
}

TEST_F(MainPathTest, CancelStopsWhatRunsAndStartsNothingNew) {
  StartFleet(1);
  v1::Graph graph;
  AddShell(graph, "running", "sleep 1000");
  AddShell(graph, "next", "true", {"running"});
  const std::string run_id = client_->Submit(graph);
  ASSERT_TRUE(client_->WaitForTask(run_id, "running", v1::TASK_STATE_RUNNING));
  client_->Cancel(run_id, "changed my mind");
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_CANCELLED);
  EXPECT_EQ(run.cancel_reason(), "changed my mind");
  EXPECT_EQ(run.counts().cancelled(), 2u) << run.ShortDebugString();
  // Twice is no error.
  client_->Cancel(run_id, "again");
  EXPECT_EQ(client_->GetRun(run_id).cancel_reason(), "changed my mind");
}

TEST_F(MainPathTest, WorkersAreChosenByLabelAndName) {
  StartDaemon();
  AddWorker({.name = "w1", .flags = {"--label", "role=db"}});
  AddWorker({.name = "w2", .flags = {"--label", "role=app"}});
  ASSERT_TRUE(client_->WaitForWorkers(2));
  v1::Graph graph;
  for (int i = 0; i < 8; ++i) {
    v1::Task& task = AddShell(graph, fmt::format("label{}", i), "true");
    (*task.mutable_host()->mutable_labels())["role"] = "app";
    AddShell(graph, fmt::format("name{}", i), "true")
        .mutable_host()
        ->set_worker("w1");
  }
  const std::string run_id = client_->Submit(graph);
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  for (const auto& task : client_->ListTasks(run_id)) {
    EXPECT_EQ(task.worker(), task.name().starts_with("label") ? "w2" : "w1");
  }
}

TEST_F(MainPathTest, ReadyTaskSaysWhyItWaits) {
  StartFleet(1);
  v1::Graph graph;
  v1::Task& task = AddShell(graph, "picky", "true");
  (*task.mutable_host()->mutable_labels())["role"] = "nobody";
  const std::string run_id = client_->Submit(graph);
  ASSERT_TRUE(client_->WaitForTask(run_id, "picky", v1::TASK_STATE_READY));
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  ASSERT_EQ(tasks[0].waiting_for_size(), 1);
  EXPECT_THAT(tasks[0].waiting_for(0), HasSubstr("role=nobody"));
  client_->Cancel(run_id);
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_CANCELLED);
}

TEST_F(MainPathTest, SlotsAreNeverExceeded) {
  StartFleet(3);
  // Each task notes how many are inside with it.
  const std::string inside = dir_ / "inside";
  std::filesystem::create_directory(inside);
  v1::Graph graph;
  for (int i = 0; i < 40; ++i) {
    AddShell(graph, fmt::format("t{}", i),
             fmt::format("touch {0}/$W2T_TASK; ls {0} | wc -l >> {1}; "
                         "sleep 0.02; rm {0}/$W2T_TASK",
                         inside, dir_ / "counts"));
  }
  const std::string run_id = client_->Submit(graph);
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  int most = 0;
  for (const auto& line : ReadLines(dir_ / "counts")) {
    most = std::max(most, std::stoi(line));
  }
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 2);
}

TEST_F(MainPathTest, RepeatedSubmitWithTheSameRequestIdIsTheSameRun) {
  StartFleet(1);
  v1::SubmitRunRequest request;
  AddShell(*request.mutable_graph(), "once", "true");
  request.set_request_id("deploy-42");
  v1::SubmitRunResponse first;
  v1::SubmitRunResponse second;
  for (v1::SubmitRunResponse* response : {&first, &second}) {
    grpc::ClientContext context;
    SetDeadline(context);
    ASSERT_TRUE(client_->runs().SubmitRun(&context, request, response).ok());
  }
  EXPECT_FALSE(first.existing());
  EXPECT_TRUE(second.existing());
  EXPECT_EQ(first.run_id(), second.run_id());
  client_->WaitForEnd(first.run_id());
  // Also by a daemon that was started anew.
  daemon_->Kill();
  RestartDaemon();
  grpc::ClientContext context;
  SetDeadline(context);
  ASSERT_TRUE(client_->runs().SubmitRun(&context, request, &second).ok());
  EXPECT_TRUE(second.existing());
  EXPECT_EQ(first.run_id(), second.run_id());
}

TEST_F(MainPathTest, RunsAreListedNewestFirstInPages) {
  StartFleet(2);
  v1::Graph graph;
  graph.set_name("n");
  AddShell(graph, "t", "true");
  for (int i = 0; i < 5; ++i) client_->WaitForEnd(client_->Submit(graph));
  std::vector<std::string> ids;
  v1::ListRunsRequest request;
  request.set_page_size(2);
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListRunsResponse response;
    ASSERT_TRUE(client_->runs().ListRuns(&context, request, &response).ok());
    EXPECT_LE(response.runs_size(), 2);
    for (const auto& run : response.runs()) ids.push_back(run.run_id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(ids, ::testing::ElementsAre("n-5", "n-4", "n-3", "n-2", "n-1"));
}

TEST_F(MainPathTest, DrainedWorkerGetsNothingUntilTheDrainIsTakenBack) {
  StartFleet(2);
  v1::DrainWorkerRequest drain;
  drain.set_name("w1");
  v1::DrainWorkerResponse drained;
  grpc::ClientContext context;
  SetDeadline(context);
  ASSERT_TRUE(client_->admin().DrainWorker(&context, drain, &drained).ok());
  EXPECT_EQ(drained.worker().state(), v1::WORKER_STATE_DRAINING);
  v1::Graph graph;
  AddShell(graph, "t", "true");
  const std::string run_id = client_->Submit(graph);
  EXPECT_EQ(client_->ListTasks(run_id)[0].state(), v1::TASK_STATE_READY);
  drain.set_undo(true);
  grpc::ClientContext again;
  SetDeadline(again);
  ASSERT_TRUE(client_->admin().DrainWorker(&again, drain, &drained).ok());
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace w2t::test
