#include "proto/wire/graph_difference.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/wire/text_proto.h"

namespace w2t::wire {
namespace {

v1::Graph Pair() {
  return FromText<v1::Graph>(R"pb(
    name: "shop"
    actions { exec { shell: "a" } }
    actions {
      exec {
        argv: "b"
        env { key: "K" value: "1" }
      }
    }
    tasks { name: "a" }
    tasks {
      name: "b"
      action: 1
      depends_on { task: "a" }
    })pb");
}

struct Case {
  const char* name;
  void (*change)(v1::Graph& graph);
  const char* message;
  const char* field;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class GraphDifferenceTest : public testing::TestWithParam<Case> {};

TEST_P(GraphDifferenceTest, IsNamed) {
  v1::Graph now = Pair();
  GetParam().change(now);
  const Diagnostic fault = FirstDifference(Pair().SerializeAsString(), now);
  EXPECT_EQ(fault.code, DiagnosticCode::kConflict);
  EXPECT_EQ(fault.message, GetParam().message);
  EXPECT_EQ(fault.field, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    All, GraphDifferenceTest,
    testing::Values(
        Case{"Name", [](v1::Graph& g) { g.set_name("store"); },
             "its name was \"shop\", and is \"store\"", "graph.name"},
        Case{"Shell",
             [](v1::Graph& g) {
               g.mutable_actions(0)->mutable_exec()->set_shell("x");
             },
             "task \"a\": command differs", "graph.tasks[0].command"},
        Case{"Env",
             [](v1::Graph& g) {
               (*g.mutable_actions(1)->mutable_exec()->mutable_env())["K"] =
                   "2";
             },
             "task \"b\": env differs", "graph.tasks[1].env"},
        Case{"Handler",
             [](v1::Graph& g) {
               g.mutable_actions(1)->mutable_handler()->set_name("h");
             },
             "task \"b\": exec differs", "graph.tasks[1].exec"},
        Case{"Timeout",
             [](v1::Graph& g) {
               g.mutable_actions(1)->mutable_timeout()->set_seconds(3);
             },
             "task \"b\": timeout differs", "graph.tasks[1].timeout"},
        Case{"SideEffect",
             [](v1::Graph& g) {
               g.mutable_tasks(0)->set_side_effect(
                   v1::SIDE_EFFECT_AT_MOST_ONCE);
             },
             "task \"a\": side_effect differs", "graph.tasks[0].side_effect"},
        Case{"Dependency",
             [](v1::Graph& g) { g.mutable_tasks(1)->clear_depends_on(); },
             "task \"b\": depends_on differs", "graph.tasks[1].depends_on"},
        Case{"New", [](v1::Graph& g) { g.add_tasks()->set_name("c"); },
             "task \"c\" is new", "graph.tasks[2]"},
        Case{"Gone", [](v1::Graph& g) { g.mutable_tasks()->RemoveLast(); },
             "task \"b\" is gone", "graph.tasks"},
        Case{"Order",
             [](v1::Graph& g) { g.mutable_tasks()->SwapElements(0, 1); },
             "the order of its tasks differs", "graph.tasks"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(GraphDifferenceBoundsTest, AnActionThatMovedIsNoDifference) {
  v1::Graph now = Pair();
  now.mutable_actions()->SwapElements(0, 1);
  now.mutable_tasks(0)->set_action(1);
  now.mutable_tasks(1)->set_action(0);
  now.add_tasks()->set_name("c");
  EXPECT_EQ(FirstDifference(Pair().SerializeAsString(), now).message,
            "task \"c\" is new");
}

TEST(GraphDifferenceBoundsTest, ItsLengthIsBounded) {
  v1::Graph now = Pair();
  now.mutable_tasks(0)->set_name(std::string(100'000, 'x'));
  EXPECT_LT(FirstDifference(Pair().SerializeAsString(), now).message.size(),
            300u);
}

TEST(GraphDifferenceBoundsTest, ALargeGraphIsNotLookedInto) {
  v1::Graph now = Pair();
  now.mutable_actions(0)->mutable_exec()->set_shell(
      std::string(kMaxComparedBytes, 'x'));
  const Diagnostic fault = FirstDifference(Pair().SerializeAsString(), now);
  EXPECT_EQ(fault.message, "the graph differs");
  EXPECT_EQ(fault.field, "graph");
}

}  // namespace
}  // namespace w2t::wire
