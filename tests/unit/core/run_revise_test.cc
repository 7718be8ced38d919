// Runs that go on under another graph.
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

const SubmitOptions kNamed = {.unique_name = true};

class RunReviseTest : public ::testing::Test {
 protected:
  RunReviseTest() { env_.Hello("w1", {.slots = 100}); }

  void Up(std::string_view task) {
    env_.Start(task);
    env_.Ready(task);
  }

  static GraphBuilder Shop() {
    GraphBuilder graph("shop");
    graph.Service("db").Probe().Service("api", {"db"}).Probe();
    return graph;
  }

  void SubmitShop() {
    env_.Submit(Shop(), kNamed);
    Up("db");
    Up("api");
    env_.TakeOffered();
  }

  EngineEnv env_;
};

TEST_F(RunReviseTest, WhatItWaitsForIsTold) {
  SubmitShop();
  EXPECT_TRUE(env_.Revise(GraphBuilder("shop")
                              .Service("db")
                              .Probe()
                              .Service("api")
                              .Removed(),
                          {"db"})
                  .ok());
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("db")), WaitKind::kToBeStopped);
  env_.Stopped("api");
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("api")), WaitKind::kRevision);
  EXPECT_THAT(env_.run().Blockers(env_.Index("api"), 5),
              ElementsAre(env_.Index("db")));
  EXPECT_EQ(env_.run().Summary().removed, 0u);
  env_.Stopped("db");
  EXPECT_EQ(env_.run().Summary().removed, 1u);
}

TEST_F(RunReviseTest, WhatIsChangedStartsAgainUnderTheNewGraph) {
  SubmitShop();
  EXPECT_TRUE(env_.Revise(GraphBuilder("shop")
                              .Service("db")
                              .Probe()
                              .Service("api", {"db"})
                              .Probe()
                              .Priority(7),
                          {"api"})
                  .ok());
  EXPECT_EQ(env_.run().revision(), 1u);
  EXPECT_TRUE(env_.run().revising());
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  env_.Stopped("api");
  EXPECT_EQ(env_.run().revision(), 2u);
  EXPECT_FALSE(env_.run().revising());
  EXPECT_EQ(env_.run().blueprint().priority(env_.Index("api")), 7);
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("api"));
  Up("api");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_EQ(env_.Record("db").attempt, 1u);
}

TEST_F(RunReviseTest, NewTasksStartWhenTheirDependenciesHold) {
  SubmitShop();
  EXPECT_TRUE(
      env_.Revise(Shop().Task("smoke", {"api", "cache"}).Service("cache"), {})
          .ok());
  EXPECT_EQ(env_.run().revision(), 2u);
  EXPECT_EQ(env_.EndState(), RunState::kRunning);
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("cache"));
  env_.Start("cache");
  env_.Succeed("smoke");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_GT(env_.run().revised_seq(), 0u);
}

TEST_F(RunReviseTest, ARemovedTaskIsStoppedAndGone) {
  SubmitShop();
  EXPECT_TRUE(env_.Revise(GraphBuilder("shop")
                              .Service("db")
                              .Probe()
                              .Service("api")
                              .Probe()
                              .Removed(),
                          {})
                  .ok());
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  env_.Stopped("api");
  EXPECT_EQ(env_.State("api"), TaskState::kCancelled);
  EXPECT_EQ(env_.run().detail(env_.Index("api"))->message, "removed");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
  EXPECT_TRUE(absl::IsNotFound(env_.RestartTasks({"api"})));
  // It comes back under its name and in its place.
  EXPECT_TRUE(env_.Revise(Shop(), {}).ok());
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("api"));
  EXPECT_EQ(env_.run().revision(), 3u);
}

TEST_F(RunReviseTest, StopsInTheOldOrderAndStartsInTheNew) {
  SubmitShop();
  EXPECT_TRUE(env_.Revise(GraphBuilder("shop")
                              .Service("db", {"api"})
                              .Probe()
                              .Service("api")
                              .Probe(),
                          {"db", "api"})
                  .ok());
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  env_.Stopped("api");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  env_.Stopped("db");
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("api"));
  Up("api");
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("db"));
}

