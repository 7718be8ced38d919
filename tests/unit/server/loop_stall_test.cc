// A journal that cannot be written for a while. The test is the loop's thread
// and clock.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/loop/loop.h"
#include "tests/support/memory_journal.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Effects : public LoopEffects {
 public:
  void Committed(const View&, const FactBatch&) override {}
  void Perform(const View&, Action& action) override {
    if (std::holds_alternative<WelcomeWorker>(action)) ++welcomes;
    if (auto* offer = std::get_if<OfferLeases>(&action)) {
      offers += offer->leases.size();
    }
  }
  void Flush(const View&) override {}
  void Processed(SessionId) override { ++processed; }

  int welcomes = 0;
  size_t offers = 0;
  int processed = 0;
};

class LoopStallTest : public ::testing::Test {
 protected:
  LoopStallTest() {
    Loop::Options options;
    options.on_stall = [this](const absl::Status& status) {
      stalls_.push_back(status.ok() ? "goes on"
                                    : std::string(status.message()));
    };
    options.on_failure = [this](const absl::Status&) { failed_ = true; };
    loop_ = std::make_unique<Loop>(std::move(options), &journal_, &inbox_,
                                   &effects_);
    EXPECT_TRUE(loop_->Replay(now_).ok());
  }

  // What the loop's thread does when something came, and when time passed.
  void Turn(absl::Duration later = absl::ZeroDuration()) {
    now_ += later;
    Inbox::Batch batch;
    inbox_.Pop(absl::InfinitePast(), &batch);
    loop_->Turn(batch, now_);
    EXPECT_TRUE(batch.empty());
  }

  // The status lands in answers_.
  absl::Status Submit() {
    wire::DecodedGraph decoded = wire::DecodeGraph(MakeGraph("g", 1), Limits());
    SubmitEvent event;
    event.blueprint = decoded.blueprint;
    event.definition = decoded.definition;
    return inbox_.TryCall(std::move(event),
                          [this](const Answer& answer, const View*) {
                            answers_.push_back(answer.status);
                          });
  }

