// What is said about a bad graph.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/graph_builder.h"
#include "w2t/blueprint.h"

namespace w2t::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<Diagnostic> Faults(const Graph& graph,
                               const Limits& limits = Limits()) {
  BlueprintOr built = Blueprint::Build(graph, limits);
  EXPECT_EQ(built.blueprint == nullptr, !built.faults.empty());
  return built.faults.listed();
}

std::vector<DiagnosticCode> Codes(const std::vector<Diagnostic>& faults) {
  std::vector<DiagnosticCode> codes;
  for (const Diagnostic& fault : faults) codes.push_back(fault.code);
  return codes;
}

bool DependsOn(const Graph& graph, std::string_view task,
               std::string_view dependency) {
  for (const TaskSpec& spec : graph.tasks()) {
    if (spec.name != task) continue;
    for (const Dependency& dep : spec.depends_on) {
      if (dep.task == dependency) return true;
    }
  }
  return false;
}

// Whether `path` goes round a cycle of `graph`, in either sense.
bool IsCycle(const Graph& graph, const std::vector<std::string>& path) {
  if (path.size() < 2 || path.front() != path.back()) return false;
  bool forward = true, backward = true;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    forward = forward && DependsOn(graph, path[i], path[i + 1]);
    backward = backward && DependsOn(graph, path[i + 1], path[i]);
  }
  return forward || backward;
}

TEST(BlueprintFaultTest, EmptyGraph) {
  std::vector<Diagnostic> faults = Faults(Graph("empty"));
  EXPECT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kEmptyGraph));
}

TEST(BlueprintFaultTest, UnknownDependencyWithASuggestion) {
  Graph graph = GraphBuilder().Task("migrate").Task("api", {"migrte"});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kUnknownDependency));
  EXPECT_EQ(faults[0].suggestion, "migrate");
  EXPECT_EQ(faults[0].task_name, "api");
  EXPECT_EQ(faults[0].task, 1u);
  EXPECT_EQ(faults[0].dependency, 0u);
  EXPECT_EQ(faults[0].field, "graph.tasks[1].depends_on[0].task");
  EXPECT_THAT(faults[0].message, HasSubstr("migrte"));
  EXPECT_THAT(faults[0].message, HasSubstr("migrate"));
}

TEST(BlueprintFaultTest, NoSuggestionForASingleLetter) {
  Graph graph = GraphBuilder().Task("a").Task("b", {"c"});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kUnknownDependency));
  EXPECT_EQ(faults[0].suggestion, "");
}

TEST(BlueprintFaultTest, NoSuggestionWhenNothingIsNear) {
  Graph graph = GraphBuilder().Task("migrate").Task("api", {"warehouse"});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kUnknownDependency));
  EXPECT_EQ(faults[0].suggestion, "");
  EXPECT_THAT(faults[0].message, HasSubstr("warehouse"));
}

TEST(BlueprintFaultTest, DuplicateTask) {
  Graph graph = GraphBuilder().Task("a").Task("b").Task("a");
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kDuplicateTask));
  EXPECT_EQ(faults[0].task_name, "a");
  EXPECT_EQ(faults[0].task, 2u);
}

TEST(BlueprintFaultTest, DuplicateDependency) {
  Graph graph = GraphBuilder().Task("a").Task("b", {"a", "a"});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kDuplicateDependency));
  EXPECT_EQ(faults[0].task, 1u);
  EXPECT_EQ(faults[0].dependency, 1u);
}

TEST(BlueprintFaultTest, SelfDependencyIsNotCalledACycle) {
  Graph graph = GraphBuilder().Task("a", {"a"}).Task("b", {"a"});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kSelfDependency));
  EXPECT_EQ(faults[0].task_name, "a");
}

TEST(BlueprintFaultTest, CycleIsNamedByItsShortestPath) {
  // The long way round is a b c d e a, the short one b c b.
  Graph graph = GraphBuilder()
                    .Task("a", {"e"})
                    .Task("b", {"a", "c"})
                    .Task("c", {"b"})
                    .Task("d", {"c"})
                    .Task("e", {"d"});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kCycle));
  EXPECT_EQ(faults[0].path.size(), 3u);
  EXPECT_TRUE(IsCycle(graph, faults[0].path)) << faults[0].message;
  EXPECT_THAT(faults[0].message, HasSubstr("b -> c"));
}

TEST(BlueprintFaultTest, CycleDoesNotBlameWhatHangsOffIt) {
  Graph graph = GraphBuilder()
                    .Task("before")
                    .Task("a", {"before", "c"})
                    .Task("b", {"a"})
                    .Task("c", {"b"})
                    .Task("after", {"c"})
                    .Task("far", {"after"});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kCycle));
  std::vector<std::string> path = faults[0].path;
  EXPECT_TRUE(IsCycle(graph, path));
  path.pop_back();
  EXPECT_THAT(path, UnorderedElementsAre("a", "b", "c"));
}

