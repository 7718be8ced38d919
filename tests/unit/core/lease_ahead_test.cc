// What is leased before its dependencies hold, to the worker that has all that
// it waits for.
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

class LeaseAheadTest : public ::testing::Test {
 protected:
  LeaseAheadTest() { env_.Hello("w1", {.slots = 100, .waits = true}); }

  static GraphBuilder Shop() {
    GraphBuilder graph("shop");
    graph.Service("db").Probe().Service("api", {"db"}).Probe();
    return graph;
  }
  void Up(std::string_view task) {
    env_.Start(task);
    env_.Ready(task);
  }
  bool IsAhead(std::string_view task) {
    return env_.run().Waits(env_.Index(task));
  }
  std::string HelloAgain() {
    env_.Disconnect("w1");
    return env_.Reattach("w1") ? "" : "refused";
  }

  EngineEnv env_;
};

TEST_F(LeaseAheadTest, AChainIsLeasedAtOnce) {
  env_.Submit(Shop().Service("web", {"api"}).Probe(), {.hold = true});
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("db", "api", "web"));
  EXPECT_FALSE(IsAhead("db"));
  EXPECT_TRUE(IsAhead("api"));
  EXPECT_TRUE(IsAhead("web"));
  Up("db");
  EXPECT_FALSE(IsAhead("api")) << "all that it waits for holds";
  Up("api");
  Up("web");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(LeaseAheadTest, WhatItWaitsForIsTold) {
  env_.Submit(Shop());
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("api")), WaitKind::kDependencies);
  EXPECT_THAT(env_.run().Blockers(env_.Index("api"), 5),
              ElementsAre(env_.Index("db")));
  Up("db");
  EXPECT_EQ(env_.run().KindOfWait(env_.Index("api")), WaitKind::kNone);
}

TEST_F(LeaseAheadTest, AWorkerThatDoesNotKnowHowGetsNothingAhead) {
  EngineEnv old;
  old.Hello("w1", {.slots = 100});
  old.Submit(Shop());
  EXPECT_THAT(old.TakeOffered(), ElementsAre("db"));
}

TEST_F(LeaseAheadTest, OnlyTheWorkerThatHasAllOfItGetsIt) {
  env_.Hello("w2", {.slots = 100, .labels = {{"on", "w2"}}, .waits = true});
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Demands({.resources = {}, .labels = {{"on", "w2"}}})
                  .Service("cache")
                  .Probe()
                  .Demands({.resources = {}, .worker = "w1"})
                  .Service("api", {"db", "cache"})
                  .Probe());
  env_.TakeOffered();
  EXPECT_EQ(env_.State("api"), TaskState::kWaiting);
  Up("db");
  Up("cache");
  EXPECT_EQ(env_.State("api"), TaskState::kLeased);
}

TEST_F(LeaseAheadTest, WhatDemandsSomethingOrRunsOnceIsNotLeasedAhead) {
  env_.Submit(
      Shop().Task("migrate", {"db"}).Service("mail", {"db"}).AtMostOnce());
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("db", "api"));
}

TEST_F(LeaseAheadTest, OneThatWaitsForSomeOfManyIsNotLeasedAhead) {
  env_.Submit(Shop()
                  .Service("any", {"db", "api"})
                  .Trigger(1)
                  .Service("most")
                  .Quorum(1, {"db", "api"}));
  EXPECT_THAT(env_.TakeOffered(), ElementsAre("db", "api"));
}

TEST_F(LeaseAheadTest, NoMoreThanTheLimitAreAhead) {
  EngineOptions options;
  options.limits.max_ahead = 2;
  EngineEnv env(options);
  env.Hello("w1", {.slots = 100, .waits = true});
  GraphBuilder graph;
  graph.Service("s0").Probe();
  for (int i = 1; i < 6; ++i) {
    graph.Service("s" + std::to_string(i), {"s" + std::to_string(i - 1)})
        .Probe();
  }
  env.Submit(graph);
  EXPECT_THAT(env.TakeOffered(), ElementsAre("s0", "s1", "s2"));
  env.Start("s0");
  env.Ready("s0");
  EXPECT_THAT(env.TakeOffered(), IsEmpty());
  env.Start("s1");
  EXPECT_THAT(env.TakeOffered(), ElementsAre("s3"));
  env.Finish();
  EXPECT_EQ(env.EndState(), RunState::kSucceeded);
}

