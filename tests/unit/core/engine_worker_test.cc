// Workers that come, go, come back, and lie.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kMoment = absl::Milliseconds(1);

Graph OneTask() { return GraphBuilder().Task("a"); }

class EngineWorkerTest : public ::testing::Test {
 protected:
  absl::Duration window() { return env_.engine().options().reattach_window; }
  absl::Duration ttl() { return env_.engine().options().lease_ttl; }

  EngineEnv env_;
};

TEST_F(EngineWorkerTest, ALostWorkersTasksRunElsewhereAfterTheWindow) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  env_.Start("a");
  env_.Hello("w2", {.slots = 1});
  env_.Disconnect("w1");
  env_.Advance(window() - kMoment);
  EXPECT_EQ(env_.WorkerOf("a"), "w1");
  EXPECT_EQ(env_.State("a"), TaskState::kRunning);
  env_.Advance(kMoment);
  EXPECT_EQ(env_.WorkerOf("a"), "w2");
  EXPECT_EQ(env_.Record("a").attempt, 2u);
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(EngineWorkerTest, AWorkerThatDialsAgainKeepsWhatItHolds) {
  env_.Hello("w1", {.slots = 2});
  env_.Submit(GraphBuilder().Task("a").Task("b"));
  env_.Start("a");
  env_.Disconnect("w1");
  env_.Advance(window() - kMoment);
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.worker("w1").verdicts,
              ElementsAre(HeldVerdict::kKeep, HeldVerdict::kKeep));
  env_.Advance(window() * 2);
  EXPECT_EQ(env_.Record("a").attempt, 1u);
  env_.Succeed("a");
  env_.Succeed("b");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(EngineWorkerTest, WhatEndedWithoutAStreamIsReportedOnTheNextOne) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(GraphBuilder().Task("a").Task("b", {"a"}));
  env_.Disconnect("w1");
  env_.Succeed("a");
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.State("a"), TaskState::kSucceeded);
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  EXPECT_THAT(env_.worker("w1").unacked, IsEmpty());
}

TEST_F(EngineWorkerTest, AReportSentTwiceCountsOnce) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(GraphBuilder().Task("a").Retry({.attempts = 5}));
  const LeaseRef first = env_.LeaseOf("a");
  env_.Report("w1", first, TaskState::kFailed, 1);
  EXPECT_EQ(env_.Record("a").attempt, 2u);
  const size_t batches = env_.journal().size();
  env_.Report("w1", first, TaskState::kFailed, 1);
  EXPECT_EQ(env_.Record("a").attempt, 2u);
  EXPECT_EQ(env_.journal().size(), batches);
}

TEST_F(EngineWorkerTest, AStaleFenceIsIgnoredAndAcknowledged) {
  env_.Hello("w1", {.slots = 1});
  env_.Hello("w2", {.slots = 1});
  env_.Submit(OneTask());
  ASSERT_EQ(env_.WorkerOf("a"), "w1");
  const LeaseRef stale = env_.LeaseOf("a");
  env_.Disconnect("w1");
  env_.Advance(window());
  EXPECT_EQ(env_.WorkerOf("a"), "w2");
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.worker("w1").verdicts, ElementsAre(HeldVerdict::kDiscard));
  EXPECT_THAT(env_.worker("w1").held, IsEmpty());
  env_.Report("w1", stale, TaskState::kSucceeded);
  EXPECT_THAT(env_.worker("w1").unacked, IsEmpty());
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(EngineWorkerTest, AHelloIsToldWhatBecameOfEachLease) {
  env_.Hello("w1", {.slots = 4});
  env_.Submit(GraphBuilder()
                  .Service("kept")
                  .Task("kept_too", {"kept"})
                  .Task("ended")
                  .Task("failed")
                  .Retry({.attempts = 2, .initial_backoff = absl::Hours(1)}));
  env_.Start("kept");
  std::vector<LeaseRef> held = env_.worker("w1").held;
  env_.Succeed("ended");
  env_.Fail("failed");
  EXPECT_TRUE(env_.Cancel().ok());  // in reverse order: "kept_too" first
  env_.Disconnect("w1");
  // The acknowledgements were lost on the way.
  env_.worker("w1").held = {held[0],
                            env_.LeaseOf("kept_too"),
                            held[1],
                            held[2],
                            {held[0].run, 0, 9, held[0].fence}};
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.worker("w1").verdicts,
              ElementsAre(HeldVerdict::kKeep, HeldVerdict::kCancel,
                          HeldVerdict::kRecorded, HeldVerdict::kRecorded,
                          HeldVerdict::kDiscard));
}

