#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/daemon_env.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using grpc::StatusCode;
using SessionTest = DaemonTest;

v1::SessionRequest Pong() {
  v1::SessionRequest request;
  request.mutable_pong();
  return request;
}

TEST_F(SessionTest, OffersThatWaitForTheWorkerFollowItsWelcome) {
  StartDaemon();
  Submit(MakeGraph("g", 3));
  const auto worker = Worker("w1", 3);
  ASSERT_TRUE(worker->Join());
  EXPECT_TRUE(worker->AwaitOffers(3));
}

TEST_F(SessionTest, WelcomeTellsTheDaemonsTimes) {
  StartDaemon([](Config& config) {
    config.ping_interval = absl::Milliseconds(1'500);
    config.lease_ttl = absl::Seconds(7);
  });
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  EXPECT_EQ(worker->welcome.ping_interval().seconds(), 1);
  EXPECT_EQ(worker->welcome.ping_interval().nanos(), 500'000'000);
  EXPECT_EQ(worker->welcome.lease_ttl().seconds(), 7);
  EXPECT_GT(worker->welcome.max_message_bytes(), 0u);
}

TEST_F(SessionTest, TheFirstMessageMustBeHello) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Write(Pong()));
  const grpc::Status status = worker->End();
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(FaultOf(status).field(), "hello");
}

TEST_F(SessionTest, HelloIsSaidOnce) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  v1::SessionRequest again;
  *again.mutable_hello() = worker->hello();
  ASSERT_TRUE(worker->Write(again));
  EXPECT_EQ(worker->End().error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(SessionTest, ALiveWorkersNameIsTaken) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  FakeWorker other(workers_.get(), "w1", 1, "another-instance");
  EXPECT_FALSE(other.Join());
  const grpc::Status status = other.End();
  EXPECT_EQ(status.error_code(), StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(FaultOf(status).field(), "hello.name");
}

TEST_F(SessionTest, ADialOfTheSameProcessReplacesItsStream) {
  StartDaemon();
  const auto old = Worker("w1", 1);
  ASSERT_TRUE(old->Join());
  const auto fresh = Worker("w1", 1);
  ASSERT_TRUE(fresh->Join());
  EXPECT_EQ(old->End().error_code(), StatusCode::ABORTED);
}

TEST_F(SessionTest, AnotherProtocolIsRefused) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  worker->hello().set_protocol(99);
  EXPECT_FALSE(worker->Join());
  EXPECT_EQ(worker->End().error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(SessionTest, BadMessagesEndTheStreamOnly) {
  StartDaemon();
  const auto good = Worker("good", 1);
  ASSERT_TRUE(good->Join());
  Submit(MakeGraph("g", 1));
  ASSERT_TRUE(good->AwaitOffers(1));

  std::vector<v1::SessionRequest> bad(3);
  // bad[0] is empty.
  bad[1].mutable_reports()->set_seq(1);
  bad[1].mutable_reports()->mutable_leases()->add_run(1);
  bad[2].mutable_logs()->set_seq(0);
  for (size_t i = 0; i < bad.size(); ++i) {
    const auto worker = Worker("bad", 1);
    ASSERT_TRUE(worker->Join()) << i;
    ASSERT_TRUE(worker->Write(bad[i])) << i;
    EXPECT_EQ(worker->End().error_code(), StatusCode::INVALID_ARGUMENT) << i;
  }
  EXPECT_TRUE(good->AwaitAck(good->Report(0, v1::TASK_STATE_SUCCEEDED)));
}

TEST_F(SessionTest, WhatProbesFoundIsToldUntilTheServiceIsUp) {
  StartDaemon();
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->set_kind(v1::TASK_KIND_SERVICE);
  graph.mutable_actions(0)->mutable_ready()->set_tcp("1");
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  EXPECT_TRUE(worker->welcome.takes_probes());
  const std::string run_id = Submit(graph);
  ASSERT_TRUE(worker->AwaitOffers(1));
  ASSERT_TRUE(worker->AwaitAck(worker->Report(0, v1::TASK_STATE_RUNNING)));
  v1::SessionRequest request;
  v1::ProbeNews& news = *request.mutable_probes()->add_news();
  news.set_fence(worker->offers[0].fence);
  news.set_count(3);
  news.set_message("no luck");
  ASSERT_TRUE(worker->Write(request));
  const auto why = [&]() -> std::string {
    v1::ListTasksRequest tasks;
    tasks.set_run_id(run_id);
    v1::ListTasksResponse response;
    Context context;
    EXPECT_TRUE(runs_->ListTasks(&context, tasks, &response).ok());
    const v1::TaskStatus& task = response.tasks(0);
    return task.waiting_for_size() == 1 ? task.waiting_for(0) : "";
  };
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (why().find("; probe 3 failed ") == std::string::npos &&
         absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_THAT(why(), testing::HasSubstr(" ago: no luck; "));
  ASSERT_TRUE(worker->AwaitAck(worker->Report(0, v1::TASK_STATE_UP)));
  EXPECT_THAT(why(), testing::Not(testing::HasSubstr("probe")));
}

TEST_F(SessionTest, StaleReportsAreRefusedAndAcknowledged) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  const std::string run_id = Submit(MakeGraph("g", 1));
  ASSERT_TRUE(worker->AwaitOffers(1));
  FakeWorker::Offer stale = worker->offers[0];
  stale.fence += 100;
  worker->offers.push_back(stale);
  ASSERT_TRUE(worker->AwaitAck(worker->Report(1, v1::TASK_STATE_FAILED)));
  EXPECT_EQ(worker->refused, std::vector<uint64_t>{stale.fence});
  EXPECT_EQ(GetRun(run_id).counts().leased(), 1u);
}

TEST_F(SessionTest, TakesMoreReportsThanItsWindow) {
  StartDaemon([](Config& config) { config.limits.max_session_window = 1; });
  const auto worker = Worker("w1", 100);
  ASSERT_TRUE(worker->Join());
  const std::string run_id = Submit(MakeGraph("g", 100));
  ASSERT_TRUE(worker->AwaitOffers(100));
  uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    last = worker->Report(i, v1::TASK_STATE_SUCCEEDED);
  }
  ASSERT_TRUE(worker->AwaitAck(last));
  EXPECT_EQ(GetRun(run_id).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(SessionTest, AnOutboxThatOverflowsEndsTheStream) {
  StartDaemon([](Config& config) { config.limits.max_outbox_bytes = 2'000; });
  Submit(MakeGraph("g", 1'000));
  const auto worker = Worker("w1", 1'000);
  worker->Join();
  const grpc::Status status = worker->End();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(FaultOf(status).limit_name(), "max_outbox_bytes");
}

TEST_F(SessionTest, SessionsAreBoundedInNumber) {
  StartDaemon([](Config& config) { config.limits.max_sessions = 1; });
  const auto first = Worker("w1", 1);
  ASSERT_TRUE(first->Join());
  const auto second = Worker("w2", 1);
  EXPECT_FALSE(second->Join());
  const grpc::Status status = second->End();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(FaultOf(status).limit_name(), "max_sessions");
}

TEST_F(SessionTest, AStopTellsWorkersToDialAgain) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  StopDaemon();
  EXPECT_EQ(worker->End().error_code(), StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace w2t::server
