// Workflow traces, replayed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;

// A trace with these tasks; specification and execution, each as JSON objects.
std::string Trace(std::string_view specification, std::string_view execution) {
  return fmt::format(
      "{{\"name\": \"my trace.json\", \"schemaVersion\": \"1.5\",\n"
      "\"workflow\": {{\"specification\": {{\"tasks\": [\n{}\n]}},\n"
      "\"execution\": {{\"tasks\": [\n{}\n]}}}}}}\n",
      specification, execution);
}

TEST(WfFormatTest, EachTaskLastsAsLongAsItDid) {
  Options options;
  options.time_scale = 0.5;
  const v1::Graph graph = GraphOf(
      Trace(R"({"id": "a", "name": "n", "parents": [], "children": ["b"]},
               {"id": "b", "name": "n", "parents": ["a"], "children": []})",
            R"({"id": "a", "runtimeInSeconds": 2.5},
               {"id": "b", "runtimeInSeconds": 1e-1})"),
      options);
  ASSERT_EQ(graph.tasks_size(), 2);
  EXPECT_EQ(graph.name(), "my-trace");
  EXPECT_EQ(graph.tasks(0).name(), "a");
  EXPECT_THAT(graph.actions(graph.tasks(0).action()).exec().argv(),
              ElementsAre("sleep", "1.250000"));
  EXPECT_EQ(graph.tasks(0).estimate().seconds(), 1);
  EXPECT_EQ(graph.tasks(0).estimate().nanos(), 250'000'000);
  EXPECT_THAT(graph.actions(graph.tasks(1).action()).exec().argv(),
              ElementsAre("sleep", "0.050000"));
  ASSERT_EQ(graph.tasks(1).depends_on_size(), 1);
  EXPECT_EQ(graph.tasks(1).depends_on(0).task(), "a");
  EXPECT_EQ(graph.tasks(1).depends_on(0).condition(), v1::CONDITION_SUCCEEDED);
}

TEST(WfFormatTest, ParentsAndChildrenAreJoinedAndContradictionsNoted) {
  const LoadResult result =
      LoadText(Trace(R"({"id": "a", "children": ["b"]},
               {"id": "b", "parents": [], "children": []},
               {"id": "c", "parents": ["b"], "children": []})",
                     R"({"id": "a", "runtimeInSeconds": 1},
               {"id": "b", "runtimeInSeconds": 1},
               {"id": "c", "runtimeInSeconds": 1})"),
               "f", Options());
  ASSERT_TRUE(result.faults.empty());
  EXPECT_EQ(result.graph.tasks(1).depends_on(0).task(), "a");
  EXPECT_EQ(result.graph.tasks(2).depends_on(0).task(), "b");
  EXPECT_THAT(result.notes,
              ElementsAre("\"a\" has the child \"b\", which does not have it "
                          "as a parent; taken as a dependency",
                          "\"c\" has the parent \"b\", which does not have it "
                          "as a child; taken as a dependency"));
}

TEST(WfFormatTest, OneListOfEdgesIsEnough) {
  const LoadResult result =
      LoadText(Trace(R"({"id": "a"}, {"id": "b", "parents": ["a"]})",
                     R"({"id": "a", "runtimeInSeconds": 0},
               {"id": "b", "runtimeInSeconds": 0})"),
               "f", Options());
  ASSERT_TRUE(result.faults.empty());
  EXPECT_EQ(result.graph.tasks(1).depends_on_size(), 1);
  EXPECT_TRUE(result.notes.empty());
}

TEST(WfFormatTest, OtherVersionsAreRefused) {
  EXPECT_THAT(FaultsOf("{\"schemaVersion\": \"1.3\", \"workflow\": {}}"),
              ElementsAre("1:19: \"schemaVersion\" must be \"1.4\" or \"1.5\", "
                          "not \"1.3\""));
}

TEST(WfFormatTest, WrongShapes) {
  EXPECT_THAT(FaultsOf("{\"schemaVersion\": \"1.5\", \"workflow\": {}}"),
              ElementsAre("1:38: \"specification\" must be a map, not nothing",
                          "1:38: \"execution\" must be a map, not nothing"));
  EXPECT_THAT(
      FaultsOf(Trace(R"({"id": "a", "parents": "b"}, {"name": "c"}, 3)",
                     R"({"id": "a", "runtimeInSeconds": "2"})")),
      ElementsAre("3:24: \"parents\" must be a list, not \"b\"",
                  "3:30: a task has no \"id\"",
                  "3:45: \"tasks\" must be a list of maps, not \"3\"",
                  "6:33: \"runtimeInSeconds\" must be a number of seconds from "
                  "0 to 36000000, not \"2\""));
}

TEST(WfFormatTest, WrongEdgesAndRuntimes) {
  EXPECT_THAT(
      FaultsOf(Trace(R"({"id": "a", "parents": ["xyz"], "children": ["y"]},
{"id": "b"})",
                     R"({"id": "a", "runtimeInSeconds": -1},
{"id": "a", "runtimeInSeconds": 1})")),
      ElementsAre("3:25: task \"a\" depends on \"xyz\"; there is no such task",
                  "3:46: task \"a\" has the child \"y\"; there is no such task",
                  "4:8: task \"b\" has no runtimeInSeconds",
                  "7:33: \"runtimeInSeconds\" must be a number of seconds from "
                  "0 to 36000000, not \"-1\"",
                  "8:1: task \"a\" was executed twice"));
}

TEST(WfFormatTest, WhatIsNotCarriedOverIsNoted) {
  const LoadResult result =
      LoadText(Trace(R"({"id": "a", "inputFiles": []})",
                     R"({"id": "a", "runtimeInSeconds": 1, "avgCPU": 5})"),
               "f", Options());
  EXPECT_THAT(result.notes,
              ElementsAre("not carried over: workflow.execution.tasks.avgCPU, "
                          "workflow.specification.tasks.inputFiles"));
}

TEST(WfFormatTest, TheScaleIsChecked) {
  Options options;
  options.time_scale = -1;
  EXPECT_THAT(
      FaultsOf(Trace(R"({"id": "a"})", R"({"id": "a", "runtimeInSeconds": 1})"),
               options),
      ElementsAre(" the time scale must be a number of at least 0, not -1"));
}

}  // namespace
}  // namespace w2t::graphfile