TEST_F(EngineWorkerTest, OnlyAnOldLeaseIsRefusedOnALiveStream) {
  env_.Hello("w1", {.slots = 2});
  env_.Submit(GraphBuilder().Task("a").Task("b").Retry({.attempts = 2}));
  const LeaseRef a = env_.LeaseOf("a");
  const LeaseRef b = env_.LeaseOf("b");
  env_.Fail("b");
  ASSERT_EQ(env_.Record("b").attempt, 2u);
  env_.Report("w1", a, TaskState::kRunning);
  EXPECT_TRUE(env_.worker("w1").refused.empty());
  env_.Report("w1", a, TaskState::kRunning);
  EXPECT_TRUE(env_.worker("w1").refused.empty()) << "only repeated";
  env_.Succeed("a");
  env_.Report("w1", a, TaskState::kSucceeded);
  EXPECT_TRUE(env_.worker("w1").refused.empty()) << "only repeated";
  env_.Report("w1", b, TaskState::kSucceeded);
  ASSERT_EQ(env_.worker("w1").refused.size(), 1u) << "an old attempt";
  EXPECT_EQ(env_.worker("w1").refused.at(0), b);
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(EngineWorkerTest, NobodyReportsOnWhatAnotherHolds) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  env_.Hello("thief", {.slots = 1});
  env_.Report("thief", env_.LeaseOf("a"), TaskState::kSucceeded);
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  EXPECT_EQ(env_.worker("thief").last_ack, 1u);
}

TEST_F(EngineWorkerTest, InventedReportsAreIgnoredAndAcknowledged) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  const LeaseRef real = env_.LeaseOf("a");
  std::vector<LeaseRef> invented(5, real);
  invented[0].run = {99};
  invented[1].task = 99;
  invented[2].attempt = 2;
  invented[3].fence = {real.fence.value + 1};
  invented[4].task = kNoTask;
  for (const LeaseRef& lease : invented) {
    env_.Report("w1", lease, TaskState::kSucceeded);
  }
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  EXPECT_EQ(env_.worker("w1").last_ack, 5u);
}

TEST_F(EngineWorkerTest, AWorkerCannotDecideWhatIsTheDaemonsToDecide) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  for (const TaskState state :
       {TaskState::kUnspecified, TaskState::kWaiting, TaskState::kReady,
        TaskState::kBackoff, TaskState::kLeased, TaskState::kLost,
        TaskState::kSkipped}) {
    env_.Report("w1", env_.LeaseOf("a"), state);
    EXPECT_EQ(env_.State("a"), TaskState::kLeased) << Name(state);
  }
}

TEST_F(EngineWorkerTest, ReportsOnlyGoForward) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(GraphBuilder().Service("s").Probe());
  const LeaseRef lease = env_.LeaseOf("s");
  env_.Report("w1", lease, TaskState::kUp);
  env_.Report("w1", lease, TaskState::kRunning);
  EXPECT_TRUE(env_.run().task(0).has_been_up);
  EXPECT_NE(env_.State("s"), TaskState::kRunning);
}

TEST_F(EngineWorkerTest, OneBatchMayTellAWholeLife) {
  env_.Hello("w1", {.slots = 2});
  env_.Submit(GraphBuilder().Task("a").Probe().Task("b"));
  ReportColumns reports;
  for (const TaskState state :
       {TaskState::kRunning, TaskState::kUp, TaskState::kSucceeded}) {
    for (const char* task : {"a", "b"}) {
      reports.leases.Add(env_.LeaseOf(task));
      reports.state.push_back(state);
      reports.exit_code.push_back(0);
    }
  }
  const size_t before = env_.journal().size();
  env_.Report("w1", reports);
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env_.journal().size(), before + 1);
}

TEST_F(EngineWorkerTest, AnAttemptThatItsWorkerGaveUpRunsAgain) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  env_.Report("w1", env_.LeaseOf("a"), TaskState::kCancelled);
  EXPECT_EQ(env_.Record("a").attempt, 2u);
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
}

