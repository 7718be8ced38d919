// Tasks of a live run that are stopped and started again.
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
using ::testing::UnorderedElementsAre;

const SubmitOptions kUnique = {.unique_name = true};

class RunRestartTest : public ::testing::Test {
 protected:
  RunRestartTest() { env_.Hello("w1", {.slots = 100}); }

  void Up(std::string_view task) {
    env_.Start(task);
    env_.Ready(task);
  }

  // db <- api <- web, all of which follow, and log beside them.
  void SubmitChain() {
    env_.Submit(GraphBuilder("shop")
                    .Service("db")
                    .Probe()
                    .Service("api", {Followed("db")})
                    .Probe()
                    .Service("web", {Followed("api")})
                    .Probe()
                    .Service("log", {"db"})
                    .Probe(),
                kUnique);
    for (const auto* task : {"db", "api", "web", "log"}) Up(task);
    env_.TakeOffered();
    EXPECT_EQ(env_.EndState(), RunState::kUp);
  }

  std::vector<std::string> Failures() {
    std::vector<std::string> names;
    for (const TaskIndex task : env_.run().failures()) {
      names.emplace_back(env_.run().blueprint().task_name(task));
    }
    return names;
  }

  EngineEnv env_;
};

TEST_F(RunRestartTest, WhatFollowsStopsInReverseOrderAndStartsInOrder) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"db"}).ok());
  EXPECT_EQ(env_.EndState(), RunState::kRunning);
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("web"));
  env_.Stopped("web");
  EXPECT_EQ(env_.State("web"), TaskState::kWaiting);
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  env_.Stopped("api");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  EXPECT_THAT(env_.TakeOffered(), IsEmpty());
  env_.Stopped("db");
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("db"));
  EXPECT_EQ(env_.State("api"), TaskState::kWaiting);
  Up("db");
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("api"));
  Up("api");
  Up("web");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_EQ(env_.State("log"), TaskState::kUp);
  EXPECT_EQ(env_.Record("log").attempt, 1u);
  EXPECT_EQ(env_.Record("web").attempt, 2u);
}

TEST_F(RunRestartTest, OfATaskAloneItsDependentsStayUp) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"web"}).ok());
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("web"));
  env_.Stopped("web");
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("web"));
  EXPECT_EQ(env_.State("db"), TaskState::kUp);
  EXPECT_EQ(env_.State("api"), TaskState::kUp);
}

TEST_F(RunRestartTest, ASecondRestartJoinsTheFirst) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"web"}).ok());
  EXPECT_TRUE(env_.RestartTasks({"log"}).ok());
  EXPECT_THAT(env_.TakeStopped(), UnorderedElementsAre("web", "log"));
  env_.Stopped("web");
  EXPECT_THAT(env_.TakeOffered(), IsEmpty());
  env_.Stopped("log");
  EXPECT_THAT(env_.TakeOffered(), UnorderedElementsAre("web", "log"));
}

TEST_F(RunRestartTest, GoesOnAfterTheDaemonOrAWorkerWasLost) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"api"}).ok());
  env_.Restart();
  env_.Reattach("w1");
  env_.Stopped("web");
  env_.Snapshot();
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("web", "web", "api"));
  env_.Kill("w1");
  env_.Advance(absl::Seconds(30));
  EXPECT_EQ(env_.State("db"), TaskState::kReady);
  EXPECT_EQ(env_.State("api"), TaskState::kWaiting);
  EXPECT_EQ(env_.State("web"), TaskState::kWaiting);
  env_.Hello("w1", {.slots = 100, .instance = "2"});
  env_.Finish();
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(RunRestartTest, AWorkerThatHasBeenStoppedIsNotHeardAnyMore) {
  SubmitChain();
  const LeaseRef old = env_.LeaseOf("web");
  EXPECT_TRUE(env_.RestartTasks({"web"}).ok());
  env_.Stopped("web");
  Up("web");
  env_.Report("w1", old, TaskState::kFailed);
  EXPECT_EQ(env_.State("web"), TaskState::kUp);
  EXPECT_EQ(env_.worker("w1").refused.size(), 1u);
}

TEST_F(RunRestartTest, AStopThatComesTooLateIsNoFailure) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"web"}).ok());
  env_.Fail("web");
  EXPECT_EQ(env_.State("web"), TaskState::kLeased);
  EXPECT_THAT(Failures(), IsEmpty());
}