TEST(BlueprintFaultTest, EveryKnotIsReportedOnce) {
  Graph graph = GraphBuilder()
                    .Task("a", {"b"})
                    .Task("b", {"a"})
                    .Task("bridge", {"b"})
                    .Task("x", {"z", "bridge"})
                    .Task("y", {"x"})
                    .Task("z", {"y"});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults),
              ElementsAre(DiagnosticCode::kCycle, DiagnosticCode::kCycle));
  EXPECT_TRUE(IsCycle(graph, faults[0].path));
  EXPECT_TRUE(IsCycle(graph, faults[1].path));
  EXPECT_EQ(faults[0].path.size() + faults[1].path.size(), 7u);
}

TEST(BlueprintFaultTest, AllFaultsAtOnce) {
  Graph graph = GraphBuilder()
                    .Task("dup")
                    .Task("dup")
                    .Task("self", {"self"})
                    .Task("twice", {"dup", "dup"})
                    .Task("lost", {"nowhere"})
                    .Task("p", {"q"})
                    .Task("q", {"p"})
                    .Task("many", {"twice"})
                    .Trigger(2)
                    .Task("never", {{"twice", Condition::kReady}})
                    .Task("");
  EXPECT_THAT(
      Codes(Faults(graph)),
      UnorderedElementsAre(
          DiagnosticCode::kDuplicateTask, DiagnosticCode::kSelfDependency,
          DiagnosticCode::kDuplicateDependency,
          DiagnosticCode::kUnknownDependency, DiagnosticCode::kCycle,
          DiagnosticCode::kTriggerTooLarge, DiagnosticCode::kNeverReady,
          DiagnosticCode::kMissingField));
}

TEST(BlueprintFaultTest, ReadyOfWhatHasNoProbe) {
  Graph graph = GraphBuilder()
                    .Service("plain")
                    .Service("probed")
                    .Probe()
                    .Task("wrong", {{"plain", Condition::kReady}})
                    .Task("right", {{"probed", Condition::kReady}});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kNeverReady));
  EXPECT_EQ(faults[0].task_name, "wrong");
  EXPECT_THAT(faults[0].message, HasSubstr("plain"));
}

TEST(BlueprintFaultTest, TriggerLargerThanTheNumberOfDependencies) {
  Graph graph = GraphBuilder().Task("a").Task("b", {"a"}).Trigger(2);
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kTriggerTooLarge));
  EXPECT_EQ(faults[0].task_name, "b");
}

TEST(BlueprintFaultTest, QuorumsAskForSomeOfWhatTheyHave) {
  Graph graph =
      GraphBuilder().Task("a").Task("b").Quorum(2, {"a"}).Task("c").Quorum(
          0, {"a"});
  Dependency stray{.task = "a", .quorum = 1};
  graph.Add({.name = "d", .depends_on = {stray}});
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kInvalidValue,
                                         DiagnosticCode::kTriggerTooLarge,
                                         DiagnosticCode::kTriggerTooLarge));
  EXPECT_EQ(faults[0].message, "task \"d\" has no quorum 1; it has 0");
  EXPECT_EQ(faults[1].message,
            "quorum 1 of task \"b\" asks for 2 dependencies; it has 1");
}

TEST(BlueprintFaultTest, TriggerCountsAQuorumAsOne) {
  Graph graph = GraphBuilder()
                    .Task("a")
                    .Task("b")
                    .Task("c")
                    .Quorum(1, {"a", "b"})
                    .Trigger(2);
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kTriggerTooLarge));
  EXPECT_EQ(faults[0].task_name, "c");
}

// One bound, how to exceed it by one, and what the fault must say.
struct LimitCase {
  std::string_view name;
  uint64_t Limits::*field;
  uint64_t limit;
  Graph graph;
};

std::vector<LimitCase> LimitCases() {
  return {
      {"max_tasks", &Limits::max_tasks, 2,
       GraphBuilder().Task("a").Task("b").Task("c")},
      {"max_edges", &Limits::max_edges, 2,
       GraphBuilder().Task("a").Task("b", {"a"}).Task("c", {"a", "b"})},
      {"max_name_bytes", &Limits::max_name_bytes, 4,
       GraphBuilder().Task("long5")},
      {"max_name_bytes", &Limits::max_name_bytes, 4,
       GraphBuilder("long5").Task("a")},
      {"max_demands", &Limits::max_demands, 2,
       GraphBuilder()
           .Task("a")
           .Task("b")
           .Demands({.worker = "w1"})
           .Task("c")
           .Demands({.worker = "w2"})},
  };
}

TEST(BlueprintFaultTest, EveryLimitIsNamedWithItsBoundAndTheValue) {
  for (const LimitCase& c : LimitCases()) {
    SCOPED_TRACE(c.name);
    EXPECT_THAT(Faults(c.graph), IsEmpty());
    Limits limits;
    limits.*c.field = c.limit;
    std::vector<Diagnostic> faults = Faults(c.graph, limits);
    ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kLimitExceeded));
    EXPECT_EQ(faults[0].limit_name, c.name);
    EXPECT_EQ(faults[0].limit, c.limit);
    EXPECT_EQ(faults[0].value, c.limit + 1);
    EXPECT_THAT(faults[0].message, HasSubstr(std::string(c.name)));
    EXPECT_THAT(faults[0].message, HasSubstr(std::to_string(c.limit)));
    EXPECT_THAT(faults[0].message, HasSubstr(std::to_string(c.limit + 1)));
    limits.*c.field = c.limit + 1;
    EXPECT_THAT(Faults(c.graph, limits), IsEmpty()) << "the bound is inclusive";
  }
}