TEST_F(EngineWorkerTest, WhatTheDaemonDoesNotKnowIsDiscarded) {
  env_.Hello("w1", {.slots = 2});
  env_.Submit(OneTask());
  env_.Disconnect("w1");
  env_.worker("w1").held.push_back({{42}, 3, 1, {4'711}});
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.worker("w1").verdicts,
              ElementsAre(HeldVerdict::kKeep, HeldVerdict::kDiscard));
  EXPECT_EQ(env_.worker("w1").held.size(), 1u);
}

TEST_F(EngineWorkerTest, AnOfferThatNeverArrivedIsMadeAgainAtOnce) {
  env_.Hello("w1", {.slots = 1});
  env_.worker("w1").receives_offers = false;
  env_.Submit(OneTask());
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  EXPECT_THAT(env_.worker("w1").held, IsEmpty());
  env_.Disconnect("w1");
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.worker("w1").held.size(), 1u);
  EXPECT_EQ(env_.Record("a").attempt, 2u);
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(EngineWorkerTest, ANewProcessOfTheNameReplacesOneThatIsGone) {
  env_.Hello("w1", {.slots = 1, .instance = "1"});
  env_.Submit(OneTask());
  env_.Start("a");
  env_.Kill("w1");
  EXPECT_EQ(env_.State("a"), TaskState::kRunning);
  EXPECT_TRUE(env_.Hello("w1", {.slots = 1, .instance = "2"}));
  EXPECT_EQ(env_.Record("a").attempt, 2u);
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  EXPECT_EQ(env_.engine().fleet().workers().size(), 1u);
}

TEST_F(EngineWorkerTest, TheNameOfALiveWorkerIsTaken) {
  env_.Hello("w1", {.slots = 1, .instance = "1"});
  env_.Submit(OneTask());
  EXPECT_FALSE(env_.Hello("w1", {.slots = 1, .instance = "2"}));
  EXPECT_TRUE(absl::IsAlreadyExists(env_.refused())) << env_.refused();
  EXPECT_THAT(std::string(env_.refused().message()), HasSubstr("w1"));
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(EngineWorkerTest, ASecondStreamOfOneProcessReplacesTheFirst) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  const SessionId old = env_.worker("w1").session;
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_TRUE(absl::IsAborted(env_.closed(old))) << env_.closed(old);
  EXPECT_NE(env_.worker("w1").session, old);
  // What still comes from the old stream is not listened to.
  const size_t batches = env_.journal().size();
  env_.Step({SessionClosedEvent{old}});
  env_.Step({LeaveEvent{old}});
  ReportColumns reports;
  reports.leases.Add(env_.LeaseOf("a"));
  reports.state = {TaskState::kFailed};
  reports.exit_code = {1};
  env_.Step({ReportsEvent{old, 1, reports}});
  EXPECT_EQ(env_.journal().size(), batches);
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(EngineWorkerTest, AWorkerThatAnswersPingsLivesOn) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  env_.Advance(absl::Minutes(10));
  EXPECT_GE(env_.worker("w1").pings, 100);
  EXPECT_TRUE(env_.worker("w1").session);
  EXPECT_EQ(env_.Record("a").attempt, 1u);
}

TEST_F(EngineWorkerTest, ASilentWorkerIsDisconnectedAfterTheLeaseTtl) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  env_.worker("w1").answers_pings = false;
  env_.Advance(ttl() - kMoment);
  EXPECT_TRUE(env_.worker("w1").session);
  env_.Advance(kMoment);
  EXPECT_FALSE(env_.worker("w1").session);
  EXPECT_FALSE(env_.worker("w1").closed.ok());
  EXPECT_EQ(env_.State("a"), TaskState::kLeased) << "the window has begun";
  env_.Advance(window());
  EXPECT_EQ(env_.State("a"), TaskState::kReady);
}

TEST_F(EngineWorkerTest, AReportIsASignOfLife) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  env_.worker("w1").answers_pings = false;
  env_.Advance(ttl() - absl::Seconds(1));
  env_.Start("a");
  env_.Advance(absl::Seconds(2));
  EXPECT_TRUE(env_.worker("w1").session);
}

TEST_F(EngineWorkerTest, AfterARestartWorkersHaveTheWindowToDial) {
  env_.Hello("w1", {.slots = 1});
  env_.Hello("w2", {.slots = 1});
  env_.Submit(GraphBuilder().Task("a").Task("b"));
  env_.Advance(absl::Hours(1));
  env_.Restart();
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.worker("w1").verdicts, ElementsAre(HeldVerdict::kKeep));
  env_.Advance(window() - kMoment);
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  EXPECT_EQ(env_.WorkerOf("b"), "w2");
  env_.Advance(kMoment);
  EXPECT_EQ(env_.State("b"), TaskState::kReady);
  env_.Succeed("a");
  EXPECT_EQ(env_.WorkerOf("b"), "w1");
}

