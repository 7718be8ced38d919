// Which ready task goes first, which worker gets it, and what is said when none
// does.
#include <map>
#include <string>

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

// Ends all tasks on one slot; the order in which they were leased.
std::vector<std::string> OrderOf(EngineEnv& env) {
  std::vector<std::string> order;
  for (std::vector<std::string> next = env.TakeOffered(); !next.empty();
       next = env.TakeOffered()) {
    for (const std::string& task : next) {
      order.push_back(task);
      env.Succeed(task);
    }
  }
  return order;
}

TEST(ReadyOrderTest, PriorityComesFirst) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  env.Submit(GraphBuilder()
                 .Task("low")
                 .Priority(-1)
                 .Estimate(absl::Hours(1))
                 .Task("normal")
                 .Task("high")
                 .Priority(7));
  EXPECT_THAT(OrderOf(env), ElementsAre("high", "normal", "low"));
}

TEST(ReadyOrderTest, ThenTheLongerRemainingCriticalPath) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  env.Submit(GraphBuilder()
                 .Task("short")
                 .Estimate(absl::Seconds(3))
                 .Task("head")
                 .Estimate(absl::Seconds(1))
                 .Task("tail", {"head"})
                 .Estimate(absl::Seconds(9)));
  EXPECT_THAT(OrderOf(env), ElementsAre("head", "tail", "short"));
}

TEST(ReadyOrderTest, ThenAge) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  env.Submit(GraphBuilder().Task("b").Task("a").Task("c"));
  EXPECT_THAT(OrderOf(env), ElementsAre("b", "a", "c"));
}

TEST(ReadyOrderTest, HoldsAcrossRuns) {
  EngineEnv env;
  const std::string first = env.Submit(GraphBuilder("one").Task("old"));
  env.Submit(GraphBuilder("two").Task("new").Task("urgent").Priority(1));
  env.Hello("w1", {.slots = 1});
  EXPECT_EQ(env.State("urgent"), TaskState::kLeased);
  env.Succeed("urgent");
  env.Use(first);
  EXPECT_EQ(env.State("old"), TaskState::kLeased);
}

TEST(ReadyOrderTest, HoldsAcrossDemands) {
  EngineEnv env;
  const Demand exact{.worker = "w1"};
  env.Submit(GraphBuilder()
                 .Task("a1")
                 .Priority(1)
                 .Task("b2")
                 .Priority(2)
                 .Demands(exact)
                 .Task("a3")
                 .Priority(3)
                 .Task("b4")
                 .Priority(4)
                 .Demands(exact));
  env.Hello("w1", {.slots = 1});
  EXPECT_THAT(OrderOf(env), ElementsAre("b4", "a3", "b2", "a1"));
}

TEST(ReadyOrderTest, WhatWasTakenBackDoesNotLendItsRankToOthers) {
  EngineEnv env;
  const Demand exact{.worker = "w1"};
  env.Submit(GraphBuilder("gone").Task("urgent").Priority(9));
  const std::string gone = env.run().spec().run_id;
  env.Submit(GraphBuilder()
                 .Task("low")  // has the demand of "urgent"
                 .Task("middle")
                 .Priority(5)
                 .Demands(exact));
  EXPECT_TRUE(env.Cancel(gone).ok());
  env.Hello("w1", {.slots = 1});
  EXPECT_THAT(OrderOf(env), ElementsAre("middle", "low"));
}

TEST(ReadyOrderTest, IsKeptAfterARestart) {
  EngineEnv env;
  env.Submit(GraphBuilder().Task("low").Task("high").Priority(1));
  env.Restart();
  env.Hello("w1", {.slots = 1});
  EXPECT_THAT(OrderOf(env), ElementsAre("high", "low"));
}

TEST(PlacementTest, TasksGoOnlyWhereTheirLabelsAre) {
  EngineEnv env;
  env.Hello("plain", {.slots = 9});
  env.Hello("east-db",
            {.slots = 9, .labels = {{"role", "db"}, {"zone", "east"}}});
  env.Hello("west-db",
            {.slots = 9, .labels = {{"role", "db"}, {"zone", "west"}}});
  env.Submit(GraphBuilder()
                 .Task("db")
                 .Demands({.labels = {{"role", "db"}, {"zone", "west"}}})
                 .Task("none")
                 .Demands({.labels = {{"role", "db"}, {"zone", "north"}}}));
  EXPECT_EQ(env.WorkerOf("db"), "west-db");
  EXPECT_EQ(env.State("none"), TaskState::kReady);
  EXPECT_THAT(env.Why("none"), HasSubstr("zone=north"));
}

