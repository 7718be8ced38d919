#include "server/daemon.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/limits.h"
#include "tests/unit/server/daemon_env.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using ::testing::HasSubstr;

TEST_F(DaemonTest, RunsAGraphOnAWorker) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  const std::string run_id = Submit(MakeGraph("g", 2, 2));
  ASSERT_TRUE(worker->AwaitOffers(1));
  EXPECT_EQ(worker->offers[0].name, "t0");
  worker->Report(0, v1::TASK_STATE_RUNNING);
  worker->Report(0, v1::TASK_STATE_SUCCEEDED);
  ASSERT_TRUE(worker->AwaitOffers(2));
  EXPECT_EQ(worker->offers[1].name, "t1");
  ASSERT_TRUE(worker->AwaitAck(worker->Report(1, v1::TASK_STATE_SUCCEEDED)));
  EXPECT_EQ(GetRun(run_id).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(DaemonTest, WhatCannotBeReadIsTheFaultOfWhoSentIt) {
  StartDaemon();
  const std::string not_utf8 = "\xff";
  {
    Context context;
    v1::GetRunRequest request;
    request.set_run_id(not_utf8);
    v1::GetRunResponse response;
    const grpc::Status status = runs_->GetRun(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(FaultOf(status).message(), HasSubstr("not UTF-8"));
  }
  {
    Context context;
    v1::ReadLogsRequest request;
    request.set_run_id(not_utf8);
    v1::ReadLogsResponse response;
    const auto reader = runs_->ReadLogs(&context, request);
    EXPECT_FALSE(reader->Read(&response));
    EXPECT_EQ(reader->Finish().error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  const auto worker = Worker(not_utf8, 1);
  EXPECT_FALSE(worker->Join());
  EXPECT_EQ(worker->End().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DaemonTest, AStartThatCannotListenIsNotCounted) {
  Config nowhere = config_;
  nowhere.listen = {fmt::format("unix:{}/none/s", directory_)};
  EXPECT_EQ(StartAnother(nowhere).code(), absl::StatusCode::kUnavailable);
  StartDaemon();
  Context context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(admin_->GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.epoch(), 1u);
}

TEST_F(DaemonTest, AFailureIsAnOutcomeWithItsTask) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  const std::string run_id = Submit(MakeGraph("g", 2, 2));
  ASSERT_TRUE(worker->AwaitOffers(1));
  ASSERT_TRUE(worker->AwaitAck(worker->Report(0, v1::TASK_STATE_FAILED, 7)));
  const v1::Run run = GetRun(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(run.counts().skipped(), 1u);
  ASSERT_EQ(run.failures_size(), 1);
  EXPECT_EQ(run.failures(0).name(), "t0");
  EXPECT_EQ(run.failures(0).exit_code(), 7);
  EXPECT_EQ(run.failures(0).worker(), "w1");
}

TEST_F(DaemonTest, ARestartKeepsRunsAndLeases) {
  StartDaemon();
  uint64_t fence = 0;
  std::string run_id;
  {
    const auto worker = Worker("w1", 1);
    ASSERT_TRUE(worker->Join());
    run_id = Submit(MakeGraph("g", 2, 2));
    ASSERT_TRUE(worker->AwaitOffers(1));
    fence = worker->offers[0].fence;
    StopDaemon();
  }
  StartDaemon();
  EXPECT_EQ(GetRun(run_id).counts().leased(), 1u);

  const auto worker = Worker("w1", 1);
  v1::LeaseColumns& held = *worker->hello().mutable_held();
  held.add_run(1);
  held.add_task(0);
  held.add_attempt(1);
  held.add_fence(fence);
  ASSERT_TRUE(worker->Join());
  ASSERT_EQ(worker->welcome.verdicts_size(), 1);
  EXPECT_EQ(worker->welcome.verdicts(0), v1::HELD_VERDICT_KEEP);
  worker->offers.push_back({1, 0, 1, fence, "t0"});
  ASSERT_TRUE(worker->AwaitAck(worker->Report(0, v1::TASK_STATE_SUCCEEDED)));
  EXPECT_EQ(GetRun(run_id).counts().succeeded(), 1u);
}

TEST_F(DaemonTest, ARepeatedSubmitIsTheSameRun) {
  StartDaemon();
  v1::SubmitRunRequest request;
  *request.mutable_graph() = MakeGraph("g", 1);
  request.set_request_id("r1");
  v1::SubmitRunResponse first;
  v1::SubmitRunResponse second;
  Context a;
  ASSERT_TRUE(runs_->SubmitRun(&a, request, &first).ok());
  Context b;
  ASSERT_TRUE(runs_->SubmitRun(&b, request, &second).ok());
  EXPECT_EQ(second.run_id(), first.run_id());
  EXPECT_TRUE(second.existing());

  *request.mutable_graph() = MakeGraph("g", 2);
  Context c;
  const grpc::Status other = runs_->SubmitRun(&c, request, &second);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(FaultOf(other).code(), v1::DIAGNOSTIC_CODE_CONFLICT);
  EXPECT_EQ(FaultOf(other).task_index(), 1u);
  EXPECT_EQ(FaultOf(other).field(), "graph.tasks[1]");
  EXPECT_EQ(other.error_message(),
            "request id \"r1\" was used for run g-1 with other content: task "
            "\"" +
                request.graph().tasks(1).name() + "\" is new");
  *request.mutable_graph() = MakeGraph("g", 1);
  request.set_hold(true);
  Context d;
  EXPECT_EQ(FaultOf(runs_->SubmitRun(&d, request, &second)).field(), "hold");
}

TEST_F(DaemonTest, TellsEveryLimit) {
  StartDaemon([](Config& config) { config.limits.max_tasks = 77; });
  Context context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(admin_->GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.limits().size(), AllLimits().size());
  EXPECT_EQ(info.limits().at("max_tasks"), 77u);
  EXPECT_EQ(info.epoch(), 1u);
  EXPECT_FALSE(info.draining());
  EXPECT_FALSE(info.version().empty());
}

TEST_F(DaemonTest, TellsWorkersTheirBounds) {
  StartDaemon([](Config& config) {
    config.limits.max_request_bytes = 9'000;
    config.limits.max_log_batches = 7;
  });
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  EXPECT_EQ(worker->welcome.max_message_bytes(), 9'000u);
  EXPECT_EQ(worker->welcome.max_log_batches(), 7u);
}

TEST_F(DaemonTest, RefusesAMessageThatIsTooLarge) {
  StartDaemon([](Config& config) { config.limits.max_request_bytes = 1'000; });
  Context context;
  v1::SubmitRunRequest request;
  *request.mutable_graph() = MakeGraph("g", 1'000);
  v1::SubmitRunResponse response;
  EXPECT_EQ(runs_->SubmitRun(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  Submit(MakeGraph("small", 1));
}

TEST_F(DaemonTest, ListsRunsAndTasksByThePage) {
  StartDaemon();
  for (int i = 0; i < 5; ++i) Submit(MakeGraph("g", 3));
  std::vector<std::string> ids;
  v1::ListRunsRequest request;
  request.set_page_size(2);
  do {
    Context context;
    v1::ListRunsResponse response;
    ASSERT_TRUE(runs_->ListRuns(&context, request, &response).ok());
    for (const v1::Run& run : response.runs()) ids.push_back(run.run_id());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(ids, ::testing::ElementsAre("g-5", "g-4", "g-3", "g-2", "g-1"));

  std::vector<std::string> names;
  v1::ListTasksRequest tasks;
  tasks.set_run_id("g-1");
  tasks.set_page_size(2);
  do {
    Context context;
    v1::ListTasksResponse response;
    ASSERT_TRUE(runs_->ListTasks(&context, tasks, &response).ok());
    for (const v1::TaskStatus& task : response.tasks()) {
      names.push_back(task.name());
      EXPECT_EQ(task.waiting_for_size(), 1);
    }
    tasks.set_page_token(response.next_page_token());
  } while (!tasks.page_token().empty());
  EXPECT_THAT(names, ::testing::ElementsAre("t0", "t1", "t2"));
}

TEST_F(DaemonTest, ListsTasksInTheStatesThatAreAskedFor) {
  StartDaemon();
  const std::string run_id = Submit(MakeGraph("g", 3, 2));
  v1::ListTasksRequest request;
  request.set_run_id(run_id);
  request.add_states(v1::TASK_STATE_WAITING);
  Context context;
  v1::ListTasksResponse response;
  ASSERT_TRUE(runs_->ListTasks(&context, request, &response).ok());
  ASSERT_EQ(response.tasks_size(), 1);
  EXPECT_EQ(response.tasks(0).name(), "t1");
  EXPECT_THAT(response.tasks(0).waiting_for(), ::testing::ElementsAre("t0"));
}

TEST_F(DaemonTest, ListsWorkersByNameWithWhatTheyHold) {
  StartDaemon();
  const auto b = Worker("b", 2);
  const auto a = Worker("a", 1);
  ASSERT_TRUE(b->Join());
  ASSERT_TRUE(a->Join());
  Submit(MakeGraph("g", 3));
  ASSERT_TRUE(b->AwaitOffers(2));
  v1::ListWorkersRequest request;
  request.set_page_size(1);
  Context first;
  v1::ListWorkersResponse response;
  ASSERT_TRUE(admin_->ListWorkers(&first, request, &response).ok());
  ASSERT_EQ(response.workers_size(), 1);
  EXPECT_EQ(response.workers(0).name(), "a");
  request.set_page_token(response.next_page_token());
  Context second;
  ASSERT_TRUE(admin_->ListWorkers(&second, request, &response).ok());
  ASSERT_EQ(response.workers_size(), 1);
  EXPECT_EQ(response.workers(0).name(), "b");
  EXPECT_EQ(response.workers(0).leases(), 2u);
  EXPECT_EQ(response.workers(0).used(0).milli(), 2'000u);
  EXPECT_EQ(response.workers(0).state(), v1::WORKER_STATE_ONLINE);
  EXPECT_EQ(response.next_page_token(), "");
}

TEST_F(DaemonTest, ADrainedWorkerIsToldAndGetsNothingNew) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  v1::DrainWorkerRequest request;
  request.set_name("w1");
  Context context;
  v1::DrainWorkerResponse response;
  ASSERT_TRUE(admin_->DrainWorker(&context, request, &response).ok());
  EXPECT_EQ(response.worker().state(), v1::WORKER_STATE_DRAINING);
  v1::SessionResponse message;
  ASSERT_TRUE(worker->Read(&message));
  EXPECT_TRUE(message.has_drain());
  const std::string run_id = Submit(MakeGraph("g", 1));
  EXPECT_EQ(GetRun(run_id).counts().ready(), 1u);
}

TEST_F(DaemonTest, WhileItDrainsItRefusesRunsAndShowsThem) {
  StartDaemon();
  const std::string run_id = Submit(MakeGraph("g", 1));
  daemon_->BeginDrain();
  Context context;
  v1::SubmitRunRequest request;
  *request.mutable_graph() = MakeGraph("g", 1);
  v1::SubmitRunResponse response;
  EXPECT_EQ(runs_->SubmitRun(&context, request, &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(GetRun(run_id).counts().ready(), 1u);
}

TEST_F(DaemonTest, ASecondDaemonIsRefusedTheDataAndTheSocket) {
  StartDaemon();
  Config same_data = config_;
  same_data.listen = {config_.listen[0] + "2"};
  EXPECT_EQ(StartAnother(same_data).code(),
            absl::StatusCode::kFailedPrecondition);
  Config same_socket = config_;
  same_socket.data += "2";
  const absl::Status status = StartAnother(same_socket);
  EXPECT_THAT(std::string(status.message()), HasSubstr(config_.listen[0]));
  Submit(MakeGraph("still-here", 1));
}

TEST_F(DaemonTest, APortThatIsTakenIsNamed) {
  StartDaemon([](Config& config) { config.listen = {"127.0.0.1:0"}; });
  Config other = config_;
  other.data += "2";
  other.listen = daemon_->addresses();
  const absl::Status status = StartAnother(other);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(other.listen[0]));
}

TEST_F(DaemonTest, ADataDirectoryThatCannotBeMadeIsNamed) {
  Config config = config_;
  config.data = "/proc/nothing/here";
  EXPECT_THAT(std::string(StartAnother(config).message()),
              HasSubstr("/proc/nothing/here"));
}

}  // namespace
}  // namespace w2t::server
