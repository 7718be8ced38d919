// What clients and operators ask of the engine.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

Graph One(const std::string& name = "one") {
  return GraphBuilder(name).Task("a");
}

TEST(EngineClientTest, RunsAreCalledByTheirGraphAndNumber) {
  EngineEnv env;
  EXPECT_EQ(env.Submit(One("shop")), "shop-1");
  EXPECT_EQ(env.Submit(One("shop")), "shop-2");
  EXPECT_EQ(env.Submit(One("web")), "web-3");
  EXPECT_EQ(env.engine().runs().size(), 3u);
  ASSERT_NE(env.FindRun("shop-2"), nullptr);
  EXPECT_EQ(env.FindRun("shop-2")->spec().number.value, 2u);
  EXPECT_EQ(env.FindRun("shop-3"), nullptr);
}

TEST(EngineClientTest, TheSameRequestIsTheSameRun) {
  EngineEnv env;
  const SubmitReply first = env.TrySubmit(One(), {.request_id = "r1"});
  const SubmitReply again = env.TrySubmit(One(), {.request_id = "r1"});
  EXPECT_TRUE(again.status.ok()) << again.status;
  EXPECT_FALSE(first.existing);
  EXPECT_TRUE(again.existing);
  EXPECT_EQ(again.run_id, first.run_id);
  EXPECT_EQ(again.run, first.run);
  EXPECT_EQ(env.engine().runs().size(), 1u);
}

TEST(EngineClientTest, OfRunsWithAUniqueNameOnlyOneLives) {
  EngineEnv env;
  env.Submit(One("shop"));  // one that does not ask for it is in nobody's way
  const SubmitReply first = env.TrySubmit(One("shop"), {.unique_name = true});
  EXPECT_TRUE(first.status.ok()) << first.status;
  EXPECT_TRUE(env.FindRun(first.run_id)->spec().hold);
  env.Restart();
  const SubmitReply second = env.TrySubmit(One("shop"), {.unique_name = true});
  EXPECT_TRUE(absl::IsAlreadyExists(second.status)) << second.status;
  EXPECT_THAT(Message(second.status), HasSubstr(first.run_id));
  EXPECT_EQ(second.run_id, first.run_id);
  EXPECT_TRUE(env.TrySubmit(One("web"), {.unique_name = true}).status.ok());
  EXPECT_TRUE(env.TrySubmit(One("shop")).status.ok());
  EXPECT_TRUE(env.Cancel(first.run_id).ok());
  EXPECT_TRUE(env.TrySubmit(One("shop"), {.unique_name = true}).status.ok());
}

TEST(EngineClientTest, TheSameRequestIsTheSameRunAfterARestart) {
  EngineEnv env;
  const SubmitReply first = env.TrySubmit(One(), {.request_id = "r1"});
  env.Restart();
  const SubmitReply again = env.TrySubmit(One(), {.request_id = "r1"});
  EXPECT_TRUE(again.existing);
  EXPECT_EQ(again.run_id, first.run_id);
}

TEST(EngineClientTest, ARequestIdWithOtherContentIsRefused) {
  EngineEnv env;
  env.TrySubmit(One(), {.request_id = "r1"});
  const SubmitReply other =
      env.TrySubmit(GraphBuilder("one").Task("b"), {.request_id = "r1"});
  EXPECT_TRUE(absl::IsAlreadyExists(other.status)) << other.status;
  EXPECT_THAT(Message(other.status), HasSubstr("r1"));
  EXPECT_EQ(env.engine().runs().size(), 1u);
}

TEST(EngineClientTest, WithoutARequestIdEverySubmitIsARun) {
  EngineEnv env;
  env.Submit(One());
  env.Submit(One());
  EXPECT_EQ(env.engine().runs().size(), 2u);
}

TEST(EngineClientTest, AnUnknownRunIsNotFound) {
  EngineEnv env;
  const absl::Status status = env.Cancel("shop-7");
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("shop-7"));
}

TEST(EngineClientTest, AnUnknownWorkerIsNotFound) {
  EngineEnv env;
  const absl::Status status = env.DrainWorker("w9");
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(Message(status), HasSubstr("w9"));
}

TEST(EngineClientTest, TheOldestEndedRunMakesRoom) {
  EngineOptions options;
  options.limits.max_runs = 2;
  EngineEnv env(options);
  env.Hello("w1", {.slots = 1});
  const std::string blocked = env.Submit(
      GraphBuilder("blocked").Task("a").Demands({.worker = "nobody"}));
  const std::string ended = env.Submit(One());
  env.Finish();
  const std::string next = env.Submit(One());
  EXPECT_EQ(env.FindRun(ended), nullptr);
  EXPECT_NE(env.FindRun(blocked), nullptr);
  EXPECT_NE(env.FindRun(next), nullptr);
  ASSERT_EQ(env.forgotten().size(), 1u);
  EXPECT_EQ(env.forgotten()[0].run_id, ended);
}

