// Messages of the daemon in, messages of the worker out: no stream, no thread.
#include "client/worker/session/session_state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/client_worker/session_fixture.h"

namespace w2t::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SessionStateTest : public SessionFixture {
 protected:
  SessionStateTest() : SessionFixture(Identity()) { Attach(); }

  static v1::Hello Identity() {
    v1::Hello hello;
    hello.set_name("w1");
    return hello;
  }

  // A new stream, up to the Welcome. Returns what the Hello said is held.
  std::vector<uint64_t> Attach(std::vector<v1::HeldVerdict> verdicts = {},
                               Todo* todo = nullptr) {
    const v1::Hello hello = Dial();
    EXPECT_EQ(hello.name(), "w1");
    EXPECT_GT(hello.stream(), last_stream_);
    last_stream_ = hello.stream();
    EXPECT_EQ(Next(), nullptr) << "nothing may be sent before the welcome";
    std::vector<uint64_t> held(hello.held().fence().begin(),
                               hello.held().fence().end());
    v1::Welcome welcome;
    welcome.mutable_ping_interval()->set_seconds(1);
    welcome.set_takes_probes(takes_probes_);
    verdicts.resize(held.size(), v1::HELD_VERDICT_KEEP);
    Todo all = Welcome(verdicts, std::move(welcome));
    if (todo != nullptr) *todo = std::move(all);
    return held;
  }
  Todo Give(const std::vector<uint64_t>& fences) {
    return Receive(OfferOf(fences));
  }
  // The messages that are due, one word each: "reports 1: 7 RUNNING, 8 FAILED",
  // "logs 1: 7 hello", "pong 3", "leave".
  std::vector<std::string> Sent() {
    std::vector<std::string> sent;
    while (auto message = Next()) sent.push_back(Words(*message));
    return sent;
  }
  static std::string Words(const v1::SessionRequest& message) {
    if (message.has_pong()) {
      return fmt::format("pong {}", message.pong().nonce());
    }
    if (message.has_leave()) return "leave";
    if (message.has_probes()) {
      std::vector<std::string> news;
      for (const v1::ProbeNews& one : message.probes().news()) {
        news.push_back(
            fmt::format("{} {} {}", one.fence(), one.count(), one.message()));
      }
      std::sort(news.begin(), news.end());
      return fmt::format("probes: {}", fmt::join(news, ", "));
    }
    std::string words;
    if (message.has_logs()) {
      words = fmt::format("logs {}:", message.logs().seq());
      for (const v1::TaskLogChunk& chunk : message.logs().chunks()) {
        words += fmt::format(" {} {}", chunk.fence(), chunk.chunk().data());
      }
      return words;
    }
    return fmt::format("reports {}:{}{}", message.reports().seq(),
                       message.reports().state_size() > 0 ? " " : "",
                       fmt::join(WordsOf(message.reports()), ", "));
  }

  uint64_t last_stream_ = 0;
  bool takes_probes_ = false;
};

TEST_F(SessionStateTest, AnOfferIsStartedWithItsActionNameAndRun) {
  const Todo todo = Give({7});
  ASSERT_EQ(todo.start.size(), 1u);
  EXPECT_EQ(todo.start[0].lease, LeaseOf(7));
  EXPECT_EQ(todo.start[0].name, "task-7");
  EXPECT_EQ(todo.start[0].action->handler().name(), "noop");
  EXPECT_EQ(*todo.start[0].run_id, "shop-1");
  EXPECT_EQ(state_.held(), 1u);
}

TEST_F(SessionStateTest, AnActionThatTheStreamHasCarriedIsReferredTo) {
  Give({7});
  v1::SessionResponse again = OfferOf({8});
  again.mutable_offers()->clear_new_actions();
  again.mutable_offers()->clear_new_runs();
  const Todo todo = Receive(again);
  ASSERT_EQ(todo.start.size(), 1u);
  EXPECT_EQ(todo.start[0].action->handler().name(), "noop");
}

TEST_F(SessionStateTest, AnOfferOfAnActionNeverSentIsReportedAsFailed) {
  v1::SessionResponse offer = OfferOf({7});
  offer.mutable_offers()->clear_new_actions();
  EXPECT_THAT(Receive(offer).start, IsEmpty());
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 FAILED"));
}

