#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/daemon_env.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using grpc::StatusCode;

// One WatchRun call.
class Watching {
 public:
  Watching(v1::RunService::Stub* stub, const std::string& run_id,
           uint64_t after_seq = 0) {
    v1::WatchRunRequest request;
    request.set_run_id(run_id);
    request.set_after_seq(after_seq);
    reader_ = stub->WatchRun(&context_, request);
  }
  ~Watching() { context_.TryCancel(); }

  bool Read() { return reader_->Read(&now); }
  grpc::Status End() {
    while (Read()) {
    }
    return reader_->Finish();
  }

  v1::WatchRunResponse now;

 private:
  Context context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchRunResponse>> reader_;
};

using WatchRunTest = DaemonTest;

TEST_F(WatchRunTest, SeesARunToItsEnd) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  const std::string run_id = Submit(MakeGraph("g", 2, 2));
  Watching watching(runs_.get(), run_id);
  ASSERT_TRUE(watching.Read());
  ASSERT_TRUE(watching.now.has_snapshot());
  uint64_t next = watching.now.snapshot().seq() + 1;

  ASSERT_TRUE(worker->AwaitOffers(1));
  worker->Report(0, v1::TASK_STATE_SUCCEEDED);
  ASSERT_TRUE(worker->AwaitOffers(2));
  worker->Report(1, v1::TASK_STATE_SUCCEEDED);
  v1::RunState state = v1::RUN_STATE_UNSPECIFIED;
  while (watching.Read() && watching.now.has_events()) {
    const v1::EventBatch& events = watching.now.events();
    EXPECT_EQ(events.first_seq(), next);
    next += events.time_us_size();
    state = events.run_state();
  }
  EXPECT_EQ(state, v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(watching.now.ended().last_seq() + 1, next);
  EXPECT_TRUE(watching.End().ok());
}

TEST_F(WatchRunTest, ALargeSnapshotArrivesWhole) {
  StartDaemon();
  const std::string run_id = Submit(MakeGraph("g", 25'000));
  Watching watching(runs_.get(), run_id);
  int names = 0;
  do {
    ASSERT_TRUE(watching.Read());
    names += watching.now.snapshot().names_size();
  } while (!watching.now.snapshot().last());
  EXPECT_EQ(names, 25'000);
}

TEST_F(WatchRunTest, ResumesAfterAnEventAcrossARestart) {
  StartDaemon();
  const std::string run_id = Submit(MakeGraph("g", 3));
  const uint64_t last = GetRun(run_id).last_seq();
  ASSERT_GE(last, 2u);
  StopDaemon();
  StartDaemon();
  Watching watching(runs_.get(), run_id, 1);
  ASSERT_TRUE(watching.Read());
  EXPECT_EQ(watching.now.events().first_seq(), 2u);
  EXPECT_EQ(watching.now.events().time_us_size(), static_cast<int>(last) - 1);
}

TEST_F(WatchRunTest, RefusesWhatItCannotShow) {
  StartDaemon();
  const std::string run_id = Submit(MakeGraph("g", 1));
  const grpc::Status unknown = Watching(runs_.get(), "no-1").End();
  EXPECT_EQ(unknown.error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(FaultOf(unknown).field(), "run_id");
  const grpc::Status unnamed = Watching(runs_.get(), "").End();
  EXPECT_EQ(unnamed.error_code(), StatusCode::INVALID_ARGUMENT);
  const grpc::Status future = Watching(runs_.get(), run_id, 1'000).End();
  EXPECT_EQ(future.error_code(), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(FaultOf(future).field(), "after_seq");
}

TEST_F(WatchRunTest, WatchersAreBoundedInNumber) {
  StartDaemon([](Config& config) { config.limits.max_watchers = 1; });
  const std::string run_id = Submit(MakeGraph("g", 1));
  Watching first(runs_.get(), run_id);
  ASSERT_TRUE(first.Read());
  const grpc::Status status = Watching(runs_.get(), run_id).End();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(FaultOf(status).limit_name(), "max_watchers");
}

TEST_F(WatchRunTest, AStopEndsTheWatchSoThatItIsResumed) {
  StartDaemon();
  const std::string run_id = Submit(MakeGraph("g", 1));
  Watching watching(runs_.get(), run_id);
  ASSERT_TRUE(watching.Read());
  StopDaemon();
  EXPECT_EQ(watching.End().error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(WatchRunTest, AWatcherThatLeavesDisturbsNobody) {
  StartDaemon();
  const auto worker = Worker("w1", 1);
  ASSERT_TRUE(worker->Join());
  const std::string run_id = Submit(MakeGraph("g", 1));
  Watching stays(runs_.get(), run_id);
  ASSERT_TRUE(stays.Read());
  {
    Watching leaves(runs_.get(), run_id);
    ASSERT_TRUE(leaves.Read());
  }
  ASSERT_TRUE(worker->AwaitOffers(1));
  worker->Report(0, v1::TASK_STATE_SUCCEEDED);
  while (stays.Read() && !stays.now.has_ended()) {
  }
  EXPECT_EQ(stays.now.ended().state(), v1::RUN_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace w2t::server