TEST_F(RunRestartTest, AFailedServiceBringsBackWhatWasSkipped) {
  env_.Submit(GraphBuilder("shop")
                  .Service("log")
                  .Service("db")
                  .Probe()
                  .Service("api", {"db"})
                  .Probe()
                  .Task("smoke", {"api"})
                  .Task("alarm", {{"db", Condition::kFailed}}),
              kUnique);
  env_.Start("log");
  env_.Fail("db", 3);
  EXPECT_EQ(env_.State("smoke"), TaskState::kSkipped);
  env_.Succeed("alarm");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_THAT(Failures(), ElementsAre("db"));
  EXPECT_TRUE(env_.RestartTasks({"db"}).ok());
  EXPECT_EQ(env_.State("db"), TaskState::kLeased);
  EXPECT_EQ(env_.State("smoke"), TaskState::kWaiting);
  EXPECT_EQ(env_.State("alarm"), TaskState::kSucceeded);
  EXPECT_THAT(Failures(), IsEmpty());
  EXPECT_EQ(env_.run().exit_code(), 0);
  Up("db");
  Up("api");
  env_.Succeed("smoke");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_TRUE(env_.Cancel().ok());
  env_.Finish();
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(RunRestartTest, OtherFailuresStayListed) {
  GraphBuilder graph("shop");
  graph.Service("log");
  for (int i = 0; i < 25; ++i) graph.Task("t" + std::to_string(i));
  env_.Submit(graph, kUnique);
  env_.Start("log");
  for (int i = 0; i < 25; ++i) {
    env_.Advance(absl::Seconds(1));
    env_.Fail("t" + std::to_string(i));
  }
  EXPECT_TRUE(env_.RestartTasks({"t0", "t2"}).ok());
  const std::vector<std::string> failures = Failures();
  ASSERT_EQ(failures.size(), Run::kMaxFailures);
  EXPECT_EQ(failures.front(), "t1");
  EXPECT_EQ(failures.back(), "t21");
}

TEST_F(RunRestartTest, ATaskThatIsAskedForRunsAgainAndOthersDoNot) {
  env_.Submit(GraphBuilder("shop")
                  .Service("db")
                  .Task("migrate", {Followed("db")})
                  .Task("seed", {"migrate"}),
              kUnique);
  env_.Start("db");
  env_.Succeed("migrate");
  env_.Succeed("seed");
  EXPECT_TRUE(env_.RestartTasks({"db"}).ok());
  EXPECT_EQ(env_.State("migrate"), TaskState::kWaiting);
  env_.Stopped("db");
  env_.Start("db");
  env_.Succeed("migrate");
  EXPECT_EQ(env_.Record("migrate").attempt, 2u);
  EXPECT_EQ(env_.Record("seed").attempt, 1u);
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(RunRestartTest, ACancelledRunEndsInTheMiddleOfARestart) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"db"}).ok());
  env_.Stopped("web");
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_EQ(env_.State("web"), TaskState::kCancelled);
  env_.Finish();
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
  EXPECT_FALSE(env_.RestartTasks({"db"}).ok());
}

TEST_F(RunRestartTest, ACrashRestartsWhatFollows) {
  env_.Submit(GraphBuilder("shop")
                  .Service("db")
                  .Probe()
                  .Retry({.attempts = 3, .initial_backoff = absl::Seconds(8)})
                  .Service("api", {Followed("db")})
                  .Probe()
                  .Retry({.attempts = 2}),
              kUnique);
  for (int crash = 0; crash < 2; ++crash) {
    Up("db");
    Up("api");
    env_.Fail("db");
    EXPECT_EQ(env_.State("db"), TaskState::kBackoff);
    EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
    env_.Advance(absl::Seconds(30));  // the wait is over, but api is still up
    EXPECT_EQ(env_.State("db"), TaskState::kWaiting);
    env_.Stopped("api");
    EXPECT_EQ(env_.State("db"), TaskState::kLeased);
    EXPECT_EQ(env_.State("api"), TaskState::kWaiting);
  }
  // Those stops were no failures of api: it has both attempts left.
  Up("db");
  Up("api");
  env_.Fail("api");
  EXPECT_EQ(env_.State("api"), TaskState::kLeased);
  env_.Fail("db");  // its third
  EXPECT_EQ(env_.State("db"), TaskState::kFailed);
}

TEST_F(RunRestartTest, AfterARestartAttemptsCountFromTheFirst) {
  env_.Submit(GraphBuilder("shop").Service("log").Service("db").Retry(
                  {.attempts = 2, .initial_backoff = absl::Hours(1)}),
              kUnique);
  env_.Start("log");
  env_.Fail("db");
  EXPECT_EQ(env_.State("db"), TaskState::kBackoff);
  EXPECT_TRUE(env_.RestartTasks({"db"}).ok());
  EXPECT_EQ(env_.State("db"), TaskState::kLeased);
  env_.Advance(absl::Minutes(40));
  env_.Fail("db");
  EXPECT_EQ(env_.State("db"), TaskState::kBackoff);
  // The wait that the restart ended is nobody's wait any more.
  env_.Advance(absl::Minutes(30));
  EXPECT_EQ(env_.State("db"), TaskState::kBackoff);
  env_.Advance(absl::Minutes(30));
  EXPECT_EQ(env_.State("db"), TaskState::kLeased);
}

