// Attempts that are repeated, and what a failure means for the run.
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunRetryTest : public ::testing::Test {
 protected:
  RunRetryTest() { env_.Hello("w1", {.slots = 100}); }

  void SubmitOne(const RetryPolicy& retry) {
    env_.Submit(GraphBuilder().Task("a").Retry(retry));
  }

  EngineEnv env_;
};

TEST_F(RunRetryTest, WithoutAPolicyAFailureIsFinal) {
  env_.Submit(GraphBuilder().Task("a"));
  env_.Fail("a", 3);
  EXPECT_EQ(env_.State("a"), TaskState::kFailed);
  EXPECT_EQ(env_.Record("a").exit_code, 3);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunRetryTest, AttemptsCountTheFirstOne) {
  SubmitOne({.attempts = 3});
  env_.Fail("a");
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  EXPECT_EQ(env_.Record("a").attempt, 2u);
  env_.Fail("a");
  EXPECT_EQ(env_.Record("a").attempt, 3u);
  env_.Fail("a");
  EXPECT_EQ(env_.State("a"), TaskState::kFailed);
  EXPECT_EQ(env_.Record("a").attempt, 3u);
}

TEST_F(RunRetryTest, ALaterAttemptMayEndWell) {
  env_.Submit(GraphBuilder().Task("a").Retry({.attempts = 3}).Task("b", {"a"}));
  env_.Fail("a");
  EXPECT_EQ(env_.State("b"), TaskState::kWaiting);
  env_.Succeed("a");
  env_.Succeed("b");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env_.run().exit_code(), 0);
  EXPECT_THAT(env_.run().failures(), IsEmpty());
}

TEST_F(RunRetryTest, FailedHoldsOnlyAfterTheLastAttempt) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Retry({.attempts = 2})
                  .Task("undo", {{"a", Condition::kFailed}}));
  env_.Fail("a");
  EXPECT_EQ(env_.State("undo"), TaskState::kWaiting);
  env_.Fail("a");
  EXPECT_EQ(env_.State("undo"), TaskState::kLeased);
}

TEST_F(RunRetryTest, EveryAttemptHasAFenceOfItsOwn) {
  SubmitOne({.attempts = 2});
  const LeaseRef first = env_.LeaseOf("a");
  env_.Fail("a");
  EXPECT_GT(env_.LeaseOf("a").fence, first.fence);
}

TEST_F(RunRetryTest, BackoffDoublesUpToItsBound) {
  SubmitOne({.attempts = 5,
             .initial_backoff = absl::Seconds(1),
             .max_backoff = absl::Seconds(3)});
  for (const int seconds : {1, 2, 3, 3}) {
    env_.Fail("a");
    EXPECT_EQ(env_.State("a"), TaskState::kBackoff);
    env_.Advance(0.75 * absl::Seconds(seconds) - absl::Milliseconds(1));
    EXPECT_EQ(env_.State("a"), TaskState::kBackoff) << seconds;
    env_.Advance(0.25 * absl::Seconds(seconds) + absl::Milliseconds(1));
    EXPECT_EQ(env_.State("a"), TaskState::kLeased) << seconds;
  }
  env_.Fail("a");
  EXPECT_EQ(env_.State("a"), TaskState::kFailed);
}

TEST_F(RunRetryTest, TasksThatFailTogetherAreTriedAgainOneByOne) {
  GraphBuilder graph;
  for (int i = 0; i < 50; ++i) {
    graph.Task("t" + std::to_string(i))
        .Retry({.attempts = 2, .initial_backoff = absl::Seconds(8)});
  }
  env_.Submit(graph);
  for (int i = 0; i < 50; ++i) env_.Fail("t" + std::to_string(i));
  env_.Advance(absl::Seconds(6) - absl::Milliseconds(1));
  EXPECT_EQ(env_.run().count(TaskState::kBackoff), 50u);
  int most = 0;
  for (int step = 0; step < 20; ++step) {
    const uint32_t before = env_.run().count(TaskState::kBackoff);
    env_.Advance(absl::Milliseconds(101));
    most = std::max<int>(
        most, static_cast<int>(before - env_.run().count(TaskState::kBackoff)));
  }
  EXPECT_EQ(env_.run().count(TaskState::kBackoff), 0u);
  EXPECT_LT(most, 15);
}

TEST_F(RunRetryTest, WithoutABoundOfAttemptsThereIsAlwaysAnother) {
  SubmitOne({.attempts = RetryPolicy::kUnlimited,
             .initial_backoff = absl::Milliseconds(100),
             .max_backoff = absl::Seconds(1)});
  for (int i = 0; i < 200; ++i) {
    env_.Fail("a");
    env_.Advance(absl::Seconds(1));
    ASSERT_EQ(env_.State("a"), TaskState::kLeased);
  }
}