TEST(EngineClientTest, ARunNumberIsNeverUsedAgain) {
  EngineOptions options;
  options.limits.max_runs = 1;
  EngineEnv env(options);
  env.Hello("w1");
  for (int i = 1; i <= 4; ++i) {
    EXPECT_EQ(env.Submit(One()), "one-" + std::to_string(i));
    env.Finish();
    env.Restart();
    env.Reattach("w1");
  }
}

TEST(EngineClientTest, TheRequestOfAForgottenRunMayComeAgain) {
  EngineOptions options;
  options.limits.max_runs = 1;
  EngineEnv env(options);
  env.Hello("w1");
  env.Submit(One(), {.request_id = "r1"});
  env.Finish();
  env.Submit(One("two"));
  env.Finish();
  EXPECT_FALSE(env.TrySubmit(One("three"), {.request_id = "r1"}).existing);
}

TEST(EngineClientTest, ARunMayEndAndBeForgottenInOneStep) {
  EngineOptions options;
  options.limits.max_runs = 1;
  EngineEnv env(options);
  env.Hello("w1");
  const std::string first = env.Submit(One());
  const Graph graph = One();
  env.BeginTogether();
  env.Succeed("a");
  env.Step(
      {SubmitEvent{.token = {1'000},
                   .blueprint = Blueprint::Build(graph, Limits()).blueprint}});
  env.EndTogether();
  EXPECT_EQ(env.FindRun(first), nullptr);
  EXPECT_NE(env.FindRun("one-2"), nullptr);
}

TEST(EngineClientTest, LiveRunsAreNeverEvicted) {
  EngineOptions options;
  options.limits.max_runs = 1;
  EngineEnv env(options);
  const std::string live = env.Submit(One());
  const SubmitReply reply = env.TrySubmit(One());
  EXPECT_TRUE(absl::IsResourceExhausted(reply.status)) << reply.status;
  EXPECT_THAT(Message(reply.status), HasSubstr("max_runs"));
  EXPECT_NE(env.FindRun(live), nullptr);
}

TEST(EngineClientTest, LiveTasksAreBounded) {
  EngineOptions options;
  options.limits.max_live_tasks = 3;
  EngineEnv env(options);
  env.Hello("w1", {.slots = 9});
  const Graph two = GraphBuilder().Task("a").Task("b", {"a"});
  env.Submit(two);
  const SubmitReply refused = env.TrySubmit(two);
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status)) << refused.status;
  EXPECT_THAT(Message(refused.status), HasSubstr("max_live_tasks is 3"));
  EXPECT_THAT(Message(refused.status), HasSubstr("4"));
  env.Submit(One());
  env.Finish();
  EXPECT_TRUE(env.TrySubmit(two).status.ok()) << "ended runs do not count";
}

TEST(EngineClientTest, ADrainingDaemonAcceptsNoRunAndLeasesNothing) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  env.Submit(GraphBuilder().Task("a").Task("b", {"a"}));
  EXPECT_FALSE(env.engine().draining());
  env.DrainServer();
  EXPECT_TRUE(env.engine().draining());
  const SubmitReply reply = env.TrySubmit(One());
  EXPECT_TRUE(absl::IsUnavailable(reply.status)) << reply.status;
  EXPECT_FALSE(env.engine().idle());
  env.Succeed("a");
  EXPECT_EQ(env.State("b"), TaskState::kReady);
  EXPECT_EQ(env.Why("b"), "the daemon is stopping");
  EXPECT_TRUE(env.engine().idle());
}

TEST(EngineClientTest, ADrainedDaemonGoesOnAfterItsRestart) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  env.Submit(GraphBuilder().Task("a").Task("b", {"a"}));
  env.DrainServer();
  env.Succeed("a");
  env.Restart();
  EXPECT_FALSE(env.engine().draining());
  EXPECT_TRUE(env.Reattach("w1"));
  EXPECT_EQ(env.State("b"), TaskState::kLeased);
}

TEST(EngineClientTest, TheEpochGrowsWithEveryStart) {
  EngineEnv env;
  const uint64_t first = env.engine().epoch();
  env.Restart();
  EXPECT_GT(env.engine().epoch(), first);
}

TEST(EngineClientTest, AStepWithoutNewsHasNoFacts) {
  EngineEnv env;
  env.Hello("w1");
  EXPECT_TRUE(env.Step({}).facts.facts.empty());
  EXPECT_TRUE(
      env.Step({AliveEvent{env.worker("w1").session}}).facts.facts.empty());
}

TEST(EngineClientTest, AnEngineWithoutWorkersNeedsNoWakeup) {
  EngineEnv env;
  env.Submit(One());
  env.Step({});
  env.Advance(absl::Hours(1));
  EXPECT_EQ(env.engine().NextWakeup(), absl::InfiniteFuture());
}