  void Hello() {
    WorkerSpec spec;
    spec.name = "w1";
    spec.instance = "i";
    spec.capabilities = {kExecCapability};
    spec.resources = {{"cpus", 1'000}};
    spec.max_leases = 8;
    inbox_.Post(HelloEvent{SessionId{1}, spec, {}});
  }

  const absl::Status full_ = absl::ResourceExhaustedError("the disk is full");
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  test::MemoryJournal journal_;
  Effects effects_;
  Inbox inbox_{100, 1 << 20};
  std::unique_ptr<Loop> loop_;
  std::vector<absl::Status> answers_;
  std::vector<std::string> stalls_;
  bool failed_ = false;
};

TEST_F(LoopStallTest, TheStepInHandIsKeptAndCommittedOnceThereIsRoom) {
  Hello();
  journal_.error = full_;
  ASSERT_TRUE(Submit().ok());
  Turn();
  EXPECT_TRUE(loop_->stalled());
  EXPECT_THAT(stalls_, ElementsAre("the disk is full"));
  EXPECT_EQ(effects_.welcomes, 0) << "nothing is done that is not durable";
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(answers_[0].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(answers_[0].message()),
              HasSubstr("may still be done"));

  journal_.error = absl::OkStatus();
  Turn(Loop::kFirstRetry);
  EXPECT_FALSE(loop_->stalled());
  EXPECT_THAT(stalls_, ElementsAre("the disk is full", "goes on"));
  EXPECT_EQ(effects_.welcomes, 1);
  EXPECT_EQ(effects_.offers, 1u);
  EXPECT_NE(loop_->view().engine.FindRun("g-1"), nullptr);
  EXPECT_EQ(answers_.size(), 1u) << "it is answered once";
}

TEST_F(LoopStallTest, CallsAreRefusedWithTheReason) {
  journal_.error = full_;
  ASSERT_TRUE(Submit().ok());
  bool blind = false;
  ASSERT_TRUE(
      inbox_.TryAsk([&](const View* view) { blind = view == nullptr; }).ok());
  Turn();
  EXPECT_TRUE(blind) << "it must not see what is not durable";
  EXPECT_EQ(inbox_.WhyRefused().code(), absl::StatusCode::kResourceExhausted);
  const absl::Status refused = Submit();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the disk is full"));
  EXPECT_FALSE(inbox_.TryAsk([](const View*) {}).ok());

  journal_.error = absl::OkStatus();
  Turn(Loop::kFirstRetry);
  EXPECT_TRUE(Submit().ok());
  Turn();
  EXPECT_TRUE(answers_.back().ok());
}

TEST_F(LoopStallTest, WhatWorkersSayWaitsAndIsNotLost) {
  journal_.error = full_;
  ASSERT_TRUE(Submit().ok());
  Turn();
  Hello();
  int output = 0;
  inbox_.PostEarly([&](const View* view) { output += view != nullptr; });
  Turn(absl::Milliseconds(1));
  inbox_.Post(AliveEvent{SessionId{1}});
  Turn(absl::Milliseconds(1));
  EXPECT_EQ(effects_.processed, 0) << "its stream is not read on";
  EXPECT_EQ(output, 0);

  journal_.error = absl::OkStatus();
  Turn(Loop::kFirstRetry);
  EXPECT_EQ(effects_.processed, 2);
  EXPECT_EQ(output, 1);
  EXPECT_EQ(effects_.welcomes, 1);
  EXPECT_EQ(effects_.offers, 1u);
}

TEST_F(LoopStallTest, TriesAgainLessAndLessOften) {
  journal_.error = absl::UnavailableError("cannot sync");
  ASSERT_TRUE(Submit().ok());
  Turn();
  std::vector<absl::Duration> delays;
  for (int i = 0; i < 8; ++i) {
    const int tries = journal_.tries;
    const absl::Duration delay = loop_->NextTurn() - now_;
    Turn(delay - absl::Milliseconds(1));
    EXPECT_EQ(journal_.tries, tries);
    Turn(absl::Milliseconds(1));
    EXPECT_EQ(journal_.tries, tries + 1);
    delays.push_back(delay);
  }
  EXPECT_EQ(delays.front(), Loop::kFirstRetry);
  EXPECT_EQ(delays[1], 2 * Loop::kFirstRetry);
  EXPECT_EQ(delays.back(), Loop::kLongestRetry);
  EXPECT_EQ(stalls_.size(), 1u) << "it is told once";
}

TEST_F(LoopStallTest, ACallThatIsNotSteppedYetIsNotDoneLater) {
  ASSERT_TRUE(Submit().ok());
  Turn();
  journal_.error = full_;
  // Two steps: the first one stalls.
  wire::DecodedGraph decoded = wire::DecodeGraph(MakeGraph("g", 1), Limits());
  Inbox heavy(100, 1 << 30);
  Inbox::Batch batch;
  for (int i = 0; i < 2; ++i) {
    SubmitEvent event;
    event.blueprint = decoded.blueprint;
    event.definition = std::make_shared<wire::GraphDefinition>(
        std::string(Loop::kMaxStepBytes / 2 + 1, 'x'),
        std::vector<v1::Action>(1));
    ASSERT_TRUE(heavy
                    .TryCall(std::move(event),
                             [this](const Answer& answer, const View*) {
                               answers_.push_back(answer.status);
                             })
                    .ok());
  }
  heavy.Pop(absl::InfinitePast(), &batch);
  loop_->Turn(batch, now_);
  ASSERT_EQ(answers_.size(), 3u);
  EXPECT_FALSE(answers_[1].ok());
  EXPECT_FALSE(answers_[2].ok());
  journal_.error = absl::OkStatus();
  Turn(Loop::kFirstRetry);
  EXPECT_NE(loop_->view().engine.FindRun("g-2"), nullptr);
  EXPECT_EQ(loop_->view().engine.FindRun("g-3"), nullptr);
}

TEST_F(LoopStallTest, ABatchThatNoJournalTakesIsForGood) {
  journal_.error = absl::InternalError("too large");
  ASSERT_TRUE(Submit().ok());
  Turn();
  EXPECT_TRUE(failed_);
  EXPECT_FALSE(loop_->stalled());
  EXPECT_THAT(stalls_, IsEmpty());
  EXPECT_EQ(loop_->NextTurn(), absl::InfiniteFuture());
  EXPECT_EQ(answers_.back().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace w2t::server
