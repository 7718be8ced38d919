// Graphs of several files.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

const v1::Action& NthAction(const v1::Graph& graph, int task) {
  return graph.actions(static_cast<int>(graph.tasks(task).action()));
}

TEST(MergeTest, ALaterFileSetsTheKeysThatItNames) {
  const v1::Graph graph = GraphOfFiles({{"a.yaml", R"(
name: first
defaults: {tasks: {timeout: 5s}}
services: {db: {command: db, ready: "tcp:1", env: {A: 1, B: 1}}}
tasks:
  m: {command: m, depends_on: [db], retry: 3}
  n: n
)"},
                                        {"b.yaml", R"(
name: second
defaults: {tasks: {timeout: 9s}}
services: {db: {ready: "exec:true", env: {B: 2}}}
tasks:
  p: p
  m: {command: [other], depends_on: {n: finished}}
  n: {handler: h}
)"}},
                                       {"a.yaml", "b.yaml"});
  EXPECT_EQ(graph.name(), "second");
  EXPECT_THAT(Names(graph), ElementsAre("db", "m", "n", "p"));
  EXPECT_EQ(NthAction(graph, 0).exec().shell(), "db");
  EXPECT_EQ(NthAction(graph, 0).ready().exec(), "true");
  EXPECT_THAT(NthAction(graph, 0).exec().env(),
              UnorderedElementsAre(Pair("A", "1"), Pair("B", "2")));
  EXPECT_THAT(NthAction(graph, 1).exec().argv(), ElementsAre("other"));
  EXPECT_EQ(NthAction(graph, 1).timeout().seconds(), 9);
  EXPECT_EQ(graph.tasks(1).retry().attempts(), 3u);
  EXPECT_EQ(NthAction(graph, 2).handler().name(), "h");
}

TEST(MergeTest, DependenciesAreJoinedAndTheLaterConditionCounts) {
  const v1::Graph graph = GraphOfFiles(
      {{"a.yaml",
        "defaults: {tasks: {depends_on: [z]}}\n"
        "services: {z: z}\n"
        "tasks: {x: {command: x, depends_on: []}, y: {command: y, depends_on: "
        "x}, t: {command: t, depends_on: [x, y]}}"},
       {"b.yaml", "tasks: {t: {depends_on: {z: started, x: failed}}}"}},
      {"a.yaml", "b.yaml"});
  const v1::Task& t = graph.tasks(3);
  ASSERT_EQ(t.depends_on_size(), 3);
  EXPECT_EQ(t.depends_on(0).task(), "y");
  EXPECT_EQ(t.depends_on(1).task(), "z");
  EXPECT_EQ(t.depends_on(2).task(), "x");
  EXPECT_EQ(t.depends_on(2).condition(), v1::CONDITION_FAILED);
}

TEST(MergeTest, FaultsNameTheirOwnFile) {
  EXPECT_THAT(
      FaultsOfFiles({{"a.yaml", "tasks: {x: {command: x, depends_on: [y]}}"},
                     {"b.yaml",
                      "tasks:\n  y: {command: y, depends_on: [x]}\n  x: "
                      "{timeout: soon, depends_on: [q]}"}},
                    {"a.yaml", "b.yaml"}),
      ElementsAre("a.yaml:1:38: dependency cycle: x -> y -> x",
                  "b.yaml:3:16: \"timeout\" must be a duration such as 500ms, "
                  "30s or 1m30s, not \"soon\"",
                  "b.yaml:3:35: task \"x\" depends on \"q\"; there is "
                  "no such task"));
}

TEST(MergeTest, OnlyFilesOfOneKindMakeUpOneGraph) {
  EXPECT_THAT(
      FaultsOfFiles({{"a.yaml", "tasks: {x: x}"},
                     {"b.yaml", "processes: {x: {command: x}}"}},
                    {"a.yaml", "b.yaml"}),
      ElementsAre("b.yaml: several files make up one graph only when all of "
                  "them are of one kind, and no WfFormat"));
  EXPECT_THAT(
      FaultsOfFiles({{"a.yaml", "tasks: {x: x}"}}, {"a.yaml", "b.yaml"}),
      ElementsAre("b.yaml: is not there"));
}

TEST(IncludeTest, CountsBelowTheFileThatIncludesAndIsRelativeToIt) {
  const v1::Graph graph = GraphOfFiles(
      {{"d/shop.yaml",
        "include: [parts/db.yaml, \"parts/${KIND:-web}.yaml\"]\n"
        "services: {db: {ready: \"exec:true\"}}\n"
        "tasks: {t: {command: t, depends_on: [db, web]}}"},
       {"d/parts/db.yaml", "name: db\nservices: {db: db}"},
       {"d/parts/web.yaml", "include: db.yaml\nservices: {web: web}"}},
      {"d/shop.yaml"});
  EXPECT_THAT(Names(graph), ElementsAre("db", "web", "t"));
  EXPECT_EQ(graph.name(), "db");
  EXPECT_EQ(NthAction(graph, 0).ready().exec(), "true");
}

TEST(IncludeTest, FaultsOfIncludedFilesNameThem) {
  EXPECT_THAT(FaultsOfFiles({{"d/a.yaml",
                              "include: [b.yaml, c.yaml]\ntasks: {y: "
                              "{command: y, depends_on: in-c}}"},
                             {"d/b.yaml", "tasks: {x: {comand: x}}"}},
                            {"d/a.yaml"}),
              ElementsAre("d/a.yaml:1:19: \"include\": d/c.yaml: is not there",
                          "d/b.yaml:1:13: unknown key \"comand\"; did you mean "
                          "\"command\"?"));
  EXPECT_THAT(
      FaultsOfFiles({{"a.yaml", "include: 7x.yaml"}, {"7x.yaml", "- x"}},
                    {"a.yaml"}),
      ElementsAre("7x.yaml:1:1: a graph file must be a map"));
}

TEST(IncludeTest, CyclesAndDepthAreRefused) {
  EXPECT_THAT(FaultsOfFiles({{"a.yaml", "include: ./b.yaml"},
                             {"b.yaml", "include: a.yaml\ntasks: {x: x}"}},
                            {"a.yaml"}),
              ElementsAre("b.yaml:1:10: files include each other: a.yaml -> "
                          "b.yaml -> a.yaml"));
  TestFiles files;
  for (int i = 0; i < 30; ++i) {
    files[fmt::format("{}.yaml", i)] =
        fmt::format("include: {}.yaml\ntasks: {{t{}: x}}", i + 1, i);
  }
  EXPECT_THAT(FaultsOfFiles(files, {"0.yaml"}),
              ElementsAre("15.yaml:1:10: files include each other more than 16 "
                          "deep; the limit max_include_depth is 16"));
}

TEST(IncludeTest, NoMoreThanSoManyFiles) {
  TestFiles files = {{"a.yaml", "include: ["}};
  for (int i = 0; i < 1'001; ++i) {
    files["a.yaml"] += fmt::format("{}.yaml, ", i);
    files[fmt::format("{}.yaml", i)] = fmt::format("tasks: {{t{}: x}}", i);
  }
  files["a.yaml"] += "]";
  const auto faults = FaultsOfFiles(files, {"a.yaml"});
  ASSERT_FALSE(faults.empty());
  EXPECT_THAT(faults[0],
              HasSubstr("more than 1000 files; the limit max_files is 1000"));
}

}  // namespace
}  // namespace w2t::graphfile