TEST_F(RunRetryTest, OnlyAttemptsWithinTheWindowCount) {
  SubmitOne({.attempts = 3, .window = absl::Seconds(60)});
  for (int i = 0; i < 6; ++i) {
    env_.Fail("a");
    ASSERT_EQ(env_.State("a"), TaskState::kLeased) << i;
    env_.Advance(absl::Seconds(30));
  }
  env_.Restart();
  env_.Reattach("w1");
  env_.Fail("a");  // the one 30 s ago counts, the one 60 s ago does not
  ASSERT_EQ(env_.State("a"), TaskState::kLeased);
  env_.Fail("a");
  EXPECT_EQ(env_.State("a"), TaskState::kFailed);
}

TEST_F(RunRetryTest, AnAttemptThatWasStableEndsTheCount) {
  SubmitOne({.attempts = 2,
             .initial_backoff = absl::Seconds(1),
             .max_backoff = absl::Seconds(64),
             .stable_after = absl::Seconds(10)});
  for (int i = 0; i < 5; ++i) {
    env_.Start("a");
    env_.Advance(absl::Seconds(10));
    env_.Fail("a");
    ASSERT_EQ(env_.State("a"), TaskState::kBackoff) << i;
    env_.Advance(absl::Seconds(1));
    ASSERT_EQ(env_.State("a"), TaskState::kLeased) << i;
  }
  env_.Start("a");
  env_.Advance(absl::Seconds(9));
  env_.Fail("a");
  EXPECT_EQ(env_.State("a"), TaskState::kFailed);
}

TEST_F(RunRetryTest, WithAProbeOnlyTheTimeSinceItPassedIsStable) {
  env_.Submit(GraphBuilder().Service("db").Probe().Retry(
                  {.attempts = 2, .stable_after = absl::Seconds(10)}),
              {.hold = true});
  env_.Start("db");
  env_.Advance(absl::Seconds(60));
  env_.Fail("db");
  ASSERT_EQ(env_.State("db"), TaskState::kLeased);
  env_.Start("db");
  env_.Advance(absl::Seconds(60));
  env_.Ready("db");
  env_.Advance(absl::Seconds(9));
  env_.Fail("db");
  EXPECT_EQ(env_.State("db"), TaskState::kFailed);
}

TEST_F(RunRetryTest, WithoutABoundTheBackoffStaysAsItIs) {
  SubmitOne({.attempts = 3, .initial_backoff = absl::Seconds(1)});
  for (int i = 0; i < 2; ++i) {
    env_.Fail("a");
    env_.Advance(absl::Seconds(1));
    EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  }
}

TEST(RunBackoffTest, ALongBackoffDoesNotOverflow) {
  // No pings, so that years pass in few steps.
  EngineEnv env(
      {.ping_interval = absl::Hours(10'000), .lease_ttl = absl::Hours(10'000)});
  env.Hello("w1");
  env.Submit(GraphBuilder().Task("a").Retry({.attempts = 1'000,
                                             .initial_backoff = absl::Hours(24),
                                             .max_backoff = absl::Hours(24)}));
  for (int i = 0; i < 80; ++i) {
    env.Fail("a");
    ASSERT_EQ(env.State("a"), TaskState::kBackoff);
    env.Advance(absl::Hours(24));
    ASSERT_EQ(env.State("a"), TaskState::kLeased);
  }
}

TEST_F(RunRetryTest, ABackoffOutlivesTheDaemon) {
  SubmitOne({.attempts = 2, .initial_backoff = absl::Seconds(30)});
  env_.Fail("a");
  env_.Advance(absl::Seconds(20));
  env_.Restart();
  env_.Reattach("w1");
  EXPECT_EQ(env_.State("a"), TaskState::kBackoff);
  env_.Advance(absl::Seconds(10));
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
}

TEST_F(RunRetryTest, OnlyListedExitCodesAreTriedAgain) {
  const RetryPolicy retry{.attempts = 9, .exit_codes = {75, 99}};
  SubmitOne(retry);
  env_.Fail("a", 75);
  env_.Fail("a", 99);
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  env_.Fail("a", 1);
  EXPECT_EQ(env_.State("a"), TaskState::kFailed);
  SubmitOne(retry);
  env_.TimeOut("a");
  EXPECT_EQ(env_.State("a"), TaskState::kTimedOut);
}