TEST_F(EngineWorkerTest, WhatWasReportedBeforeARestartDoesNotRunAgain) {
  env_.Hello("w1", {.slots = 2});
  env_.Submit(GraphBuilder().Task("a").Task("b"));
  env_.Succeed("a");
  env_.Restart();
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.State("a"), TaskState::kSucceeded);
  env_.Succeed("b");
  EXPECT_EQ(env_.Record("a").attempt, 1u);
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(EngineWorkerTest, LostAttemptsAreBounded) {
  env_.Submit(GraphBuilder().Task("a").Task("b", {"a"}));
  const uint64_t most = env_.engine().options().limits.max_lost_attempts;
  for (uint64_t i = 1; i <= most; ++i) {
    ASSERT_TRUE(env_.Hello("w1", {.instance = std::to_string(i)}));
    ASSERT_EQ(env_.State("a"), TaskState::kLeased) << i;
    ASSERT_EQ(env_.Record("a").attempt, i);
    env_.Kill("w1");
    env_.Advance(window());
  }
  EXPECT_EQ(env_.State("a"), TaskState::kLost);
  EXPECT_EQ(env_.State("b"), TaskState::kSkipped);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  const TaskDetail* detail = env_.run().detail(0);
  ASSERT_NE(detail, nullptr);
  EXPECT_THAT(detail->message, HasSubstr("max_lost_attempts"));
}

TEST_F(EngineWorkerTest, NoNumberOfLossesEndsWhatMayBeTriedWithoutABound) {
  env_.Submit(GraphBuilder().Service("a").Probe().Retry(
      {.attempts = RetryPolicy::kUnlimited}));
  for (int i = 1; i <= 300; ++i) {
    ASSERT_TRUE(env_.Hello("w1", {.instance = std::to_string(i)}));
    ASSERT_EQ(env_.State("a"), TaskState::kLeased) << i;
    env_.Kill("w1");
    env_.Advance(window());
  }
  EXPECT_EQ(env_.run().CountedAttempts(env_.Index("a")), 0u)
      << "a loss is no failure, and does not make a wait longer";
  env_.Hello("w1", {.instance = "last"});
  env_.Start("a");
  env_.Ready("a");
  env_.Finish();
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(EngineWorkerTest, LostAttemptsDoNotUseUpRetries) {
  env_.Submit(GraphBuilder().Task("a").Retry({.attempts = 2}));
  for (int i = 1; i <= 2; ++i) {
    ASSERT_TRUE(env_.Hello("w1", {.instance = std::to_string(i)}));
    env_.Kill("w1");
    env_.Advance(window());
  }
  env_.Hello("w1", {.instance = "3"});
  env_.Fail("a");
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  env_.Fail("a");
  EXPECT_EQ(env_.State("a"), TaskState::kFailed);
}

TEST(EngineWorkerLimitTest, WorkersAreBounded) {
  EngineOptions options;
  options.limits.max_workers = 2;
  EngineEnv env(options);
  EXPECT_TRUE(env.Hello("w1"));
  EXPECT_TRUE(env.Hello("w2"));
  EXPECT_FALSE(env.Hello("w3"));
  EXPECT_TRUE(absl::IsResourceExhausted(env.refused())) << env.refused();
  EXPECT_THAT(std::string(env.refused().message()), HasSubstr("max_workers"));
}

TEST_F(EngineWorkerTest, AttemptsOfALostWorkerAreSaidToHaveEnded) {
  env_.Hello("w1", {.slots = 1});
  env_.Submit(OneTask());
  const LeaseRef lease = env_.LeaseOf("a");
  env_.Kill("w1");
  EXPECT_LE(env_.engine().NextWakeup(), env_.now() + window());
  env_.Advance(window());  // the referee checks AttemptsEnded in each step
  EXPECT_FALSE(env_.run().Holds(lease, {1}));
  EXPECT_TRUE(env_.engine().idle());
}

TEST_F(EngineWorkerTest, StopsAreNotToldTwiceWhenAWorkerDialsAgain) {
  // "b" was never received, so it is lost when w1 dials, and that in turn is
  // what lets "a" be stopped.
  env_.Hello("w1", {.slots = 2});
  env_.Submit(GraphBuilder().Service("a").Task("b", {"a"}));
  env_.worker("w1").receives_offers = false;
  env_.Start("a");
  ASSERT_EQ(env_.State("b"), TaskState::kLeased);
  env_.Disconnect("w1");
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("a"));
  env_.Stopped("a");
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
}

TEST_F(EngineWorkerTest, EventsOfUnknownSessionsAreIgnored) {
  env_.Submit(OneTask());
  const size_t batches = env_.journal().size();
  env_.Step({AliveEvent{{77}}});
  env_.Step({LeaveEvent{{77}}});
  env_.Step({SessionClosedEvent{{77}}});
  env_.Step({ReportsEvent{{77}, 1, {}}});
  EXPECT_EQ(env_.journal().size(), batches);
}

}  // namespace
}  // namespace w2t::testing
