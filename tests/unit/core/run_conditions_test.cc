// When a task may start, and when it is skipped.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// One worker with room for everything.
class RunConditionsTest : public ::testing::Test {
 protected:
  RunConditionsTest() { env_.Hello("w1", {.slots = 100}); }

  // "b" after "a" under `condition`.
  void SubmitPair(Condition condition) {
    env_.Submit(GraphBuilder().Task("a").Probe().Task("b", {{"a", condition}}));
  }

  EngineEnv env_;
};

TEST_F(RunConditionsTest, TasksWithoutDependenciesStartAtOnce) {
  env_.Submit(GraphBuilder().Task("a").Task("b").Task("c", {"a"}));
  EXPECT_THAT(env_.TakeOffered(), UnorderedElementsAre("a", "b"));
  EXPECT_EQ(env_.State("c"), TaskState::kWaiting);
}

TEST_F(RunConditionsTest, SucceededHoldsOnlyAfterAGoodEnd) {
  SubmitPair(Condition::kSucceeded);
  env_.Start("a");
  env_.Ready("a");
  EXPECT_EQ(env_.State("b"), TaskState::kWaiting);
  env_.Succeed("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, SucceededCanNeverHoldAfterABadEnd) {
  SubmitPair(Condition::kSucceeded);
  env_.TimeOut("a");
  EXPECT_EQ(env_.State("b"), TaskState::kSkipped);
  SubmitPair(Condition::kSucceeded);
  env_.Fail("a");
  EXPECT_EQ(env_.State("b"), TaskState::kSkipped);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunConditionsTest, FinishedHoldsAfterAnyEnd) {
  SubmitPair(Condition::kFinished);
  env_.Succeed("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  SubmitPair(Condition::kFinished);
  env_.Fail("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  SubmitPair(Condition::kFinished);
  env_.TimeOut("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, FinishedHoldsAfterASkippedTask) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Task("skipped", {"a"})
                  .Task("last", {{"skipped", Condition::kFinished}}));
  env_.Fail("a");
  EXPECT_EQ(env_.State("skipped"), TaskState::kSkipped);
  EXPECT_EQ(env_.State("last"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, FailedHoldsAfterAFailureAndATimeout) {
  SubmitPair(Condition::kFailed);
  env_.Fail("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  SubmitPair(Condition::kFailed);
  env_.TimeOut("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, FailedCanNeverHoldAfterAGoodEnd) {
  SubmitPair(Condition::kFailed);
  env_.Succeed("a");
  EXPECT_EQ(env_.State("b"), TaskState::kSkipped);
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(RunConditionsTest, FailedCanNeverHoldAfterASkippedTask) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Task("skipped", {"a"})
                  .Task("last", {{"skipped", Condition::kFailed}}));
  env_.Fail("a");
  EXPECT_EQ(env_.State("last"), TaskState::kSkipped);
}

TEST_F(RunConditionsTest, StartedHoldsOnceAnAttemptHasStarted) {
  SubmitPair(Condition::kStarted);
  EXPECT_EQ(env_.State("b"), TaskState::kWaiting);
  env_.Start("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, StartedHoldsForATaskThatEndedBeforeItsStartWasTold) {
  // A worker tells only the end of an attempt that was too short.
  SubmitPair(Condition::kStarted);
  env_.Succeed("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  SubmitPair(Condition::kStarted);
  env_.Fail("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  SubmitPair(Condition::kStarted);
  env_.TimeOut("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, StartedCanNeverHoldForASkippedTask) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Task("skipped", {"a"})
                  .Task("last", {{"skipped", Condition::kStarted}}));
  env_.Fail("a");
  EXPECT_EQ(env_.State("last"), TaskState::kSkipped);
}

TEST_F(RunConditionsTest, ReadyHoldsOnceTheProbeHasPassed) {
  SubmitPair(Condition::kReady);
  env_.Start("a");
  EXPECT_EQ(env_.State("b"), TaskState::kWaiting);
  env_.Ready("a");
  EXPECT_EQ(env_.State("a"), TaskState::kUp);
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, ReadyCanNeverHoldForATaskThatEndedWithoutIt) {
  SubmitPair(Condition::kReady);
  env_.Start("a");
  env_.Succeed("a");
  EXPECT_EQ(env_.State("b"), TaskState::kSkipped);
}

TEST_F(RunConditionsTest, DependentsOfARunningTaskAreNotTakenBackByItsFailure) {
  SubmitPair(Condition::kStarted);
  env_.Start("a");
  env_.Fail("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  env_.Succeed("b");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunConditionsTest, AllDependenciesMustHoldByDefault) {
  env_.Submit(GraphBuilder().Task("a").Task("b").Task("c", {"a", "b"}));
  env_.Succeed("a");
  EXPECT_EQ(env_.State("c"), TaskState::kWaiting);
  EXPECT_THAT(env_.run().Blockers(env_.Index("c"), 5),
              ElementsAre(env_.Index("b")));
  env_.Succeed("b");
  EXPECT_EQ(env_.State("c"), TaskState::kLeased);
  EXPECT_THAT(env_.run().Blockers(env_.Index("c"), 5), ElementsAre());
}

TEST_F(RunConditionsTest, TriggerAnyNeedsOneOfThem) {
  env_.Submit(
      GraphBuilder().Task("a").Task("b").Task("c", {"a", "b"}).Trigger(1));
  env_.Fail("a");
  EXPECT_EQ(env_.State("c"), TaskState::kWaiting);
  env_.Succeed("b");
  EXPECT_EQ(env_.State("c"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, TriggerOfNNeedsNOfThem) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Task("b")
                  .Task("c")
                  .Task("d", {"a", "b", "c"})
                  .Trigger(2));
  env_.Succeed("a");
  EXPECT_EQ(env_.State("d"), TaskState::kWaiting);
  env_.Fail("b");
  EXPECT_EQ(env_.State("d"), TaskState::kWaiting);
  env_.Succeed("c");
  EXPECT_EQ(env_.State("d"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, ATriggerThatCanNoLongerBeMetSkipsTheTask) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Task("b")
                  .Task("c")
                  .Task("d", {"a", "b", "c"})
                  .Trigger(2));
  env_.Fail("a");
  EXPECT_EQ(env_.State("d"), TaskState::kWaiting);
  env_.Fail("b");
  EXPECT_EQ(env_.State("d"), TaskState::kSkipped);
  EXPECT_THAT(env_.run().Blockers(env_.Index("d"), 5),
              ElementsAre(env_.Index("a"), env_.Index("b")));
}

TEST_F(RunConditionsTest, AQuorumCountsAsOneDependency) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Task("b")
                  .Task("c")
                  .Task("x")
                  .Task("t", {"x"})
                  .Quorum(2, {"a", "b", "c"}));
  env_.Succeed("a");
  env_.Succeed("x");
  EXPECT_EQ(env_.State("t"), TaskState::kWaiting);
  EXPECT_THAT(env_.run().Blockers(env_.Index("t"), 5),
              ElementsAre(env_.Index("b"), env_.Index("c")));
  env_.Fail("b");
  EXPECT_EQ(env_.State("t"), TaskState::kWaiting);
  env_.Succeed("c");
  EXPECT_EQ(env_.State("t"), TaskState::kLeased);
}

TEST_F(RunConditionsTest, AQuorumThatHoldsWaitsForTheOtherDependencies) {
  env_.Submit(GraphBuilder()
                  .Task("a")
                  .Task("b")
                  .Task("x")
                  .Task("t", {"x"})
                  .Quorum(1, {"a", "b"}));
  env_.Succeed("a");
  EXPECT_THAT(env_.run().Blockers(env_.Index("t"), 5),
              ElementsAre(env_.Index("x")));
  env_.Fail("x");
  EXPECT_EQ(env_.State("t"), TaskState::kSkipped);
  EXPECT_THAT(env_.run().Blockers(env_.Index("t"), 5),
              ElementsAre(env_.Index("x")));
}

TEST_F(RunConditionsTest, AQuorumThatCanNoLongerBeMetSkipsTheTask) {
  env_.Submit(GraphBuilder().Task("a").Task("b").Task("c").Task("t").Quorum(
      2, {"a", "b", "c"}));
  env_.Fail("a");
  EXPECT_EQ(env_.State("t"), TaskState::kWaiting);
  env_.Fail("b");
  EXPECT_EQ(env_.State("t"), TaskState::kSkipped);
}

TEST_F(RunConditionsTest, ATaskStartsOnceThoughMoreThanItNeedsHolds) {
  env_.Submit(
      GraphBuilder().Task("a").Task("b").Task("c", {"a", "b"}).Trigger(1));
  env_.Succeed("a");
  env_.Succeed("c");
  env_.TakeOffered();
  env_.Succeed("b");
  EXPECT_THAT(env_.TakeOffered(), ElementsAre());
  EXPECT_EQ(env_.Record("c").attempt, 1u);
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(RunConditionsTest, WhatLiesBehindAFailureIsSkippedWhileTheRestEnds) {
  env_.Submit(GraphBuilder()
                  .Task("bad")
                  .Task("behind", {"bad"})
                  .Task("far", {"behind"})
                  .Task("good")
                  .Task("next", {"good"})
                  .Task("both", {"next", "far"}));
  env_.Fail("bad", 7);
  EXPECT_EQ(env_.State("behind"), TaskState::kSkipped);
  EXPECT_EQ(env_.State("far"), TaskState::kSkipped);
  EXPECT_EQ(env_.State("both"), TaskState::kSkipped);
  EXPECT_EQ(env_.EndState(), RunState::kRunning);
  env_.Succeed("good");
  env_.Succeed("next");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_EQ(env_.run().exit_code(), 1);
  EXPECT_THAT(env_.run().failures(), ElementsAre(env_.Index("bad")));
  EXPECT_EQ(env_.run().count(TaskState::kSkipped), 3u);
}

TEST_F(RunConditionsTest, SkippingGoesThroughALongChain) {
  Graph graph;
  graph.Add({.name = "t0"});
  for (int i = 1; i < 3'000; ++i) {
    graph.Add({.name = "t" + std::to_string(i),
               .depends_on = {{"t" + std::to_string(i - 1)}}});
  }
  env_.Submit(graph);
  env_.Fail("t0");
  EXPECT_EQ(env_.run().count(TaskState::kSkipped), 2'999u);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunConditionsTest, OneReportMayFreeManyTasks) {
  Graph graph;
  graph.Add({.name = "first"});
  for (int i = 0; i < 50; ++i) {
    graph.Add({.name = "t" + std::to_string(i), .depends_on = {{"first"}}});
  }
  env_.Submit(graph);
  env_.TakeOffered();
  env_.Succeed("first");
  EXPECT_EQ(env_.TakeOffered().size(), 50u);
}

TEST_F(RunConditionsTest, TheWatchTellsEveryChangeInOrder) {
  env_.Submit(GraphBuilder().Task("a"));
  env_.Start("a");
  env_.Succeed("a");
  std::vector<TaskState> seen;
  for (const RunEvent& event : env_.run().events()) {
    if (event.task == 0) seen.push_back(event.state);
  }
  EXPECT_THAT(seen, ElementsAre(TaskState::kReady, TaskState::kLeased,
                                TaskState::kRunning, TaskState::kSucceeded));
  EXPECT_EQ(env_.run().first_seq(), 1u);
  EXPECT_EQ(env_.run().last_seq(), env_.run().events().size());
  EXPECT_EQ(env_.run().events().back().task, kNoTask) << "the run's own end";
}

TEST(RunEventsTest, OnlyTheLastAreKept) {
  EngineOptions options;
  options.limits.max_run_events = 5;
  EngineEnv env(options);
  env.Hello("w1");
  env.Submit(GraphBuilder().Task("a").Task("b", {"a"}).Task("c", {"b"}));
  env.Finish();
  EXPECT_EQ(env.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env.run().events().size(), 5u);
  EXPECT_EQ(env.run().first_seq(), env.run().last_seq() - 4);
}

}  // namespace
}  // namespace w2t::testing
