// Services: readiness, hold, and the order in which things are stopped.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RunServiceTest : public ::testing::Test {
 protected:
  RunServiceTest() { env_.Hello("w1", {.slots = 100}); }

  void Up(std::string_view service) {
    env_.Start(service);
    env_.Ready(service);
  }

  EngineEnv env_;
};

TEST_F(RunServiceTest, DependentsWaitUntilTheProbeHasPassed) {
  env_.Submit(GraphBuilder().Service("db").Probe().Task("a", {"db"}));
  env_.Start("db");
  EXPECT_EQ(env_.State("a"), TaskState::kWaiting);
  env_.Ready("db");
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
}

TEST_F(RunServiceTest, WithoutAProbeTheStartIsEnough) {
  env_.Submit(GraphBuilder().Service("db").Task("a", {"db"}));
  EXPECT_EQ(env_.State("a"), TaskState::kWaiting);
  env_.Start("db");
  EXPECT_EQ(env_.State("a"), TaskState::kLeased);
}

TEST_F(RunServiceTest, ServicesAreStoppedOnceTheTasksHaveEnded) {
  env_.Submit(GraphBuilder().Service("db").Probe().Task("a", {"db"}));
  Up("db");
  EXPECT_THAT(env_.TakeStopped(), IsEmpty());
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env_.State("db"), TaskState::kSucceeded);
}

TEST_F(RunServiceTest, AServiceThatComesUpLateIsWaitedFor) {
  env_.Submit(GraphBuilder().Service("db").Probe().Task("a"));
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kRunning);
  Up("db");
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
}

TEST_F(RunServiceTest, StopIsInReverseOrder) {
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Service("cache")
                  .Service("api", {"db", "cache"})
                  .Service("lb", {"api"}));
  for (const char* service : {"db", "cache", "api", "lb"}) env_.Start(service);
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("lb"));
  env_.Stopped("lb");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  env_.Stopped("api");
  EXPECT_THAT(env_.TakeStopped(), UnorderedElementsAre("db", "cache"));
  env_.Stopped("cache");
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(RunServiceTest, StopLooksThroughTasksThatHaveEnded) {
  // db <- migrate (ended) <- api: api still needs db, through migrate.
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Task("migrate", {"db"})
                  .Service("api", {"migrate"}));
  env_.Start("db");
  env_.Succeed("migrate");
  env_.Start("api");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  env_.Stopped("api");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(RunServiceTest, AServiceThatEndsByItselfHasFailed) {
  env_.Submit(GraphBuilder().Service("db").Task("a"));
  env_.Start("db");
  env_.Succeed("db");
  EXPECT_EQ(env_.State("db"), TaskState::kFailed);
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunServiceTest, DependentsThatHaveNotStartedAreTakenBack) {
  // The worker's one slot is taken, so "waits" is ready but not leased when
  // the service goes down.
  env_.Hello("w2", {.slots = 1, .labels = {{"role", "db"}}});
  const Demand on_w2{.worker = "w2"};
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Retry({.attempts = 2, .initial_backoff = absl::Seconds(5)})
                  .Task("blocker")
                  .Demands(on_w2)
                  .Task("waits", {"db"})
                  .Demands(on_w2));
  Up("db");
  EXPECT_EQ(env_.State("waits"), TaskState::kReady);
  env_.Fail("db");
  EXPECT_EQ(env_.State("db"), TaskState::kBackoff);
  EXPECT_EQ(env_.State("waits"), TaskState::kWaiting);
  env_.Succeed("blocker");
  EXPECT_EQ(env_.State("waits"), TaskState::kWaiting);
  env_.Advance(absl::Seconds(5));
  env_.Start("db");
  EXPECT_EQ(env_.State("waits"), TaskState::kWaiting);
  env_.Ready("db");
  EXPECT_EQ(env_.State("waits"), TaskState::kLeased);
}