TEST_F(RunRestartTest, WhatRunsAtMostOnceIsNeverStartedAgain) {
  env_.Submit(GraphBuilder("shop")
                  .Service("db")
                  .Task("pay", {Followed("db")})
                  .AtMostOnce()
                  .Task("late", {Followed("db"), "pay"})
                  .AtMostOnce(),
              kUnique);
  env_.Start("db");
  env_.Start("pay");
  const absl::Status refused = env_.RestartTasks({"pay"});
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("at most once"));
  EXPECT_TRUE(env_.RestartTasks({"db"}).ok());
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  env_.Stopped("db");
  env_.Start("db");
  env_.Succeed("pay");
  env_.Succeed("late");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(RunRestartTest, RefusesWhatItDoesNotKnow) {
  SubmitChain();
  const absl::Status unknown = env_.RestartTasks({"db", "dc"});
  EXPECT_TRUE(absl::IsNotFound(unknown)) << unknown;
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("\"dc\""));
  env_.Use("shop-2");
  EXPECT_TRUE(absl::IsNotFound(env_.RestartTasks({"db"})));
  env_.Use("shop-1");
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(env_.RestartTasks({"db"})));
  env_.Finish();
  env_.Snapshot();
  EXPECT_TRUE(absl::IsFailedPrecondition(env_.RestartTasks({"db"})));
}

TEST_F(RunRestartTest, ARepeatedRequestRestartsNothingASecondTime) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"web"}, "once").ok());
  EXPECT_TRUE(env_.RestartTasks({"web"}, "once").ok());
  env_.Stopped("web");
  Up("web");
  EXPECT_EQ(env_.run().task(env_.Index("web")).attempt, 2u);
  env_.Snapshot();
  env_.Restart();
  EXPECT_TRUE(env_.RestartTasks({"web"}, "once").ok());
  EXPECT_FALSE(env_.run().restarting());
  const absl::Status other = env_.RestartTasks({"api"}, "once");
  EXPECT_TRUE(absl::IsAlreadyExists(other)) << other;
  EXPECT_FALSE(env_.run().restarting());
  EXPECT_TRUE(env_.RestartTasks({"web"}, "twice").ok());
  EXPECT_TRUE(env_.run().restarting());
}

TEST_F(RunRestartTest, ARepeatedRequestIsAcknowledgedAfterItsRunHasEnded) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"web"}, "once").ok());
  EXPECT_TRUE(env_.Cancel().ok());
  env_.Finish();
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
  EXPECT_TRUE(env_.RestartTasks({"web"}, "once").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(env_.RestartTasks({"api"}, "once")));
  EXPECT_TRUE(absl::IsFailedPrecondition(env_.RestartTasks({"web"}, "new")));
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
}

TEST_F(RunRestartTest, OnlyTheLatestRequestsAreRemembered) {
  SubmitChain();
  for (size_t i = 0; i <= Run::kMaxKnownRestarts; ++i) {
    EXPECT_TRUE(env_.RestartTasks({"web"}, std::to_string(i)).ok());
  }
  EXPECT_EQ(env_.run().FindRestart("0"), nullptr);
  EXPECT_NE(env_.run().FindRestart("1"), nullptr);
}

TEST_F(RunRestartTest, SaysWhatFollowsWhat) {
  SubmitChain();
  const auto set = env_.run().RestartSet(std::vector{env_.Index("db")});
  const TaskIndex db = env_.Index("db");
  const TaskIndex api = env_.Index("api");
  EXPECT_THAT(set, ElementsAre(Restarting{db, kNoTask}, Restarting{api, db},
                               Restarting{env_.Index("web"), api}));
}

TEST_F(RunRestartTest, WhatWaitsForARestartSaysForWhom) {
  SubmitChain();
  EXPECT_TRUE(env_.RestartTasks({"api"}).ok());
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("db")), WaitKind::kNone);
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("web")), WaitKind::kNone)
      << "it is being stopped, and waits for nobody";
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("api")), WaitKind::kToBeStopped);
  EXPECT_THAT(env_.run().Blockers(env_.Index("api"), 5),
              ElementsAre(env_.Index("web")));
  env_.Stopped("web");
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("api")), WaitKind::kNone);
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("web")), WaitKind::kRestart);
  EXPECT_THAT(env_.run().Blockers(env_.Index("web"), 5),
              ElementsAre(env_.Index("api")));
}

TEST_F(RunRestartTest, AFailureLeavesTheRestOfAKeptRunUp) {
  SubmitChain();
  env_.Fail("db");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_THAT(env_.TakeStopped(), IsEmpty());
  EXPECT_THAT(Failures(), ElementsAre("db"));
  for (const auto* task : {"api", "web", "log"}) env_.Fail(task);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

}  // namespace
}  // namespace w2t::testing