TEST(PlacementTest, AWorkerMayBeNamed) {
  EngineEnv env;
  env.Hello("w1", {.slots = 9});
  env.Hello("w2", {.slots = 9});
  env.Submit(GraphBuilder()
                 .Task("a")
                 .Demands({.worker = "w2"})
                 .Task("b")
                 .Demands({.worker = "w3"}));
  EXPECT_EQ(env.WorkerOf("a"), "w2");
  EXPECT_EQ(env.State("b"), TaskState::kReady);
  EXPECT_THAT(env.Why("b"), HasSubstr("w3"));
  env.Hello("w3", {.slots = 1});
  EXPECT_EQ(env.WorkerOf("b"), "w3");
}

TEST(PlacementTest, HandlersGoWhereTheyAreServed) {
  EngineEnv env;
  env.Hello("programs", {.slots = 9});
  env.Hello("resize",
            {.slots = 9, .capabilities = {"handler:resize", "handler:crop"}});
  env.Submit(GraphBuilder()
                 .Task("crop")
                 .Demands({.capability = "handler:crop"})
                 .Task("spin")
                 .Demands({.capability = "handler:spin"})
                 .Task("program"));
  EXPECT_EQ(env.WorkerOf("crop"), "resize");
  EXPECT_EQ(env.WorkerOf("program"), "programs");
  EXPECT_EQ(env.State("spin"), TaskState::kReady);
  EXPECT_THAT(env.Why("spin"), HasSubstr("handler:spin"));
}

TEST(PlacementTest, SlotsAreNeverExceeded) {
  EngineEnv env;
  env.Hello("w1", {.slots = 2});
  env.Submit(GraphBuilder().Task("a").Task("b").Task("c"));
  EXPECT_THAT(env.TakeOffered(), ElementsAre("a", "b"));
  EXPECT_THAT(env.Why("c"), HasSubstr("full"));
  env.Fail("b");
  EXPECT_THAT(env.TakeOffered(), ElementsAre("c"));
}

TEST(PlacementTest, EveryResourceCounts) {
  EngineEnv env;
  env.Hello("w1", {.slots = 8, .resources = {{"gpus", 1000}}});
  const Demand gpu{.resources = {{"cpus", 1000}, {"gpus", 1000}}};
  env.Submit(
      GraphBuilder().Task("g1").Demands(gpu).Task("g2").Demands(gpu).Task("c"));
  EXPECT_THAT(env.TakeOffered(), UnorderedElementsAre("g1", "c"));
  EXPECT_EQ(env.State("g2"), TaskState::kReady);
  env.Succeed("g1");
  EXPECT_EQ(env.State("g2"), TaskState::kLeased);
}

TEST(PlacementTest, PartsOfASlotAddUp) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  const Demand third{.resources = {{"cpus", 300}}};
  env.Submit(GraphBuilder()
                 .Task("a")
                 .Demands(third)
                 .Task("b")
                 .Demands(third)
                 .Task("c")
                 .Demands(third)
                 .Task("d")
                 .Demands(third));
  EXPECT_THAT(env.TakeOffered(), ElementsAre("a", "b", "c"));
}

TEST(PlacementTest, AThousandthTooMuchDoesNotFit) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  env.Submit(GraphBuilder()
                 .Task("a")
                 .Demands({.resources = {{"cpus", 500}}})
                 .Task("b")
                 .Demands({.resources = {{"cpus", 501}}}));
  EXPECT_THAT(env.TakeOffered(), ElementsAre("a"));
}

TEST(PlacementTest, AResourceThatNobodyHasIsNamed) {
  EngineEnv env;
  env.Hello("w1", {.slots = 8});
  env.Submit(GraphBuilder()
                 .Task("a")
                 .Demands({.resources = {{"licences", 2000}}})
                 .Task("huge")
                 .Demands({.resources = {{"cpus", 9000}}}));
  EXPECT_THAT(env.Why("a"), HasSubstr("licences"));
  EXPECT_THAT(env.Why("huge"), HasSubstr("9 cpus"));
}

TEST(PlacementTest, WhatAsksForNothingAlwaysFits) {
  EngineEnv env;
  env.Hello("w1", {.slots = 1});
  env.Submit(GraphBuilder()
                 .Task("takes the slot")
                 .Task("a")
                 .Demands({.resources = {}})
                 .Task("b")
                 .Demands({.resources = {{"cpus", 0}}}));
  EXPECT_EQ(env.TakeOffered().size(), 3u);
}

