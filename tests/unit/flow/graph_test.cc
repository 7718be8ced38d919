// Faults of graphs: found before anything runs.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FlowGraphTest, ACycleComesBackAsItsShortestPath) {
  Graph graph;
  bool ran = false;
  const auto fetch = graph.Add("fetch", [&] { ran = true; });
  const auto parse = graph.Add("parse", After(fetch), [] {});
  const auto index = graph.Add("index", After(parse), [] {});
  const auto join = graph.Add("join", After(parse, index), [] {});
  graph.Order(join, fetch);
  const BlueprintOr built = graph.Check();
  ASSERT_EQ(built.faults.total(), 1u);
  EXPECT_EQ(built.faults.listed()[0].code, DiagnosticCode::kCycle);
  EXPECT_THAT(built.faults.listed()[0].path,
              ElementsAre("fetch", "join", "parse", "fetch"));
  const Result result = Executor(2).Run(std::move(graph));
  EXPECT_TRUE(absl::IsInvalidArgument(result.status()));
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("fetch -> join -> parse -> fetch"));
  EXPECT_FALSE(ran);
  EXPECT_EQ(result.total(), 0u);
  EXPECT_EQ(result.state(fetch), TaskState::kWaiting);
  EXPECT_EQ(result.faults().total(), 1u);
}

TEST(FlowGraphTest, OrdersByHandleAndByName) {
  Graph graph;
  std::vector<std::string> ran;
  const auto c = graph.Add("c", [&] { ran.push_back("c"); });
  const auto b = graph.Add("b", [&] { ran.push_back("b"); });
  graph.Add("a", [&] { ran.push_back("a"); });
  graph.Order(b, c);
  graph.Order("a", "b");
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(ran, ElementsAre("a", "b", "c"));
  EXPECT_EQ(result.steps(), 3u);
}

TEST(FlowGraphTest, ATaskCanNotBeOrderedAfterItself) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  graph.Order(a, a);
  graph.Order("a", "a");
  const BlueprintOr built = graph.Check();
  ASSERT_EQ(built.faults.total(), 2u);
  EXPECT_EQ(built.faults.listed()[0].code, DiagnosticCode::kSelfDependency);
  EXPECT_TRUE(absl::IsInvalidArgument(
      Executor::Cooperative().Run(std::move(graph)).status()));
}

TEST(FlowGraphTest, AnUnknownNameComesWithTheOneProbablyMeant) {
  Graph graph;
  graph.Add("migrate", [] {});
  graph.Add("api", [] {});
  graph.Order("migrat", "api");
  const BlueprintOr built = graph.Check();
  ASSERT_EQ(built.faults.total(), 1u);
  EXPECT_EQ(built.faults.listed()[0].code, DiagnosticCode::kUnknownDependency);
  EXPECT_EQ(built.faults.listed()[0].suggestion, "migrate");
}

TEST(FlowGraphTest, ANameOfSeveralTasksCanNotBeOrdered) {
  Graph graph;
  graph.Add("t", [] {});
  graph.Add("t", [] {});
  graph.Add("u", [] {});
  EXPECT_NE(graph.Check().blueprint, nullptr);
  graph.Order("t", "u");
  const BlueprintOr built = graph.Check();
  ASSERT_EQ(built.faults.total(), 1u);
  EXPECT_EQ(built.faults.listed()[0].code, DiagnosticCode::kDuplicateTask);
}

TEST(FlowGraphTest, AskingForMoreThanThereAreIsAFault) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  graph.Add("b", AtLeast(2, a), [] {});
  const BlueprintOr built = graph.Check();
  ASSERT_EQ(built.faults.total(), 1u);
  EXPECT_EQ(built.faults.listed()[0].code, DiagnosticCode::kTriggerTooLarge);
}

TEST(FlowGraphTest, WaitingForSomeStandsAlone) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  const auto b = graph.Add("b", [] {});
  graph.Add("first", AnyOf(a, b), After(a), [] {});
  graph.Add("last", After(a), AtLeast(1, a, b), [] {});
  graph.Add("both", After(a), AfterEnd(b), [] {});
  const BlueprintOr built = graph.Check();
  ASSERT_EQ(built.faults.total(), 2u);
  EXPECT_EQ(built.faults.listed()[0].code, DiagnosticCode::kConflict);
  EXPECT_EQ(built.faults.listed()[0].task_name, "first");
  EXPECT_EQ(built.faults.listed()[1].task_name, "last");
}

TEST(FlowGraphTest, WhatWaitsForSomeCanNotBeOrderedBehindAnother) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  const auto b = graph.Add("b", [] {});
  const auto any = graph.Add("any", AnyOf(a, b), [] {});
  const auto c = graph.Add("c", [] {});
  graph.Order(c, any);
  const BlueprintOr built = graph.Check();
  ASSERT_EQ(built.faults.total(), 1u);
  EXPECT_EQ(built.faults.listed()[0].code, DiagnosticCode::kConflict);
}

TEST(FlowGraphTest, AnEmptyGraphSucceeds) {
  const Result result = Executor(2).Run(Graph());
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result.total(), 0u);
  EXPECT_EQ(result.steps(), 0u);
  EXPECT_TRUE(result.CriticalPath().empty());
}

TEST(FlowGraphTest, CheckingLeavesTheGraphAsItWas) {
  Graph graph("pipeline");
  const auto a = graph.Add("a", [] { return 1; });
  const BlueprintOr first = graph.Check();
  ASSERT_NE(first.blueprint, nullptr);
  EXPECT_EQ(first.blueprint->name(), "pipeline");
  const auto b = graph.Add("b", After(a), [](int x) { return x + 1; });
  EXPECT_EQ(graph.Check().blueprint->size(), 2u);
  EXPECT_EQ(graph.size(), 2u);
  EXPECT_EQ(*Executor::Cooperative().Run(std::move(graph))[b], 2);
}

}  // namespace
}  // namespace w2t::flow