TEST_F(SessionStateTest, AnOfferWithUnevenColumnsEndsTheStream) {
  v1::SessionResponse offer = OfferOf({7});
  offer.mutable_offers()->add_action(5);
  Todo todo;
  EXPECT_TRUE(absl::IsInvalidArgument(state_.OnMessage(offer, todo)));
  EXPECT_EQ(state_.held(), 0u);
}

TEST_F(SessionStateTest, ReportsGatherInOneBatch) {
  Give({7, 8});
  state_.Started(LeaseOf(7));
  Succeed(8);
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 RUNNING, 8 SUCCEEDED"));
}

TEST_F(SessionStateTest, AnEndBeforeItsStartWasSentIsAllThatIsReported) {
  Give({7, 8, 9});
  state_.Started(LeaseOf(7));
  state_.Started(LeaseOf(8));
  state_.Ended(LeaseOf(7), {.state = v1::TASK_STATE_FAILED,
                            .exit_code = 3,
                            .message = "exit code 3"});
  const auto message = Next();
  ASSERT_EQ(Words(*message), "reports 1: 8 RUNNING, 7 FAILED");
  ASSERT_EQ(message->reports().details_size(), 1);
  EXPECT_EQ(message->reports().details(0).position(), 1u);
  EXPECT_EQ(message->reports().details(0).message(), "exit code 3");
  EXPECT_EQ(message->reports().exit_code(1), 3);
}

