// What all tasks of a run print, in one call.
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/logs_env.h"

namespace w2t::server {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr size_t kPiece = 64 << 10;

class ReadRunLogsTest : public PrintingTest {
 protected:
  using Reader = grpc::ClientReader<v1::ReadRunLogsResponse>;
  using Attempt = std::pair<uint32_t, uint32_t>;  // task, attempt

  static v1::LogPosition At(uint32_t task, uint32_t attempt, uint64_t offset) {
    v1::LogPosition position;
    position.set_task(task);
    position.set_attempt(attempt);
    position.set_offset(offset);
    return position;
  }
  // Follows the run from there on; returns when it misses nothing any more.
  void Follow(const std::vector<v1::LogPosition>& from = {}) {
    v1::ReadRunLogsRequest request;
    request.set_run_id(run_id_);
    for (const v1::LogPosition& position : from) {
      *request.add_positions() = position;
    }
    reader_.reset();
    context_ = std::make_unique<Context>();
    reader_ = runs_->ReadRunLogs(context_.get(), request);
    reader_->WaitForInitialMetadata();
  }
  bool Next() {
    v1::ReadRunLogsResponse response;
    if (!reader_->Read(&response)) return false;
    ++messages_;
    for (const v1::TaskOutput& part : response.outputs()) Take(part);
    return true;
  }
  // Reads until an attempt's output has come so far.
  bool AwaitText(Attempt attempt, const std::string& text) {
    while (text_[attempt] != text) {
      if (!Next()) return false;
    }
    return true;
  }
  grpc::Status TakeRest() {
    while (Next()) {
    }
    return reader_->Finish();
  }
  grpc::Status Refusal(const std::vector<v1::LogPosition>& from) {
    Follow(from);
    return TakeRest();
  }

  std::unique_ptr<Context> context_;
  std::unique_ptr<Reader> reader_;
  int messages_ = 0;
  std::map<Attempt, std::string> text_;
  std::map<Attempt, uint64_t> offset_;
  std::vector<Attempt> last_;  // as it was told of them
  std::map<Attempt, std::string> faults_;

 private:
  void Take(const v1::TaskOutput& part) {
    const Attempt attempt(part.task(), part.output().attempt());
    EXPECT_THAT(last_, testing::Not(testing::Contains(attempt)));
    for (const v1::LogChunk& chunk : part.output().chunks()) {
      text_[attempt] += chunk.data();
    }
    offset_[attempt] = part.output().next_offset();
    if (part.last()) last_.push_back(attempt);
    if (!part.fault().empty()) faults_[attempt] = part.fault();
  }
};

TEST_F(ReadRunLogsTest, BringsTheOutputOfAllTasksUntilTheRunHasEnded) {
  StartWithATask(MakeGraph("g", 3), 3);
  Follow();
  Print("zero", 0, 0);
  Print("one", 0, 1);
  ASSERT_TRUE(AwaitText({0, 1}, "zero"));
  ASSERT_TRUE(AwaitText({1, 1}, "one"));
  EXPECT_THAT(last_, IsEmpty());
  Print(", and more", 0, 0);
  for (int i = 0; i < 3; ++i) worker_->Report(i, v1::TASK_STATE_SUCCEEDED);
  EXPECT_TRUE(TakeRest().ok());
  EXPECT_THAT(text_, UnorderedElementsAre(Pair(Attempt(0, 1), "zero, and more"),
                                          Pair(Attempt(1, 1), "one")));
  EXPECT_THAT(
      last_, UnorderedElementsAre(Attempt(0, 1), Attempt(1, 1), Attempt(2, 1)));
}

TEST_F(ReadRunLogsTest, BringsWhatWasPrintedBeforeIt) {
  StartWithATask(MakeGraph("g", 2), 2);
  Print("early");
  ASSERT_TRUE(AwaitLogAck());
  worker_->AwaitAck(worker_->Report(0, v1::TASK_STATE_SUCCEEDED));
  Follow();
  ASSERT_TRUE(AwaitText({0, 1}, "early"));
  worker_->AwaitAck(worker_->Report(1, v1::TASK_STATE_SUCCEEDED));
  EXPECT_TRUE(TakeRest().ok());
  // Also when all of it is over.
  text_.clear();
  last_.clear();
  Follow();
  EXPECT_TRUE(TakeRest().ok());
  EXPECT_THAT(text_, UnorderedElementsAre(Pair(Attempt(0, 1), "early")));
  EXPECT_THAT(last_, UnorderedElementsAre(Attempt(0, 1), Attempt(1, 1)));
}

TEST_F(ReadRunLogsTest, AttemptsOfATaskFollowEachOther) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->mutable_retry()->set_attempts(3);
  StartWithATask(graph);
  Print("first");
  worker_->Report(0, v1::TASK_STATE_FAILED, 1);
  ASSERT_TRUE(worker_->AwaitOffers(2));
  Follow();  // one that is over, and one that goes on
  Print("second", 0, 1);
  ASSERT_TRUE(AwaitText({0, 2}, "second"));
  EXPECT_THAT(last_, testing::ElementsAre(Attempt(0, 1)));
  worker_->Report(1, v1::TASK_STATE_FAILED, 1);
  ASSERT_TRUE(worker_->AwaitOffers(3));
  Print("third", 0, 2);
  worker_->Report(2, v1::TASK_STATE_SUCCEEDED);
  EXPECT_TRUE(TakeRest().ok());
  EXPECT_EQ((text_[{0, 1}]), "first");
  EXPECT_EQ((text_[{0, 3}]), "third");
  EXPECT_THAT(
      last_, testing::ElementsAre(Attempt(0, 1), Attempt(0, 2), Attempt(0, 3)));
}