TEST_F(RunRetryTest, WithoutAListTimeoutsAreTriedAgainToo) {
  SubmitOne({.attempts = 2});
  env_.TimeOut("a");
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  env_.TimeOut("a");
  EXPECT_EQ(env_.State("a"), TaskState::kTimedOut);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunRetryTest, OnSuccessRepeatsWhatEndedWell) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Retry({.attempts = 3, .on_success = true})
                  .Task("b", {"a"}));
  env_.Succeed("a");
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
  EXPECT_EQ(env_.State("b"), TaskState::kWaiting);
  env_.Fail("a");
  env_.Succeed("a");
  EXPECT_EQ(env_.State("a"), TaskState::kSucceeded);
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(RunRetryTest, NothingIsTriedAgainInACancelledRun) {
  env_.Submit(GraphBuilder()
                  .Task("backs off")
                  .Retry({.attempts = 2, .initial_backoff = absl::Seconds(9)})
                  .Task("runs")
                  .Retry({.attempts = 2}));
  env_.Fail("backs off");
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_EQ(env_.State("backs off"), TaskState::kCancelled);
  env_.Fail("runs");
  EXPECT_EQ(env_.State("runs"), TaskState::kFailed);
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
  env_.Advance(absl::Seconds(20));
  EXPECT_EQ(env_.State("backs off"), TaskState::kCancelled);
}

TEST_F(RunRetryTest, AllowFailureLetsTheRunSucceed) {
  env_.Submit(GraphBuilder()
                  .Task("optional")
                  .AllowFailure()
                  .Task("behind", {"optional"})
                  .Task("undo", {{"optional", Condition::kFailed}}));
  env_.Fail("optional");
  EXPECT_EQ(env_.State("behind"), TaskState::kSkipped);
  env_.Succeed("undo");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env_.run().exit_code(), 0);
}

TEST_F(RunRetryTest, AFailureHandlerDoesNotMendTheRun) {
  env_.Submit(
      GraphBuilder().Task("a").Task("undo", {{"a", Condition::kFailed}}));
  env_.Fail("a");
  env_.Succeed("undo");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunRetryTest, FailRunEndsTheRunAtOnceWithItsExitCode) {
  env_.Submit(GraphBuilder().Task("vital").FailRun().Task("other").Task(
      "next", {"other"}));
  env_.Start("other");
  env_.Fail("vital", 42);
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  EXPECT_EQ(env_.State("next"), TaskState::kCancelled);
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("other"));
  env_.Stopped("other");
  EXPECT_EQ(env_.State("other"), TaskState::kCancelled);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_EQ(env_.run().exit_code(), 42);
  EXPECT_THAT(env_.run().failures(), ElementsAre(env_.Index("vital")));
}

TEST_F(RunRetryTest, FailRunWaitsForTheLastAttempt) {
  env_.Submit(
      GraphBuilder().Task("vital").FailRun().Retry({.attempts = 2}).Task("b"));
  env_.Fail("vital", 42);
  EXPECT_EQ(env_.EndState(), RunState::kRunning);
  env_.Fail("vital", 43);
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  EXPECT_EQ(env_.run().exit_code(), 43);
}

TEST_F(RunRetryTest, FailRunCountsEvenAfterAnotherFailure) {
  env_.Submit(GraphBuilder().Task("first").Task("vital").FailRun());
  env_.Fail("first", 5);
  env_.Fail("vital", 42);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_EQ(env_.run().exit_code(), 42);
}

TEST_F(RunRetryTest, FailuresListTheRootCausesInOrder) {
  Graph graph;
  for (int i = 0; i < 30; ++i) {
    graph.Add({.name = "t" + std::to_string(i)});
    graph.Add({.name = "behind" + std::to_string(i),
               .depends_on = {{"t" + std::to_string(i)}}});
  }
  env_.Submit(graph);
  std::vector<TaskIndex> expected;
  for (int i = 29; i >= 0; --i) {
    env_.Fail("t" + std::to_string(i));
    if (expected.size() < Run::kMaxFailures) {
      expected.push_back(env_.Index("t" + std::to_string(i)));
    }
  }
  EXPECT_EQ(env_.run().failures(), expected);
}

TEST_F(RunRetryTest, WordsAndNumbersOfTheLastAttemptAreKept) {
  SubmitOne({.attempts = 2});
  ReportColumns reports;
  reports.leases.Add(env_.LeaseOf("a"));
  reports.state = {TaskState::kFailed};
  reports.exit_code = {-1};
  reports.details = {{.position = 0,
                      .message = "killed",
                      .signal = 9,
                      .cpu_us = 12,
                      .max_rss_bytes = 34}};
  env_.Report("w1", reports);
  const TaskDetail* detail = env_.run().detail(0);
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->message, "killed");
  EXPECT_EQ(detail->signal, 9u);
  EXPECT_EQ(detail->cpu_us, 12u);
  EXPECT_EQ(detail->max_rss_bytes, 34u);
  env_.Succeed("a");
  EXPECT_TRUE(env_.run().detail(0) == nullptr ||
              env_.run().detail(0)->message.empty());
}

}  // namespace
}  // namespace w2t::testing