TEST_F(RunServiceTest, AQuorumThatIsLostBeforeTheStartIsWaitedForAgain) {
  env_.Hello("w2", {.slots = 1, .labels = {{"role", "lb"}}});
  const Demand on_w2{.worker = "w2"};
  const RetryPolicy again{.attempts = 9};
  env_.Submit(GraphBuilder()
                  .Service("api-0")
                  .Probe()
                  .Retry(again)
                  .Service("api-1")
                  .Probe()
                  .Retry(again)
                  .Service("api-2")
                  .Probe()
                  .Retry(again)
                  .Task("blocker")
                  .Demands(on_w2)
                  .Task("lb")
                  .Quorum(2, {"api-0", "api-1", "api-2"})
                  .Demands(on_w2));
  Up("api-0");
  EXPECT_EQ(env_.State("lb"), TaskState::kWaiting);
  Up("api-2");
  EXPECT_EQ(env_.State("lb"), TaskState::kReady);
  env_.Fail("api-0");
  EXPECT_EQ(env_.State("lb"), TaskState::kWaiting);
  env_.Succeed("blocker");
  EXPECT_EQ(env_.State("lb"), TaskState::kWaiting);
  Up("api-1");
  EXPECT_EQ(env_.State("lb"), TaskState::kLeased);
  // From its start on it does not depend on them any more.
  env_.Start("lb");
  env_.Fail("api-1");
  EXPECT_EQ(env_.State("lb"), TaskState::kRunning);
}

TEST_F(RunServiceTest, DependentsThatRunGoOnWithoutTheService) {
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Retry({.attempts = 2})
                  .Task("a", {"db"}));
  Up("db");
  env_.Start("a");
  env_.Fail("db");
  EXPECT_EQ(env_.State("a"), TaskState::kRunning);
  EXPECT_EQ(env_.State("db"), TaskState::kLeased);
  env_.Succeed("a");
  EXPECT_EQ(env_.State("a"), TaskState::kSucceeded);
}

TEST_F(RunServiceTest, DependentsOfAServiceThatFailedForGoodAreSkipped) {
  env_.Submit(GraphBuilder().Service("db").Probe().Task("a", {"db"}));
  env_.Start("db");
  env_.Fail("db");
  EXPECT_EQ(env_.State("a"), TaskState::kSkipped);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunServiceTest, ALostServiceComesUpAgainBeforeItsDependentsStart) {
  env_.Hello("w2", {.slots = 0});
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Demands({.resources = {}, .worker = "w2"})
                  .Task("a")
                  .Task("b", {"db", "a"}));
  Up("db");
  env_.Kill("w2");
  env_.Advance(absl::Seconds(20));
  EXPECT_EQ(env_.State("db"), TaskState::kReady);
  env_.Succeed("a");
  EXPECT_EQ(env_.State("b"), TaskState::kWaiting);
  env_.Hello("w2", {.slots = 0, .instance = "2"});
  Up("db");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
}

TEST_F(RunServiceTest, HoldKeepsTheServicesUpUntilCancelled) {
  env_.Submit(GraphBuilder().Service("db").Probe().Task("a", {"db"}),
              {.hold = true});
  Up("db");
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_THAT(env_.TakeStopped(), IsEmpty());
  env_.Advance(absl::Hours(1));
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env_.run().exit_code(), 0);
}