TEST_F(ReadRunLogsTest, GoesOnWhereItsReaderStoodAlsoAfterARestart) {
  StartWithATask(MakeGraph("g", 4), 4);
  for (int i = 0; i < 3; ++i) Print("before ", 0, i);
  ASSERT_TRUE(AwaitLogAck());
  worker_->AwaitAck(worker_->Report(0, v1::TASK_STATE_SUCCEEDED));
  worker_->AwaitAck(worker_->Report(1, v1::TASK_STATE_SUCCEEDED));
  worker_.reset();
  StopDaemon();
  StartDaemon();
  // It has all of the first task, and the end of the second one is new to it.
  Follow({At(0, 2, 0), At(1, 1, 7), At(2, 1, 3)});
  ASSERT_TRUE(AwaitText({2, 1}, "ore "));
  EXPECT_THAT(last_, testing::ElementsAre(Attempt(1, 1)));
  EXPECT_THAT(text_, UnorderedElementsAre(Pair(Attempt(2, 1), "ore ")));
  EXPECT_EQ((offset_[{2, 1}]), 7u);
}

TEST_F(ReadRunLogsTest, ManyPiecesComeInFewMessages) {
  constexpr int kTasks = 200;
  StartWithATask(MakeGraph("g", kTasks), kTasks);
  v1::SessionRequest batch;
  for (int i = 0; i < kTasks; ++i) AddPiece(i, "ready", 0, &batch);
  WritePieces(&batch);
  ASSERT_TRUE(AwaitLogAck());
  Follow();
  while (text_.size() < kTasks) ASSERT_TRUE(Next());
  EXPECT_LT(messages_, kTasks / 10);
}

TEST_F(ReadRunLogsTest, TasksThatHaveNotPrintedHoldUpNobody) {
  constexpr int kTasks = 700;
  StartWithATask(MakeGraph("g", kTasks), kTasks);
  Print("heard", 0, kTasks - 1);
  ASSERT_TRUE(AwaitLogAck());
  const uint32_t task = worker_->offers[kTasks - 1].task;
  Follow();
  EXPECT_TRUE(AwaitText({task, 1}, "heard"));
  EXPECT_EQ(text_.size(), 1u);
}