TEST(BlueprintFaultTest, AHugeKnotIsFoundWithoutRecursion) {
  constexpr uint32_t kTasks = 50'000;
  Graph graph;
  for (uint32_t i = 0; i < kTasks; ++i) {
    graph.Add({.name = "t" + std::to_string(i),
               .depends_on = {{"t" + std::to_string((i + 1) % kTasks)}}});
  }
  std::vector<Diagnostic> faults = Faults(graph);
  ASSERT_THAT(Codes(faults), ElementsAre(DiagnosticCode::kCycle));
  EXPECT_EQ(faults[0].path.size(), kTasks + 1);
  EXPECT_LT(faults[0].message.size(), 1'000u) << "not fit for a person";
}

TEST(BlueprintFaultTest, MessagesAreLowerCaseAndNameTheTask) {
  Graph graph = GraphBuilder().Task("one", {"two"}).Task("three", {"three"});
  for (const Diagnostic& fault : Faults(graph)) {
    ASSERT_FALSE(fault.message.empty());
    EXPECT_FALSE(std::isupper(static_cast<unsigned char>(fault.message[0])));
    EXPECT_THAT(fault.message, HasSubstr(fault.task_name));
  }
}

TEST(DiagnosticsTest, KeepsTheFirstHundredAndCountsTheRest) {
  Diagnostics faults;
  EXPECT_TRUE(faults.empty());
  for (int i = 0; i < 250; ++i) {
    faults.Add({.message = "fault " + std::to_string(i)});
  }
  EXPECT_EQ(faults.total(), 250u);
  ASSERT_EQ(faults.listed().size(), Diagnostics::kMaxListed);
  EXPECT_EQ(faults.listed().back().message, "fault 99");
}

TEST(DiagnosticsTest, SumsUpInOneLine) {
  Diagnostics faults;
  faults.Add({.message = "one"});
  EXPECT_THAT(faults.Summary(), HasSubstr("one"));
  faults.Add({.message = "two"});
  faults.Add({.message = "three"});
  EXPECT_EQ(faults.Summary(), "3 faults: one; two; three");
}

TEST(DiagnosticsTest, ALimitSaysWhatItsBoundIsAndWhatWasFound) {
  Diagnostics faults;
  faults.AddLimit("graph", "graph.tasks", "max_tasks", 10, 12);
  ASSERT_EQ(faults.listed().size(), 1u);
  const Diagnostic& fault = faults.listed()[0];
  EXPECT_EQ(fault.code, DiagnosticCode::kLimitExceeded);
  EXPECT_EQ(fault.field, "graph.tasks");
  EXPECT_EQ(fault.limit_name, "max_tasks");
  EXPECT_EQ(fault.limit, 10u);
  EXPECT_EQ(fault.value, 12u);
  EXPECT_THAT(fault.message, HasSubstr("graph is 12"));
  EXPECT_THAT(fault.message, HasSubstr("max_tasks is 10"));
}

TEST(BlueprintFaultTest, WhatUndoesATaskIsApartFromTheGraph) {
  const std::vector<Diagnostic> faults = Faults(GraphBuilder()
                                                    .Task("a")
                                                    .Task("gone")
                                                    .UndoOf("nobody")
                                                    .Task("self")
                                                    .UndoOf("self")
                                                    .Task("first")
                                                    .UndoOf("a")
                                                    .Task("second")
                                                    .UndoOf("a")
                                                    .Task("third")
                                                    .UndoOf("first")
                                                    .Task("down")
                                                    .UndoOf("db")
                                                    .Service("db")
                                                    .Service("up")
                                                    .UndoOf("b")
                                                    .Task("b", {"a"})
                                                    .Task("after", {"a"})
                                                    .UndoOf("b")
                                                    .Task("c", {"first"}));
  std::vector<std::string> messages;
  for (const Diagnostic& fault : faults) messages.push_back(fault.message);
  EXPECT_THAT(
      messages,
      UnorderedElementsAre(
          "task \"gone\" undoes \"nobody\", which is no task",
          "task \"self\" undoes \"self\", which undoes something",
          "task \"second\" undoes \"a\", which \"first\" undoes already",
          "task \"third\" undoes \"first\", which undoes something",
          "task \"down\" undoes \"db\", which is a service, and is stopped "
          "instead",
          "task \"up\" undoes \"b\", and is a service",
          "task \"after\" undoes \"b\", and has dependencies of its own",
          "task \"c\" depends on \"first\", which only undoes \"a\""));
}

}  // namespace
}  // namespace w2t::testing