TEST(PlacementTest, MaxLeasesBoundsEvenWhatAsksForNothing) {
  EngineEnv env;
  env.Hello("w1", {.slots = 9, .max_leases = 2});
  env.Submit(GraphBuilder().Service("a").Service("b").Service("c"));
  EXPECT_EQ(env.TakeOffered().size(), 2u);
  EXPECT_THAT(env.Why("c"), HasSubstr("full"));
}

TEST(PlacementTest, ATaskThatDoesNotFitDoesNotHoldUpSmallerOnes) {
  EngineEnv env;
  env.Hello("w1", {.slots = 2});
  env.Submit(GraphBuilder()
                 .Task("first")
                 .Priority(9)
                 .Task("big")
                 .Priority(5)
                 .Demands({.resources = {{"cpus", 2000}}})
                 .Task("small"));
  EXPECT_THAT(env.TakeOffered(), ElementsAre("first", "small"));
  env.Succeed("first");
  env.Succeed("small");
  EXPECT_EQ(env.State("big"), TaskState::kLeased);
}

TEST(PlacementTest, WorkIsSpreadOverWorkersWithRoom) {
  EngineEnv env;
  for (const char* name : {"w1", "w2", "w3"}) env.Hello(name, {.slots = 4});
  Graph graph;
  for (int i = 0; i < 6; ++i) graph.Add({.name = "t" + std::to_string(i)});
  env.Submit(graph);
  std::map<std::string, int> leases;
  for (int i = 0; i < 6; ++i) ++leases[env.WorkerOf("t" + std::to_string(i))];
  EXPECT_THAT(leases, ElementsAre(std::pair("w1", 2), std::pair("w2", 2),
                                  std::pair("w3", 2)));
}

TEST(PlacementTest, ServicesThatAskForNothingAreSpreadToo) {
  EngineEnv env;
  env.Hello("w1", {.slots = 4});
  env.Hello("w2", {.slots = 4});
  env.Submit(GraphBuilder().Service("a").Service("b"));
  EXPECT_NE(env.WorkerOf("a"), env.WorkerOf("b"));
}

TEST(PlacementTest, AWorkerThatDialsGetsWhatWaits) {
  EngineEnv env;
  env.Submit(GraphBuilder().Task("a"));
  EXPECT_EQ(env.State("a"), TaskState::kReady);
  EXPECT_EQ(env.Why("a"), "no worker is connected");
  env.Hello("w1", {.slots = 1});
  EXPECT_EQ(env.State("a"), TaskState::kLeased);
}

TEST(PlacementTest, ADrainingWorkerFinishesButGetsNothingNew) {
  EngineEnv env;
  env.Hello("w1", {.slots = 2});
  env.Submit(GraphBuilder().Task("a").Task("b", {"a"}));
  EXPECT_TRUE(env.DrainWorker("w1").ok());
  EXPECT_TRUE(env.worker("w1").told_to_drain);
  env.Succeed("a");
  EXPECT_EQ(env.State("b"), TaskState::kReady);
  EXPECT_THAT(env.Why("b"), HasSubstr("draining"));
  EXPECT_TRUE(env.DrainWorker("w1", /*undo=*/true).ok());
  EXPECT_EQ(env.State("b"), TaskState::kLeased);
}

TEST(PlacementTest, AWorkerStaysDrainedThroughARestart) {
  EngineEnv env;
  env.Hello("w1", {.slots = 2});
  EXPECT_TRUE(env.DrainWorker("w1").ok());
  env.Restart();
  EXPECT_TRUE(env.Reattach("w1"));
  env.Submit(GraphBuilder().Task("a"));
  EXPECT_EQ(env.State("a"), TaskState::kReady);
  EXPECT_TRUE(env.worker("w1").told_to_drain);
}

TEST(PlacementTest, ALeavingWorkerGetsNothingNew) {
  EngineEnv env;
  env.Hello("w1", {.slots = 2});
  env.Submit(GraphBuilder().Task("a").Task("b", {"a"}));
  env.Leave("w1");
  env.Succeed("a");
  EXPECT_EQ(env.State("b"), TaskState::kReady);
  env.Kill("w1");
  EXPECT_THAT(env.engine().fleet().workers(), IsEmpty())
      << "it left with nothing in its hands";
}

TEST(PlacementTest, ADisconnectedWorkerGetsNothing) {
  EngineEnv env;
  env.Hello("w1", {.slots = 2});
  env.Disconnect("w1");
  env.Submit(GraphBuilder().Task("a"));
  EXPECT_EQ(env.State("a"), TaskState::kReady);
  EXPECT_EQ(env.Why("a"), "no worker is connected");
}

}  // namespace
}  // namespace w2t::testing
