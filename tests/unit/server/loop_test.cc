#include "server/loop/loop.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/memory_journal.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

// What happened, in order, on whichever thread.
class Diary {
 public:
  void Write(std::string line) {
    absl::MutexLock lock(&mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() const {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

class FakeJournal : public test::MemoryJournal {
 public:
  explicit FakeJournal(Diary* diary) : diary_(diary) {}

  absl::Status Append(uint64_t epoch, std::string_view bytes) override {
    absl::Status status = MemoryJournal::Append(epoch, bytes);
    if (status.ok()) diary_->Write("commit");
    return status;
  }

 private:
  Diary* const diary_;
};

class FakeEffects : public LoopEffects {
 public:
  explicit FakeEffects(Diary* diary) : diary_(diary) {}

  void Committed(const View&, const FactBatch&) override {
    diary_->Write("committed");
  }
  void Perform(const View&, Action& action) override {
    if (std::holds_alternative<RunChanged>(action)) diary_->Write("changed");
  }
  void Flush(const View&) override { diary_->Write("flush"); }
  void Processed(SessionId) override { diary_->Write("processed"); }

 private:
  Diary* const diary_;
};

class LoopTest : public ::testing::Test {
 protected:
  ~LoopTest() override {
    if (loop_ != nullptr) loop_->Stop();
  }

  absl::Status Start() {
    Loop::Options options;
    options.on_failure = [this](const absl::Status& status) {
      failure_ = status;
      failed_.Notify();
    };
    options.on_idle = [this] { idle_.Notify(); };
    loop_ = std::make_unique<Loop>(std::move(options), &journal_, &inbox_,
                                   &effects_);
    absl::Status status = loop_->Replay(absl::Now());
    if (status.ok()) loop_->Start();
    return status;
  }

  // Submits a graph and waits for the answer.
  Answer Submit() {
    wire::DecodedGraph decoded = wire::DecodeGraph(MakeGraph("g", 1), Limits());
    SubmitEvent event;
    event.blueprint = decoded.blueprint;
    event.definition = decoded.definition;
    Answer got;
    absl::Notification done;
    const absl::Status called = inbox_.TryCall(
        std::move(event), [&](const Answer& answer, const View*) {
          diary_.Write("answer");
          got = answer;
          done.Notify();
        });
    if (!called.ok()) return {called};
    done.WaitForNotification();
    return got;
  }

  Diary diary_;
  FakeJournal journal_{&diary_};
  FakeEffects effects_{&diary_};
  Inbox inbox_{100, 1 << 20};
  std::unique_ptr<Loop> loop_;
  absl::Status failure_;
  absl::Notification failed_;
  absl::Notification idle_;
};

TEST_F(LoopTest, CommitsBeforeItTellsAnybody) {
  ASSERT_TRUE(Start().ok());
  const size_t before = diary_.lines().size();
  ASSERT_TRUE(Submit().status.ok());
  std::vector<std::string> lines = diary_.lines();
  lines.erase(lines.begin(), lines.begin() + static_cast<long>(before));
  // The loop may have woken by itself in between, and flushed nothing.
  std::erase(lines, "flush");
  lines.resize(3);
  EXPECT_THAT(lines, ::testing::ElementsAre("commit", "committed", "answer"));
}

TEST_F(LoopTest, AQuerySeesWhatWasPostedBeforeIt) {
  ASSERT_TRUE(Start().ok());
  ASSERT_EQ(Submit().run_id, "g-1");
  absl::Notification asked;
  bool seen = false;
  ASSERT_TRUE(inbox_
                  .TryAsk([&](const View* view) {
                    seen = view->engine.FindRun("g-1") != nullptr;
                    asked.Notify();
                  })
                  .ok());
  asked.WaitForNotification();
  EXPECT_TRUE(seen);
}

TEST_F(LoopTest, ReplayLeadsToTheSameState) {
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Submit().status.ok());
  loop_->Stop();
  const uint64_t epoch = loop_->view().engine.epoch();

  Inbox inbox(1, 1);
  Loop next({}, &journal_, &inbox, &effects_);
  ASSERT_TRUE(next.Replay(absl::Now()).ok());
  EXPECT_NE(next.view().engine.FindRun("g-1"), nullptr);
  EXPECT_EQ(next.view().engine.epoch(), epoch + 1);
}

TEST_F(LoopTest, ABatchThatCannotBeReadIsNamed) {
  journal_.batches = {"\xff\xff not a batch"};
  const absl::Status status = Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("batch 1"));
}

TEST_F(LoopTest, AFailingJournalStopsEverythingBeforeAnybodyIsTold) {
  ASSERT_TRUE(Start().ok());
  const size_t before = diary_.lines().size();
  journal_.error = absl::FailedPreconditionError("the epoch is over");
  EXPECT_EQ(Submit().status.code(), absl::StatusCode::kUnavailable);
  failed_.WaitForNotification();
  EXPECT_EQ(failure_.message(), "the epoch is over");

  // The run that was not committed must not be seen either.
  EXPECT_EQ(inbox_.TryAsk([](const View*) {}).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(Submit().status.code(), absl::StatusCode::kUnavailable);
  std::vector<std::string> lines = diary_.lines();
  lines.erase(lines.begin(), lines.begin() + static_cast<long>(before));
  std::erase(lines, "flush");  // of a wakeup before the submit
  EXPECT_THAT(lines, ::testing::ElementsAre("answer"));
}

TEST_F(LoopTest, TellsWhenADrainingDaemonIsIdle) {
  ASSERT_TRUE(Start().ok());
  EXPECT_FALSE(idle_.HasBeenNotified());
  inbox_.Post(DrainServerEvent());
  idle_.WaitForNotification();
}

TEST_F(LoopTest, SaysOfEachMessageOfAWorkerThatItIsProcessed) {
  ASSERT_TRUE(Start().ok());
  inbox_.Post(AliveEvent{SessionId{1}});
  inbox_.Post(AliveEvent{SessionId{1}});
  loop_->Stop();
  EXPECT_EQ(std::ranges::count(diary_.lines(), "processed"), 2);
}

TEST_F(LoopTest, HeavyEventsAreCommittedInSeveralRows) {
  ASSERT_TRUE(Start().ok());
  const size_t before = journal_.last_batch();
  // Held back until both events lie in the inbox.
  absl::Notification gathered;
  inbox_.PostEarly([&](const View*) { gathered.WaitForNotification(); });
  wire::DecodedGraph decoded = wire::DecodeGraph(MakeGraph("g", 1), Limits());
  for (int i = 0; i < 2; ++i) {
    SubmitEvent event;
    event.blueprint = decoded.blueprint;
    event.definition = std::make_shared<wire::GraphDefinition>(
        std::string(Loop::kMaxStepBytes / 2, 'x'), std::vector<v1::Action>(1));
    inbox_.Post(std::move(event));
  }
  gathered.Notify();
  loop_->Stop();
  EXPECT_EQ(journal_.last_batch(), before + 2);
}

}  // namespace
}  // namespace w2t::server