TEST(EngineClientTest, OneStepTakesManyEvents) {
  EngineEnv env;
  std::vector<Event> events;
  for (uint64_t i = 0; i < 10; ++i) {
    const Graph graph = One();
    events.push_back(
        SubmitEvent{.token = {1'000 + i},
                    .blueprint = Blueprint::Build(graph, Limits()).blueprint});
  }
  const size_t before = env.journal().size();
  env.Step(std::move(events));
  EXPECT_EQ(env.engine().runs().size(), 10u);
  EXPECT_EQ(env.journal().size(), before + 1);
}

TEST(EngineClientTest, TimeNeverRunsBackwards) {
  EngineOptions options;
  Engine engine(options);
  const absl::Time now = absl::FromUnixSeconds(1'000);
  engine.Start(now);
  const Graph graph = One();
  std::vector<Event> events = {SubmitEvent{
      .token = {1}, .blueprint = Blueprint::Build(graph, Limits()).blueprint}};
  const StepResult result =
      engine.Step(absl::MakeSpan(events), now - absl::Seconds(5));
  EXPECT_GE(result.facts.now, now);
  EXPECT_EQ(engine.FindRun("one-1")->create_us(), absl::ToUnixMicros(now));
}

TEST(EngineReplayTest, LimitsOfTheReaderDoNotChangeWhatHappened) {
  EngineOptions options;
  options.limits.max_lost_attempts = 3;
  EngineEnv env(options);
  env.Submit(GraphBuilder().Task("a"));
  for (const std::string instance : {"1", "2", "3"}) {
    env.Hello("w1", {.instance = instance});
    env.Kill("w1");
    env.Advance(absl::Minutes(1));
  }
  env.Hello("w1", {.instance = "4"});
  for (const uint64_t other : {1, 200}) {
    options.limits.max_lost_attempts = other;
    Engine reader(options);
    for (const FactBatch& batch : env.journal()) {
      ASSERT_TRUE(reader.Replay(batch).ok()) << other;
    }
    EXPECT_EQ(reader.Hash(), env.engine().Hash()) << other;
  }
}

// Daemons before did not forgive losses, and their journals say nothing of it.
TEST(EngineReplayTest, WhatAnOldDaemonGaveUpStaysGivenUp) {
  EngineOptions options;
  options.limits.forgives_losses = false;
  EngineEnv env(options,
                /*cheap=*/true);  // the referee knows only daemons of now
  env.Submit(
      GraphBuilder().Service("a").Retry({.attempts = RetryPolicy::kUnlimited}));
  for (uint64_t i = 0; i < options.limits.max_lost_attempts; ++i) {
    env.Hello("w1", {.instance = std::to_string(i)});
    env.Kill("w1");
    env.Advance(absl::Minutes(1));
  }
  EXPECT_EQ(env.EndState(), RunState::kFailed);
  Engine reader{EngineOptions()};
  for (const FactBatch& batch : env.journal()) {
    ASSERT_TRUE(reader.Replay(batch).ok());
  }
  EXPECT_EQ(reader.Hash(), env.engine().Hash());
}

TEST(EngineReplayTest, AJournalThatDoesNotFitIsRefused) {
  const absl::Time now = absl::FromUnixSeconds(1'000);
  const LeaseRef lease{{7}, 0, 1, {1}};
  LeaseColumns leases;
  leases.Add(lease);
  ReportColumns reports{leases, {TaskState::kSucceeded}, {0}, {}};
  const std::vector<Fact> misfits = {
      RunCancelled{{7}, ""},       RunEvicted{{7}},
      WorkerLeft{{7}, ""},         WorkerDrained{{7}, true},
      Leased{{7}, leases},         Reported{{7}, reports},
      LeasesLost{{7}, leases, ""}, RetriesDue{{7}, {0}},
      RunAccepted{.run = {1}},     EpochStarted{0},
  };
  for (const Fact& fact : misfits) {
    Engine engine((EngineOptions()));
    const absl::Status status = engine.Replay({now, {fact}});
    EXPECT_TRUE(absl::IsInternal(status))
        << "fact of kind " << fact.index() << ": " << status;
  }
}

TEST(EngineReplayTest, ALeaseBeyondWhatAWorkerHasLeftIsRefused) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  env.Submit(GraphBuilder().Task("a").Task("b"));
  ASSERT_EQ(env.State("b"), TaskState::kReady);
  Engine reader((EngineOptions()));
  for (const FactBatch& batch : env.journal()) {
    ASSERT_TRUE(reader.Replay(batch).ok());
  }
  const EngineData data = reader.Data();
  LeaseColumns leases;
  leases.Add({data.runs[0], 1, 1, data.next_fence});
  const uint32_t worker = reader.fleet().workers().begin()->first.value;
  const absl::Status status =
      reader.Replay({absl::FromUnixSeconds(2'000), {Leased{{worker}, leases}}});
  EXPECT_TRUE(absl::IsInternal(status)) << status;
}

}  // namespace
}  // namespace w2t::testing