TEST_F(LeaseAheadTest, HalfOfAWorkersLeasesAreKeptForWhatMayStart) {
  EngineEnv env;
  env.Hello("w1", {.slots = 100, .max_leases = 4, .waits = true});
  env.Submit(Shop().Service("b", {"db"}).Service("c", {"db"}));
  EXPECT_THAT(env.TakeOffered(), ElementsAre("db", "api"));
}

TEST_F(LeaseAheadTest, WhatCannotComeIsTakenBackAndSkipped) {
  env_.Submit(Shop().Service("web", {"api"}).Probe().Task("other"));
  env_.Start("db");
  env_.Fail("db");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api", "web"));
  EXPECT_EQ(env_.State("api"), TaskState::kLeased) << "its worker has it still";
  env_.Stopped("api");
  env_.Stopped("web");
  EXPECT_EQ(env_.State("api"), TaskState::kSkipped);
  EXPECT_EQ(env_.State("web"), TaskState::kSkipped);
}

TEST_F(LeaseAheadTest, WhatIsTakenBackCountsAsNoAttempt) {
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Retry({.attempts = 3})
                  .Service("api", {"db"})
                  .Probe()
                  .Retry({.attempts = 1}));
  env_.Start("db");
  env_.Fail("db");
  env_.Stopped("api");
  EXPECT_EQ(env_.State("api"), TaskState::kWaiting);
  Up("db");
  EXPECT_EQ(env_.Record("api").attempt, 2u);
  EXPECT_EQ(env_.run().CountedAttempts(env_.Index("api")), 1u);
  Up("api");
  EXPECT_EQ(env_.State("api"), TaskState::kUp);
}

TEST_F(LeaseAheadTest, OneThatHadStartedWhenItWasTakenBackIsNotLost) {
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Retry({.attempts = 3})
                  .Service("cache")
                  .Probe()
                  .Service("api", {"db", "cache"})
                  .Probe());
  Up("cache");
  ASSERT_TRUE(IsAhead("api"));
  env_.Fail("cache");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  // The worker had seen db up, and did not know of cache.
  Up("db");
  env_.Start("api");
  EXPECT_EQ(env_.State("api"), TaskState::kRunning);
  env_.Stopped("api");
  EXPECT_EQ(env_.State("api"), TaskState::kSkipped);
  EXPECT_EQ(env_.Record("api").lost_attempts, 0);
}

// The worker may not have started it, since it knew first.
TEST_F(LeaseAheadTest, OneThatHasNotStartedIsTakenBackAlsoWhenAllHeld) {
  env_.Submit(Shop().Service("cache").Probe().Service("web", {"db", "cache"}));
  Up("cache");
  Up("db");
  EXPECT_FALSE(IsAhead("web"));
  env_.Fail("cache");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("web"));
  env_.Stopped("web");
  EXPECT_EQ(env_.State("web"), TaskState::kSkipped);
}

TEST_F(LeaseAheadTest, OneThatHasStartedGoesOnWithoutWhatItWaitedFor) {
  env_.Submit(Shop());
  Up("db");
  env_.Start("api");
  env_.Fail("db");
  EXPECT_THAT(env_.TakeStopped(), IsEmpty());
}

TEST_F(LeaseAheadTest, ALostOneIsLeasedAgainAndCountsAsNoLoss) {
  env_.worker("w1").receives_offers = false;
  env_.Submit(Shop());
  EXPECT_EQ(HelloAgain(), "");
  EXPECT_EQ(env_.Record("api").lost_attempts, 0);
  EXPECT_TRUE(IsAhead("api"));
  Up("db");
  Up("api");
  EXPECT_EQ(env_.State("api"), TaskState::kUp);
}

