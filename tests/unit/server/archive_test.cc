// Runs that have ended and are no longer in memory, as clients see them. Each
// start of the daemon makes a snapshot of what the one before did.
#include "server/loop/archive.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/journal/journal.h"
#include "tests/unit/server/daemon_env.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ArchiveTest : public DaemonTest {
 protected:
  // A daemon that has a run with one task that failed and one that was skipped,
  // in its snapshot only.
  void StartWithAnEndedRun() {
    StartDaemon();
    const auto worker = Worker("w1", 1);
    ASSERT_TRUE(worker->Join());
    v1::SubmitRunRequest request;
    *request.mutable_graph() = MakeGraph("g", 2, 2);
    request.set_request_id("r");
    run_id_ = Submit(request).run_id();
    ASSERT_TRUE(worker->AwaitOffers(1));
    ASSERT_TRUE(worker->AwaitAck(worker->Report(0, v1::TASK_STATE_FAILED, 7)));
    before_ = GetRun(run_id_);
    StopDaemon();
    StartDaemon();
  }
  v1::SubmitRunResponse Submit(const v1::SubmitRunRequest& request) {
    Context context;
    v1::SubmitRunResponse response;
    const grpc::Status status = runs_->SubmitRun(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  std::string run_id_;
  v1::Run before_;
};

TEST_F(ArchiveTest, ARunIsShownAsItWasBeforeTheRestart) {
  StartWithAnEndedRun();
  const v1::Run after = GetRun(run_id_);
  EXPECT_EQ(after.SerializeAsString(), before_.SerializeAsString());
  EXPECT_EQ(after.state(), v1::RUN_STATE_FAILED);
  ASSERT_EQ(after.failures_size(), 1);
  EXPECT_EQ(after.failures(0).worker(), "w1");
  EXPECT_EQ(after.failures(0).exit_code(), 7);
}

TEST_F(ArchiveTest, IsListedWithAllOthers) {
  StartWithAnEndedRun();
  DaemonTest::Submit(MakeGraph("live", 1));
  Context context;
  v1::ListRunsResponse response;
  ASSERT_TRUE(runs_->ListRuns(&context, {}, &response).ok());
  ASSERT_EQ(response.runs_size(), 2);
  EXPECT_EQ(response.runs(0).run_id(), "live-2");
  v1::Run listed = before_;
  listed.clear_failures();
  EXPECT_EQ(response.runs(1).SerializeAsString(), listed.SerializeAsString());
}

TEST_F(ArchiveTest, ItsTasksAreListed) {
  StartWithAnEndedRun();
  Context context;
  v1::ListTasksRequest request;
  request.set_run_id(run_id_);
  v1::ListTasksResponse response;
  ASSERT_TRUE(runs_->ListTasks(&context, request, &response).ok());
  ASSERT_EQ(response.tasks_size(), 2);
  EXPECT_EQ(response.tasks(0).state(), v1::TASK_STATE_FAILED);
  EXPECT_EQ(response.tasks(1).state(), v1::TASK_STATE_SKIPPED);
  EXPECT_THAT(response.tasks(1).waiting_for(), ElementsAre("t0"));
}

TEST_F(ArchiveTest, AWatcherGetsWhatItMissed) {
  StartWithAnEndedRun();
  Context context;
  v1::WatchRunRequest request;
  request.set_run_id(run_id_);
  request.set_after_seq(2);
  const auto reader = runs_->WatchRun(&context, request);
  v1::WatchRunResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.events().first_seq(), 3u);
  EXPECT_EQ(2u + static_cast<uint64_t>(response.events().state_size()),
            before_.last_seq());
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.ended().SerializeAsString(), before_.SerializeAsString());
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ArchiveTest, ItsLogsEnd) {
  StartWithAnEndedRun();
  Context context;
  v1::ReadLogsRequest request;
  request.set_run_id(run_id_);
  request.set_task("t0");
  request.set_follow(true);
  const auto reader = runs_->ReadLogs(&context, request);
  v1::ReadLogsResponse response;
  while (reader->Read(&response)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ArchiveTest, CancellingItChangesNothing) {
  StartWithAnEndedRun();
  Context context;
  v1::CancelRunRequest request;
  request.set_run_id(run_id_);
  v1::CancelRunResponse response;
  ASSERT_TRUE(runs_->CancelRun(&context, request, &response).ok());
  EXPECT_EQ(response.run().SerializeAsString(), before_.SerializeAsString());
}

TEST_F(ArchiveTest, ItsRequestIdIsRemembered) {
  StartWithAnEndedRun();
  v1::SubmitRunRequest request;
  *request.mutable_graph() = MakeGraph("g", 2, 2);
  request.set_request_id("r");
  const v1::SubmitRunResponse again = Submit(request);
  EXPECT_TRUE(again.existing());
  EXPECT_EQ(again.run_id(), run_id_);
  *request.mutable_graph() = MakeGraph("g", 3);
  Context context;
  v1::SubmitRunResponse response;
  EXPECT_EQ(runs_->SubmitRun(&context, request, &response).error_code(),
            StatusCode::ALREADY_EXISTS);
}

TEST_F(ArchiveTest, OneThatWasForgottenIsNotFound) {
  StartWithAnEndedRun();
  StopDaemon();
  StartDaemon([](Config& config) { config.limits.max_runs = 1; });
  DaemonTest::Submit(MakeGraph("next", 1));
  Context context;
  v1::GetRunRequest request;
  request.set_run_id(run_id_);
  v1::GetRunResponse response;
  EXPECT_EQ(runs_->GetRun(&context, request, &response).error_code(),
            StatusCode::NOT_FOUND);
}

// A store whose parts are all damaged, once it can be read.
class GatedReader : public PartReader {
 public:
  GatedReader(absl::Notification* entered, absl::Notification* gate)
      : entered_(entered), gate_(gate) {}
  absl::StatusOr<std::string> Read(PartName name) override {
    if (!entered_->HasBeenNotified()) entered_->Notify();
    gate_->WaitForNotification();
    return absl::DataLossError(name.ToString() + " is damaged");
  }
  absl::Status ReadAll(PartName::Kind, Visitor) override {
    return absl::OkStatus();
  }

 private:
  absl::Notification* const entered_;
  absl::Notification* const gate_;
};

class ArchiveBoundTest : public ::testing::Test {
 protected:
  ArchiveBoundTest() { limits_.max_loads = 2; }
  // One is being read, and as many wait as may.
  void Fill() {
    Load(1);
    entered_.WaitForNotification();
    Load(2);
    Load(3);
  }
  void Load(uint64_t number) {
    archive_.Load(RunNumber{number},
                  [this](absl::StatusOr<std::shared_ptr<const w2t::Run>> run) {
                    const absl::MutexLock lock(&mutex_);
                    answers_.push_back(run.status());
                  });
  }
  void Await(size_t count) {
    const absl::MutexLock lock(&mutex_);
    const auto come = [&]() { return answers_.size() >= count; };
    EXPECT_TRUE(
        mutex_.AwaitWithTimeout(absl::Condition(&come), absl::Seconds(20)));
  }

  ServerLimits limits_;
  absl::Notification entered_;
  absl::Notification gate_;
  absl::Mutex mutex_;
  std::vector<absl::Status> answers_;
  Archive archive_{std::make_unique<GatedReader>(&entered_, &gate_), &limits_};
};

TEST_F(ArchiveBoundTest, RefusesWhatWouldWaitBeyondTheLimit) {
  Fill();
  Load(4);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(answers_[0].message()),
              HasSubstr("the limit max_loads is 2"));
  gate_.Notify();
  Await(4);
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(answers_[i].code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(answers_[i].message(),
              "the state of run " + std::to_string(i) + " is damaged");
  }
}

TEST_F(ArchiveBoundTest, RefusesThoseThatWaitWhenItIsStopped) {
  Fill();
  archive_.Stop();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_EQ(answers_[0].code(), absl::StatusCode::kUnavailable);
  Load(4);
  EXPECT_EQ(answers_.size(), 3u);
  gate_.Notify();
  Await(4);
}

}  // namespace
}  // namespace w2t::server