TEST_F(RunServiceTest, HoldWithoutServicesEndsLikeAnyRun) {
  env_.Submit(GraphBuilder().Task("a"), {.hold = true});
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(RunServiceTest, HoldDoesNotKeepAFailedRunUp) {
  env_.Submit(GraphBuilder().Service("db").Task("a"), {.hold = true});
  env_.Start("db");
  env_.Fail("a");
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunServiceTest, ARunThatIsUpFailsWithItsService) {
  env_.Submit(GraphBuilder().Service("db").Service("api"), {.hold = true});
  env_.Start("db");
  env_.Start("api");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  env_.Fail("db", 3);
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  env_.Stopped("api");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunServiceTest, ARunThatIsUpIsNotWhileItsServiceRestarts) {
  env_.Submit(GraphBuilder().Service("db").Probe().Retry({.attempts = 2}),
              {.hold = true});
  Up("db");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  env_.Fail("db");
  EXPECT_EQ(env_.EndState(), RunState::kRunning);
  Up("db");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(RunServiceTest, WhatWaitsForTheEndOfAServiceDoesNotKeepItUp) {
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Task("a", {"db"})
                  .Task("alert", {{"db", Condition::kFailed}})
                  .Service("standby", {{"db", Condition::kFinished}})
                  .Task("behind", {"alert", "a"}));
  Up("db");
  EXPECT_EQ(env_.EndState(), RunState::kRunning);
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  for (const char* task : {"alert", "standby", "behind"}) {
    EXPECT_EQ(env_.State(task), TaskState::kSkipped) << task;
  }
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(RunServiceTest, AHandlerRunsWhenTheServiceFails) {
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Task("alert", {{"db", Condition::kFailed}})
                  .Task("a"));
  env_.Start("db");
  env_.Fail("db");
  env_.Succeed("a");
  EXPECT_EQ(env_.EndState(), RunState::kRunning);
  env_.Succeed("alert");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunServiceTest, AHandlerRunsWhenTheServiceOfAHeldRunFails) {
  env_.Submit(
      GraphBuilder().Service("db").Task("alert", {{"db", Condition::kFailed}}),
      {.hold = true});
  env_.Start("db");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_EQ(env_.State("alert"), TaskState::kWaiting);
  env_.Fail("db");
  env_.Succeed("alert");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunServiceTest, CancelStopsWhatRunsInReverseOrderAndStartsNothing) {
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Task("a", {"db"})
                  .Task("b", {"a"})
                  .Task("free"));
  env_.Start("db");
  env_.Start("a");
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_EQ(env_.State("b"), TaskState::kCancelled);
  EXPECT_THAT(env_.TakeStopped(), UnorderedElementsAre("a", "free"));
  env_.Stopped("a");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  env_.Stopped("free");
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
  EXPECT_EQ(env_.run().cancel_reason(), "test");
  EXPECT_EQ(env_.run().count(TaskState::kCancelled), 4u);
}

TEST_F(RunServiceTest, CancelOfWhatHasNotStartedEndsAtOnce) {
  env_.Submit(GraphBuilder().Task("a").Demands({.worker = "nobody"}));
  EXPECT_EQ(env_.State("a"), TaskState::kReady);
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
}

TEST_F(RunServiceTest, ATaskThatEndsWellBeforeItsStopIsServedHasSucceeded) {
  env_.Submit(GraphBuilder().Task("a"));
  EXPECT_TRUE(env_.Cancel().ok());
  env_.Succeed("a");
  EXPECT_EQ(env_.State("a"), TaskState::kSucceeded);
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
}

TEST_F(RunServiceTest, CancelIsIdempotent) {
  env_.Submit(GraphBuilder().Task("a"));
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("a"));
  env_.Stopped("a");
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
}

TEST_F(RunServiceTest, AStopThatWasLostWithTheStreamIsRepeated) {
  env_.Submit(GraphBuilder().Task("a"));
  env_.Start("a");
  env_.Disconnect("w1");
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_THAT(env_.TakeStopped(), IsEmpty());
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("a"));
  env_.Stopped("a");
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
}

TEST_F(RunServiceTest, StoppingGoesOnWhenAWorkerIsLost) {
  env_.Hello("w2", {.slots = 1});
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Demands({.resources = {}, .worker = "w1"})
                  .Service("api", {"db"})
                  .Demands({.resources = {}, .worker = "w2"}));
  env_.Start("db");
  env_.Start("api");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  env_.Kill("w2");
  env_.Advance(absl::Seconds(20));
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(RunServiceTest, ARestartInTheMiddleOfStoppingGoesOn) {
  env_.Submit(GraphBuilder().Service("db").Service("api", {"db"}));
  env_.Start("db");
  env_.Start("api");
  env_.TakeStopped();
  env_.Restart();
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  env_.Stopped("api");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

}  // namespace
}  // namespace w2t::testing