TEST_F(ReadRunLogsTest, AReaderThatDoesNotReadHoldsNobodyUp) {
  StartWithATask(MakeGraph("g", 2), 2);
  Follow();
  const std::unique_ptr<Context> slow_context = std::move(context_);
  const std::unique_ptr<Reader> slow = std::move(reader_);
  Follow();
  // More than fits into a connection.
  constexpr size_t kPieces = 256;
  for (size_t i = 0; i < kPieces; i += 16) {
    v1::SessionRequest batch;
    for (size_t piece = 0; piece < 16; ++piece) {
      AddPiece(0, std::string(kPiece, 'x'), 0, &batch);
    }
    WritePieces(&batch);
  }
  Print("last words", 0, 1);
  ASSERT_TRUE(AwaitText({1, 1}, "last words"));
  worker_->Report(0, v1::TASK_STATE_SUCCEEDED);
  worker_->Report(1, v1::TASK_STATE_SUCCEEDED);
  EXPECT_TRUE(TakeRest().ok());
  EXPECT_EQ((text_[{0, 1}].size()), kPieces * kPiece);
  // It has missed nothing.
  text_.clear();
  last_.clear();
  reader_.reset();
  v1::ReadRunLogsResponse response;
  uint64_t bytes = 0;
  while (slow->Read(&response)) {
    for (const v1::TaskOutput& part : response.outputs()) {
      for (const v1::LogChunk& chunk : part.output().chunks()) {
        bytes += chunk.data().size();
      }
    }
  }
  EXPECT_TRUE(slow->Finish().ok());
  EXPECT_EQ(bytes, kPieces * kPiece + 10);
}

TEST_F(ReadRunLogsTest, PlacesInManyTasksCountAsWhatWaitsForReaders) {
  StartDaemon(
      [](Config& config) { config.limits.max_waiting_bytes = 100'000; });
  run_id_ = Submit(MakeGraph("g", 3'000));
  std::vector<v1::LogPosition> from;
  for (uint32_t task = 0; task < 3'000; ++task) from.push_back(At(task, 1, 0));
  const grpc::Status status = Refusal(from);
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(),
              HasSubstr("; the limit max_waiting_bytes is 100000"));
  from.resize(1);
  Follow(from);
  context_->TryCancel();
  EXPECT_EQ(TakeRest().error_code(), StatusCode::CANCELLED);
}

TEST_F(ReadRunLogsTest, OutputThatCannotBeReadIsAFaultOfItsTaskAlone) {
  StartWithATask(MakeGraph("g", 2), 2);
  Print("lost", 0, 0);
  Print("kept", 0, 1);
  ASSERT_TRUE(AwaitLogAck());
  const std::string path = config_.data + "/logs/" + run_id_ + "/0.1";
  std::ofstream(path) << "this is something else altogether";
  Follow();
  ASSERT_TRUE(AwaitText({1, 1}, "kept"));
  worker_->Report(0, v1::TASK_STATE_SUCCEEDED);
  worker_->Report(1, v1::TASK_STATE_SUCCEEDED);
  EXPECT_TRUE(TakeRest().ok());
  EXPECT_THAT((faults_[{0, 1}]), HasSubstr("is no log"));
  EXPECT_THAT(last_, UnorderedElementsAre(Attempt(0, 1), Attempt(1, 1)));
}

TEST_F(ReadRunLogsTest, RefusesWhatIsNotThere) {
  StartDaemon([](Config& config) { config.limits.max_tasks = 2; });
  run_id_ = "nobody-1";
  EXPECT_EQ(Refusal({}).error_code(), StatusCode::NOT_FOUND);
  run_id_ = Submit(MakeGraph("g", 2));
  EXPECT_EQ(FaultOf(Refusal({At(2, 1, 0)})).field(), "positions");
  EXPECT_EQ(Refusal({At(UINT32_MAX, 1, 0)}).error_code(),
            StatusCode::NOT_FOUND);
  EXPECT_EQ(FaultOf(Refusal({At(0, 0, 0)})).field(), "positions[0].attempt");
  EXPECT_EQ(FaultOf(Refusal({At(1, 1, 0), At(1, 2, 0)})).field(),
            "positions[1].task");
  const grpc::Status many = Refusal({At(0, 1, 0), At(1, 1, 0), At(0, 1, 0)});
  EXPECT_EQ(many.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(many.error_message(),
              HasSubstr("the number of positions is 3; the limit max_tasks is "
                        "2"));
  run_id_.clear();
  EXPECT_EQ(FaultOf(Refusal({})).field(), "run_id");
}

}  // namespace
}  // namespace w2t::server