TEST_F(RunReviseTest, FollowersStartAgainTooByTheOldGraph) {
  env_.Submit(
      GraphBuilder("shop").Service("db").Service("api", {Followed("db")}),
      kNamed);
  env_.Start("db");
  env_.Start("api");
  EXPECT_TRUE(env_.Revise(GraphBuilder("shop").Service("db").Probe().Service(
                              "api", {Followed("db")}),
                          {"db"})
                  .ok());
  env_.Stopped("api");
  env_.Stopped("db");
  env_.TakeOffered();
  env_.Start("db");
  EXPECT_THAT(env_.TakeOffered(), IsEmpty());  // it must be ready now
  env_.Ready("db");
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("api"));
}

TEST_F(RunReviseTest, TheRestGoesOnUnderTheOldGraphUntilThen) {
  env_.Submit(
      GraphBuilder("shop").Service("db").Probe().Task("a").Task("b", {"a"}),
      kNamed);
  Up("db");
  EXPECT_TRUE(env_.Revise(GraphBuilder("shop")
                              .Service("db")
                              .Probe()
                              .Task("a")
                              .Task("b", {"a"})
                              .Task("c", {"a"}),
                          {"db"})
                  .ok());
  env_.Succeed("a");
  EXPECT_EQ(env_.State("b"), TaskState::kLeased);
  EXPECT_EQ(env_.run().blueprint().size(), 3u);
  env_.Stopped("db");
  EXPECT_EQ(env_.State("c"), TaskState::kLeased);
  env_.Finish();
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(RunReviseTest, TheFailureOfARemovedTaskCountsNoMore) {
  env_.Submit(Shop().Task("bad"), kNamed);
  Up("db");
  Up("api");
  env_.Fail("bad");
  EXPECT_EQ(env_.run().failures().size(), 1u);
  EXPECT_TRUE(env_.Revise(Shop().Task("bad").Removed(), {}).ok());
  EXPECT_THAT(env_.run().failures(), IsEmpty());
}

TEST_F(RunReviseTest, AnotherDemandIsAnotherPlace) {
  env_.Hello("gpu", {.slots = 1, .resources = {{"gpus", 1000}}});
  env_.Submit(GraphBuilder("shop")
                  .Service("db")
                  .Demands({.resources = {{"none", 1000}}})
                  .Task("big")
                  .Demands({.resources = {{kCpus, 4000}}}),
              kNamed);
  EXPECT_EQ(env_.State("db"), TaskState::kReady);
  EXPECT_EQ(env_.WorkerOf("big"), "w1");
  EXPECT_TRUE(env_.Revise(GraphBuilder("shop")
                              .Service("db")
                              .Demands({.resources = {{"gpus", 1000}}})
                              .Task("big")
                              .Demands({.resources = {{kCpus, 4000}}})
                              .Task("old")
                              .Demands({.resources = {{"none", 1000}}}),
                          {"db"})
                  .ok());
  EXPECT_EQ(env_.WorkerOf("db"), "gpu");
  EXPECT_EQ(env_.State("old"), TaskState::kReady);
  env_.Succeed("big");
  EXPECT_EQ(env_.State("big"), TaskState::kSucceeded);
}

TEST_F(RunReviseTest, QuorumsCountAnewAfterIt) {
  env_.Submit(GraphBuilder("shop").Service("a").Service("b").Task("c").Quorum(
                  2, {"a", "b"}),
              kNamed);
  env_.Start("a");
  EXPECT_EQ(env_.State("c"), TaskState::kWaiting);
  EXPECT_TRUE(
      env_.Revise(
              GraphBuilder("shop").Service("a").Service("b").Task("c").Quorum(
                  1, {"a", "b"}),
              {"c"})
          .ok());
  EXPECT_EQ(env_.State("c"), TaskState::kLeased);
}

TEST_F(RunReviseTest, SurvivesTheDaemonBeforeAndAfterItTakesEffect) {
  SubmitShop();
  EXPECT_TRUE(env_.Revise(Shop().Task("smoke", {"api"}), {"api"}).ok());
  env_.Snapshot();
  env_.Restart();
  EXPECT_TRUE(env_.run().revising());
  env_.Reattach("w1");
  env_.Stopped("api");
  EXPECT_EQ(env_.run().revision(), 2u);
  env_.Restart();
  env_.Reattach("w1");
  Up("api");
  env_.Succeed("smoke");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(RunReviseTest, OneAtATimeAndOnItsOwnBaseOnly) {
  SubmitShop();
  const absl::Status stale = env_.Revise(Shop().Task("x"), {}, 4);
  EXPECT_TRUE(absl::IsAborted(stale)) << stale;
  EXPECT_THAT(std::string(stale.message()), HasSubstr("revision 1, and not 4"));
  EXPECT_TRUE(env_.Revise(Shop().Task("x"), {"db"}).ok());
  const absl::Status second = env_.Revise(Shop().Task("x"), {"db"});
  EXPECT_TRUE(absl::IsAborted(second)) << second;
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_FALSE(env_.run().revising());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(env_.Revise(Shop().Task("x"), {"db"})));
  env_.Finish();
  EXPECT_EQ(env_.run().blueprint().size(), 2u);
}

TEST_F(RunReviseTest, GraphsThatDoNotFitAreRefused) {
  SubmitShop();
  const auto refused = [this](const Graph& graph,
                              const std::vector<std::string>& changed) {
    const absl::Status status = env_.Revise(graph, changed);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(refused(GraphBuilder("shop").Service("db"), {}), HasSubstr("1"));
  EXPECT_THAT(refused(GraphBuilder("web").Service("db").Service("api"), {}),
              HasSubstr("web"));
  EXPECT_THAT(refused(GraphBuilder("shop").Service("api").Service("db"), {}),
              HasSubstr("\"db\""));
  EXPECT_THAT(refused(GraphBuilder("shop").Service("db").Task("api"), {}),
              HasSubstr("not named as changed"));
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(RunReviseTest, WhatRunsAtMostOnceIsChangedOnlyWhenNobodyHasIt) {
  env_.Submit(GraphBuilder("shop").Service("db").Task("pay").AtMostOnce(),
              kNamed);
  env_.Start("db");
  const Graph other =
      GraphBuilder("shop").Service("db").Task("pay").AtMostOnce().Demands(
          {.resources = {}});
  EXPECT_TRUE(absl::IsFailedPrecondition(env_.Revise(other, {"pay"})));
  env_.Succeed("pay");
  EXPECT_TRUE(env_.Revise(other, {"pay"}).ok());
  EXPECT_EQ(env_.State("pay"), TaskState::kSucceeded);
  EXPECT_EQ(env_.run().revision(), 2u);
}

TEST_F(RunReviseTest, WhatRanAtMostOnceAndComesBackDoesNotRunAgain) {
  env_.Submit(GraphBuilder("shop").Service("db").Task("pay").AtMostOnce(),
              kNamed);
  env_.Start("db");
  env_.Succeed("pay");
  const Graph without =
      GraphBuilder("shop").Service("db").Task("pay").AtMostOnce().Removed();
  EXPECT_TRUE(env_.Revise(without, {}).ok());
  EXPECT_TRUE(
      env_.Revise(GraphBuilder("shop").Service("db").Task("pay").AtMostOnce(),
                  {})
          .ok());
  EXPECT_EQ(env_.run().revision(), 3u);
  EXPECT_EQ(env_.State("pay"), TaskState::kCancelled);
  EXPECT_TRUE(absl::IsFailedPrecondition(env_.RestartTasks({"pay"})));
}

TEST_F(RunReviseTest, ARepeatedRequestSpeaksOfTheFirstGraph) {
  SubmitOptions options = kNamed;
  options.request_id = "r";
  env_.Submit(Shop(), options);
  Up("db");
  Up("api");
  EXPECT_TRUE(env_.Revise(Shop().Task("x"), {}).ok());
  const SubmitReply again = env_.TrySubmit(Shop(), options);
  EXPECT_TRUE(again.status.ok()) << again.status;
  EXPECT_TRUE(again.existing);
  EXPECT_FALSE(env_.TrySubmit(Shop().Task("x"), options).status.ok());
  env_.Succeed("x");
  EXPECT_TRUE(env_.Cancel().ok());
  env_.Finish();
  env_.Snapshot();
  EXPECT_TRUE(env_.TrySubmit(Shop(), options).existing);
}

TEST_F(RunReviseTest, MoreTasksThanMayLiveAreRefused) {
  EngineOptions options;
  options.limits.max_live_tasks = 3;
  EngineEnv env(options);
  env.Hello("w1", {.slots = 100});
  env.Submit(Shop(), kNamed);
  EXPECT_TRUE(env.Revise(Shop().Task("x"), {}).ok());
  const absl::Status status = env.Revise(Shop().Task("x").Task("y"), {});
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_live_tasks"));
}

}  // namespace
}  // namespace w2t::testing