TEST_F(SessionStateTest, AStartThatWasSentStaysSent) {
  Give({7});
  state_.Started(LeaseOf(7));
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 RUNNING"));
  Succeed(7);
  EXPECT_THAT(Sent(), ElementsAre("reports 2: 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, ThatItCameUpIsToldEvenIfItEndsAtOnce) {
  Give({7});
  state_.Started(LeaseOf(7));
  state_.Up(LeaseOf(7));
  Succeed(7);
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 RUNNING, 7 UP, 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, AnOutcomeIsReportedOnce) {
  Give({7});
  Succeed(7);
  state_.Ended(LeaseOf(7), {.state = v1::TASK_STATE_FAILED});
  state_.Up(LeaseOf(7));
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, WhatWasNeverGivenIsNotReported) {
  Succeed(99);
  state_.Started(LeaseOf(98));
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(SessionStateTest, ItHoldsAnAttemptUntilItsOutcomeIsDurable) {
  Give({7});
  state_.Started(LeaseOf(7));
  Sent();
  Acknowledge(1);
  EXPECT_EQ(state_.held(), 1u) << "its start is durable, not its end";
  Succeed(7);
  Sent();
  EXPECT_EQ(state_.held(), 1u);
  EXPECT_EQ(state_.running(), 0u);
  Acknowledge(2);
  EXPECT_EQ(state_.held(), 0u);
}

TEST_F(SessionStateTest, UnacknowledgedBatchesAreResentAsTheyWere) {
  Give({7, 8});
  Succeed(7);
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 SUCCEEDED"));
  Succeed(8);
  EXPECT_THAT(Sent(), ElementsAre("reports 2: 8 SUCCEEDED"));
  Acknowledge(1);
  EXPECT_THAT(Attach(), ElementsAre(8));
  EXPECT_THAT(Sent(), ElementsAre("reports 2: 8 SUCCEEDED"));
}

TEST_F(SessionStateTest, WhatEndsWhileDetachedIsReportedOnTheNextStream) {
  Give({7, 8});
  state_.Started(LeaseOf(7));
  Sent();
  state_.StreamOpened();
  Succeed(7);
  EXPECT_THAT(Attach(), ElementsAre(7, 8));
  EXPECT_THAT(Sent(),
              ElementsAre("reports 1: 7 RUNNING", "reports 2: 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, ADiscardedAttemptIsStoppedAndForgotten) {
  Give({7, 8});
  Todo todo;
  EXPECT_THAT(Attach({v1::HELD_VERDICT_DISCARD, v1::HELD_VERDICT_KEEP}, &todo),
              ElementsAre(7, 8));
  EXPECT_THAT(todo.discard, ElementsAre(LeaseOf(7)));
  EXPECT_EQ(state_.held(), 1u);
  Succeed(7);
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(SessionStateTest, ADiscardedAttemptThatHasEndedNeedsNoStop) {
  Give({7});
  Succeed(7);
  Todo todo;
  Attach({v1::HELD_VERDICT_DISCARD}, &todo);
  EXPECT_THAT(todo.discard, IsEmpty());
  EXPECT_EQ(state_.held(), 0u);
  EXPECT_EQ(state_.running(), 0u);
}

TEST_F(SessionStateTest, WhatIsRecordedIsNotReportedAgain) {
  Give({7, 8});
  Succeed(7);
  Sent();
  Succeed(8);  // not sent yet
  Todo todo;
  Attach({v1::HELD_VERDICT_RECORDED, v1::HELD_VERDICT_DISCARD}, &todo);
  EXPECT_THAT(todo.discard, IsEmpty());
  EXPECT_EQ(todo.recorded, 1u);
  EXPECT_EQ(todo.refused, 1u);
  EXPECT_EQ(state_.held(), 0u);
  EXPECT_THAT(Sent(), ElementsAre("reports 1:"));
}

TEST_F(SessionStateTest, ACancelledAttemptIsStoppedAndReported) {
  Give({7, 8});
  Succeed(8);
  Todo todo;
  Attach({v1::HELD_VERDICT_CANCEL, v1::HELD_VERDICT_CANCEL}, &todo);
  EXPECT_THAT(todo.stop, ElementsAre(LeaseOf(7)));
  EXPECT_THAT(todo.discard, IsEmpty());
  EXPECT_EQ(state_.held(), 2u);
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 8 SUCCEEDED"));
}

TEST_F(SessionStateTest, WhatEndedAndIsKeptIsReportedAgain) {
  Give({7});
  Succeed(7);
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 SUCCEEDED"));
  Attach({v1::HELD_VERDICT_KEEP});
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 SUCCEEDED"));
  EXPECT_EQ(state_.held(), 1u);
}

TEST_F(SessionStateTest, ARefusedReportStopsWhatStillRuns) {
  Give({7, 8});
  state_.Started(LeaseOf(7));
  Sent();
  v1::SessionResponse message;
  message.mutable_ack()->set_through_seq(1);
  message.mutable_ack()->add_refused(7);
  message.mutable_ack()->add_refused(99);
  const Todo todo = Receive(message);
  EXPECT_THAT(todo.discard, ElementsAre(LeaseOf(7)));
  EXPECT_EQ(todo.refused, 2u);
  EXPECT_EQ(state_.held(), 1u);
  Succeed(7);
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(SessionStateTest, AWelcomeMustJudgeAllThatIsHeld) {
  Give({7});
  Dial();
  v1::SessionResponse welcome;
  welcome.mutable_welcome();
  Todo todo;
  EXPECT_TRUE(absl::IsInvalidArgument(state_.OnMessage(welcome, todo)));
}

TEST_F(SessionStateTest, NothingButAWelcomeMayComeFirst) {
  Dial();
  v1::SessionResponse offer = OfferOf({7});
  Todo todo;
  EXPECT_TRUE(absl::IsFailedPrecondition(state_.OnMessage(offer, todo)));
}

TEST_F(SessionStateTest, AnOfferThatIsHeldAlreadyIsNotStartedAgain) {
  Give({7});
  EXPECT_THAT(Give({7}).start, IsEmpty());
  EXPECT_EQ(state_.running(), 1u);
}

TEST_F(SessionStateTest, OnlyWhatRunsIsCancelled) {
  Give({7, 8});
  Succeed(8);
  EXPECT_THAT(Cancel({7, 8, 9}).stop, ElementsAre(LeaseOf(7)));
}

TEST_F(SessionStateTest, OneMessageMayHoldEverything) {
  Give({7});
  Succeed(7);
  Sent();
  v1::SessionResponse message = OfferOf({8, 9});
  Add(8, message.mutable_cancels()->mutable_leases());
  message.mutable_ack()->set_through_seq(1);
  message.mutable_ping()->set_nonce(3);
  message.mutable_drain()->set_reason("enough");
  const Todo todo = Receive(message);
  EXPECT_EQ(todo.start.size(), 2u);
  EXPECT_THAT(todo.stop, ElementsAre(LeaseOf(8)));
  EXPECT_EQ(state_.held(), 2u);
  EXPECT_EQ(todo.drained, "enough");
  EXPECT_THAT(Sent(), ElementsAre("pong 3"));
}

TEST_F(SessionStateTest, APingIsAnsweredBeforeAnythingElse) {
  Give({7});
  Succeed(7);
  v1::SessionResponse ping;
  ping.mutable_ping()->set_nonce(42);
  Receive(ping);
  EXPECT_THAT(Sent(), ElementsAre("pong 42", "reports 1: 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, LeaveIsSaidOnEachStream) {
  state_.Leave("going");
  EXPECT_THAT(Sent(), ElementsAre("leave"));
  EXPECT_THAT(Sent(), IsEmpty());
  Attach();
  EXPECT_THAT(Sent(), ElementsAre("leave"));
}

TEST_F(SessionStateTest, OutputGathersAndPrecedesTheOutcome) {
  Give({7});
  Print(7, "hel");
  Print(7, "lo");
  Succeed(7);
  EXPECT_THAT(Sent(), ElementsAre("logs 1: 7 hello", "reports 1: 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, OutputOfEachStreamAndAttemptIsKeptApart) {
  Give({7, 8});
  Print(7, "a");
  state_.Printed(LeaseOf(7), v1::LOG_STREAM_STDERR, 1, "b");
  state_.Printed(LeaseOf(8), v1::LOG_STREAM_STDERR, 1, "c");
  const auto message = Next();
  ASSERT_EQ(message->logs().chunks_size(), 3);
  EXPECT_EQ(message->logs().chunks(1).chunk().stream(), v1::LOG_STREAM_STDERR);
}

TEST_F(SessionStateTest, TheDaemonBoundsTheUnacknowledgedLogBatches) {
  Dial();
  v1::Welcome welcome;
  welcome.set_max_log_batches(2);
  Welcome({}, welcome);
  Give({7});
  for (int i = 0; i < 5; ++i) {
    Print(7, "x");
    Sent();
  }
  Acknowledge(0, 1);
  EXPECT_THAT(Sent(), ElementsAre("logs 3: 7 xxx"));
}

TEST_F(SessionStateTest, AtMostSixtyFourLogBatchesAreUnacknowledged) {
  Give({7});
  for (int i = 0; i < 70; ++i) {
    Print(7, "x");
    Sent();
  }
  Succeed(7);
  EXPECT_THAT(Sent(), IsEmpty()) << "the outcome waits for its output";
  Acknowledge(0, 1);
  EXPECT_THAT(Sent(),
              ElementsAre("logs 65: 7 xxxxxx", "reports 1: 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, WithoutRoomForOutputReadingStops) {
  Give({7});
  const std::string megabyte(1024 * 1024, 'x');
  state_.StreamOpened();  // detached: nothing leaves
  int taken = 1;
  while (Print(7, megabyte)) {
    ASSERT_LT(++taken, 100);
  }
  EXPECT_EQ(taken, 4);
  EXPECT_FALSE(state_.log_has_room());
  Attach();
  for (uint64_t seq = 1; !state_.log_has_room(); ++seq) {
    ASSERT_NE(Next(), nullptr);
    Acknowledge(0, seq);
  }
}

TEST_F(SessionStateTest, UnacknowledgedOutputIsResentUnderNewNumbers) {
  Give({7});
  Print(7, "one");
  Sent();
  Print(7, "two");
  Sent();
  Acknowledge(0, 1);
  Succeed(7);
  Sent();
  Attach();
  EXPECT_THAT(Sent(), ElementsAre("logs 1: 7 two", "reports 1: 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, AnOutcomeFollowsItsOutputThatGoesAgain) {
  Give({7});
  Print(7, "once");
  EXPECT_THAT(Sent(), ElementsAre("logs 1: 7 once"));
  state_.StreamOpened();
  Succeed(7);
  Attach();
  EXPECT_THAT(Sent(), ElementsAre("logs 1: 7 once", "reports 1: 7 SUCCEEDED"));
}

TEST_F(SessionStateTest, OutputAndReportsTakeTurns) {
  Give({7, 8, 9});
  const std::string batch(LogQueue::kBatchBytes, 'x');
  for (int i = 0; i < 3; ++i) {
    Print(7, batch);
  }
  Succeed(8);
  EXPECT_EQ(Words(*Next()), "reports 1: 8 SUCCEEDED");
  Succeed(9);
  EXPECT_TRUE(Next()->has_logs());
  EXPECT_EQ(Words(*Next()), "reports 2: 9 SUCCEEDED");
  EXPECT_TRUE(Next()->has_logs());
}

TEST_F(SessionStateTest, TheLatestOfEachProbeIsTold) {
  takes_probes_ = true;
  Attach();
  Give({7, 8});
  state_.ProbeMissed(LeaseOf(7), {.count = 1, .message = "no"});
  EXPECT_THAT(Sent(), IsEmpty());  // held back
  state_.ProbeMissed(LeaseOf(7), {.count = 2, .message = "not yet"});
  state_.ProbeMissed(LeaseOf(8), {.count = 1, .message = "no"});
  state_.ProbeMissed(LeaseOf(9), {.count = 1, .message = "never given"});
  state_.ReleaseProbes();
  EXPECT_THAT(Sent(), ElementsAre("probes: 7 2 not yet, 8 1 no"));
  state_.ReleaseProbes();
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(SessionStateTest, WhatIsUpOrHasEndedHasNoProbesToTell) {
  takes_probes_ = true;
  Attach();
  Give({7, 8});
  for (const uint64_t fence : {7, 8}) {
    state_.ProbeMissed(LeaseOf(fence), {.count = 1, .message = "no"});
  }
  state_.Up(LeaseOf(7));
  Succeed(8);
  state_.ProbeMissed(LeaseOf(8), {.count = 2, .message = "no"});
  state_.ReleaseProbes();
  EXPECT_THAT(Sent(), ElementsAre("reports 1: 7 UP, 8 SUCCEEDED"));
}

TEST_F(SessionStateTest, ADaemonThatDoesNotTakeProbesIsToldNone) {
  Give({7});
  state_.ProbeMissed(LeaseOf(7), {.count = 1, .message = "no"});
  state_.ReleaseProbes();
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(SessionStateTest, AbandonForgetsAll) {
  Give({7, 8});
  Succeed(7);
  state_.Abandon();
  EXPECT_EQ(state_.held(), 0u);
  Succeed(8);
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(SessionStateTest, MoreIsNotAnnouncedWhileTheWindowHoldsResentOutput) {
  Give({7, 8});
  const std::string batch(LogQueue::kBatchBytes, 'x');
  Print(7, batch);
  Print(7, batch);
  Sent();
  Succeed(8);
  Dial();
  v1::Welcome welcome;
  welcome.set_max_log_batches(1);
  Welcome({v1::HELD_VERDICT_KEEP, v1::HELD_VERDICT_KEEP}, welcome);
  bool more = true;
  ASSERT_TRUE(state_.NextMessage(&more)->has_logs());
  EXPECT_FALSE(more) << "the report has to wait for the rest of the output";
  EXPECT_EQ(state_.NextMessage(&more), nullptr);
}

TEST_F(SessionStateTest, MoreIsAnnouncedOnlyWhenItIsCertain) {
  Give({7, 8});
  state_.Started(LeaseOf(7));
  v1::SessionResponse ping;
  ping.mutable_ping()->set_nonce(1);
  Receive(ping);
  bool more = true;
  ASSERT_TRUE(state_.NextMessage(&more)->has_pong());
  EXPECT_FALSE(more) << "the start may still be withdrawn";
  Receive(ping);
  Succeed(8);
  ASSERT_TRUE(state_.NextMessage(&more)->has_pong());
  EXPECT_TRUE(more);
}

}  // namespace
}  // namespace w2t::worker
