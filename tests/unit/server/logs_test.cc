#include <filesystem>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/logs_env.h"

namespace w2t::server {
namespace {

using grpc::StatusCode;

class LogsTest : public PrintingTest {
 protected:
  struct Read {
    std::string text;
    uint64_t next_offset = 0;
    uint32_t attempt = 0;
    grpc::Status status;
  };
  std::unique_ptr<grpc::ClientReader<v1::ReadLogsResponse>> Open(
      Context* context, const std::string& task, bool follow,
      uint64_t offset = 0, uint32_t attempt = 0) {
    v1::ReadLogsRequest request;
    request.set_run_id(run_id_);
    request.set_task(task);
    request.set_follow(follow);
    request.set_offset(offset);
    request.set_attempt(attempt);
    return runs_->ReadLogs(context, request);
  }
  static Read Take(grpc::ClientReader<v1::ReadLogsResponse>* reader) {
    Read read;
    v1::ReadLogsResponse response;
    while (reader->Read(&response)) {
      for (const v1::LogChunk& chunk : response.chunks()) {
        read.text += chunk.data();
      }
      read.next_offset = response.next_offset();
      read.attempt = response.attempt();
    }
    read.status = reader->Finish();
    return read;
  }
  Read ReadLogs(const std::string& task, uint64_t offset = 0,
                uint32_t attempt = 0) {
    Context context;
    return Take(Open(&context, task, false, offset, attempt).get());
  }
};

TEST_F(LogsTest, WhatIsAcknowledgedCanBeRead) {
  StartWithATask();
  Print("hello ");
  Print("world");
  ASSERT_TRUE(AwaitLogAck());
  const Read all = ReadLogs("t0");
  EXPECT_EQ(all.text, "hello world");
  EXPECT_EQ(all.next_offset, 11u);
  EXPECT_EQ(all.attempt, 1u);
  EXPECT_TRUE(all.status.ok());
  EXPECT_EQ(ReadLogs("t0", 6).text, "world");
}

TEST_F(LogsTest, OutputUnderAnotherLeaseIsLeftOut) {
  StartWithATask();
  Print("forged", worker_->offers[0].fence + 1);
  Print("real");
  ASSERT_TRUE(AwaitLogAck());
  EXPECT_EQ(ReadLogs("t0").text, "real");
}

TEST_F(LogsTest, FollowingGoesOnUntilTheAttemptEnds) {
  StartWithATask();
  Context context;
  const auto reader = Open(&context, "t0", true);
  Print("one ");
  v1::ReadLogsResponse first;
  ASSERT_TRUE(reader->Read(&first));
  EXPECT_EQ(first.chunks(0).data(), "one ");
  Print("two");
  worker_->Report(0, v1::TASK_STATE_SUCCEEDED);
  const Read rest = Take(reader.get());
  EXPECT_EQ(rest.text, "two");
  EXPECT_TRUE(rest.status.ok());
}

TEST_F(LogsTest, FollowingATaskThatNeverRunsEndsWithItsRun) {
  StartWithATask(MakeGraph("g", 2, 2));
  Context context;
  const auto reader = Open(&context, "t1", true);
  reader->WaitForInitialMetadata();
  worker_->Report(0, v1::TASK_STATE_FAILED, 1);
  const Read read = Take(reader.get());
  EXPECT_EQ(read.text, "");
  EXPECT_TRUE(read.status.ok());
}

TEST_F(LogsTest, ATaskThatNeverRanHasPrintedNothing) {
  StartWithATask(MakeGraph("g", 2, 2));
  ASSERT_TRUE(worker_->AwaitAck(worker_->Report(0, v1::TASK_STATE_FAILED, 1)));
  const Read read = ReadLogs("t1");
  EXPECT_EQ(read.text, "");
  EXPECT_TRUE(read.status.ok());
}

TEST_F(LogsTest, APieceThatIsTooLargeEndsTheStream) {
  StartWithATask();
  Print(std::string((64 << 10) + 1, 'x'));
  EXPECT_EQ(worker_->End().error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(LogsTest, RefusesWhatIsNotThere) {
  StartWithATask();
  EXPECT_EQ(ReadLogs("nobody").status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(FaultOf(ReadLogs("nobody").status).field(), "task");
  EXPECT_EQ(FaultOf(ReadLogs("t0", 0, 2).status).field(), "attempt");
  EXPECT_EQ(ReadLogs("").status.error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(LogsTest, OutputOfAnEarlierAttemptStays) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->mutable_retry()->set_attempts(2);
  StartWithATask(graph);
  Print("first");
  worker_->Report(0, v1::TASK_STATE_FAILED, 1);
  ASSERT_TRUE(worker_->AwaitOffers(2));
  EXPECT_EQ(ReadLogs("t0", 0, 1).text, "first");
  EXPECT_EQ(ReadLogs("t0").text, "");
}

TEST_F(LogsTest, WhatAKilledDaemonLeftOfForgottenRunsGoesAtTheNextStart) {
  StartWithATask();
  Print("of a run that is known");
  ASSERT_TRUE(AwaitLogAck());
  worker_.reset();
  StopDaemon();
  const std::filesystem::path logs = config_.data + "/logs";
  std::filesystem::copy(logs / run_id_, logs / "forgotten-1");
  StartDaemon();
  StopDaemon();  // writes what is queued
  EXPECT_FALSE(std::filesystem::exists(logs / "forgotten-1"));
  EXPECT_TRUE(std::filesystem::exists(logs / run_id_ / "0.1"));
}

}  // namespace
}  // namespace w2t::server