TEST_F(LeaseAheadTest, NoneIsLeasedAheadWhenTheLimitIsZero) {
  EngineOptions options;
  options.limits.max_ahead = 0;
  EngineEnv env(options);
  env.Hello("w1", {.slots = 100, .waits = true});
  env.Submit(Shop());
  EXPECT_THAT(env.TakeOffered(), ElementsAre("db"));
}

TEST_F(LeaseAheadTest, WithItsWorkerAllOfItIsLost) {
  env_.Submit(Shop().Service("web", {"api"}).Probe());
  env_.Kill("w1");
  env_.Hello("w1", {.slots = 100, .instance = "2", .waits = true});
  EXPECT_EQ(env_.Record("web").lost_attempts, 0);
  EXPECT_TRUE(IsAhead("web"));
  env_.Finish();
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(LeaseAheadTest, ItOutlivesTheDaemon) {
  env_.Submit(Shop());
  env_.Restart();
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_TRUE(IsAhead("api"));
  Up("db");
  Up("api");
  EXPECT_EQ(env_.State("api"), TaskState::kUp);
}

TEST_F(LeaseAheadTest, AStartBeforeItMightIsRefused) {
  env_.Submit(Shop());
  const LeaseRef early = env_.LeaseOf("api");
  ReportColumns reports;
  reports.leases.Add(early);
  reports.state.push_back(TaskState::kRunning);
  reports.exit_code.push_back(0);
  env_.Report("w1", reports);
  EXPECT_EQ(env_.worker("w1").refused.fence,
            std::vector<uint64_t>{early.fence.value});
  EXPECT_EQ(env_.State("api"), TaskState::kWaiting);
}

TEST_F(LeaseAheadTest, WhatARunThatFailsHasNotStartedIsCancelled) {
  env_.Submit(Shop().OnFailure(w2t::OnFailure::kCancel), {.hold = true});
  env_.Start("db");
  env_.Fail("db");
  env_.Stopped("api");
  EXPECT_EQ(env_.State("api"), TaskState::kCancelled);
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(LeaseAheadTest, ARevisionTakesItBack) {
  env_.Submit(Shop(), {.unique_name = true});
  EXPECT_TRUE(env_.Revise(GraphBuilder("shop")
                              .Service("db")
                              .Probe()
                              .Service("api", {"db", "cache"})
                              .Probe()
                              .Service("cache")
                              .Probe(),
                          {})
                  .ok());
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  Up("db");
  env_.Stopped("api");
  EXPECT_EQ(env_.State("api"), TaskState::kWaiting) << "for cache";
  Up("cache");
  Up("api");
  EXPECT_EQ(env_.EndState(), RunState::kUp);
}

TEST_F(LeaseAheadTest, WhatNobodyElseWaitsForMayBeToldLater) {
  env_.Hello("w2", {.slots = 100, .labels = {{"on", "w2"}}, .waits = true});
  const Demand on_w2{.resources = {}, .labels = {{"on", "w2"}}};
  const Demand on_w1{.resources = {}, .worker = "w1"};
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Demands(on_w1)
                  .Service("api", {"db"})
                  .Probe()
                  .Demands(on_w1)
                  .Service("web", {"api"})
                  .Probe()
                  .Demands(on_w2));
  const auto& unhurried = env_.worker("w1").unhurried;
  EXPECT_THAT(unhurried, ElementsAre(env_.LeaseOf("db").fence))
      << "web, on another worker, waits for api";
}

TEST_F(LeaseAheadTest, WhatManyOfItsWorkerWaitForIsNamedOnce) {
  env_.Submit(GraphBuilder()
                  .Service("db")
                  .Probe()
                  .Service("api", {"db"})
                  .Service("web", {"db"}));
  EXPECT_THAT(env_.worker("w1").unhurried,
              ElementsAre(env_.LeaseOf("db").fence));
}

}  // namespace
}  // namespace w2t::testing
