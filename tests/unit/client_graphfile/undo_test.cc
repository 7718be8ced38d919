// `on_failure`, and `undo`: tasks that undo others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "load.h"

namespace w2t::graphfile {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> NamesIn(const v1::Graph& graph) {
  std::vector<std::string> names;
  for (const v1::Task& task : graph.tasks()) names.push_back(task.name());
  return names;
}

TEST(UndoTest, OnFailureIsOneOfThree) {
  EXPECT_EQ(GraphOf("on_failure: undo\ntasks: {a: x}").on_failure(),
            v1::ON_FAILURE_UNDO);
  EXPECT_EQ(GraphOf("on_failure: cancel\ntasks: {a: x}").on_failure(),
            v1::ON_FAILURE_CANCEL);
  EXPECT_EQ(GraphOf("on_failure: continue\ntasks: {a: x}").on_failure(),
            v1::ON_FAILURE_CONTINUE);
  EXPECT_THAT(FaultsOf("on_failure: rollback\ntasks: {a: x}"),
              ElementsAre("1:13: \"on_failure\" must be continue, cancel or "
                          "undo, not \"rollback\""));
}

TEST(UndoTest, UndoIsATaskInTheSamePlaceWithTheSameEnvironment) {
  const v1::Graph graph = GraphOf(
      "tasks:\n"
      "  up: {command: ./up, undo: ./down, dir: /srv, env: {A: b},\n"
      "       host: {role: db}}\n");
  ASSERT_THAT(NamesIn(graph), ElementsAre("up", "up.undo"));
  const v1::Task& undo = graph.tasks(1);
  EXPECT_EQ(undo.undo_of(), "up");
  EXPECT_EQ(undo.host().labels().at("role"), "db");
  const v1::ExecAction& exec = graph.actions(undo.action()).exec();
  EXPECT_EQ(exec.shell(), "./down");
  EXPECT_EQ(exec.dir(), "/srv");
  EXPECT_EQ(exec.env().at("A"), "b");
}

TEST(UndoTest, UndoThatIsNeverUsedIsNoted) {
  const std::string tasks = "tasks: {a: {command: x, undo: y}}";
  EXPECT_THAT(LoadText(tasks, "f", {}).notes,
              ElementsAre("\"undo\" of a is not used: the file does not say "
                          "\"on_failure: undo\""));
  EXPECT_THAT(LoadText("on_failure: undo\n" + tasks, "f", {}).notes,
              ElementsAre());
}

TEST(UndoTest, UndoMaySayMore) {
  const v1::Graph graph = GraphOf(
      "tasks:\n"
      "  up:\n"
      "    command: ./up\n"
      "    env: {A: b, C: d}\n"
      "    host: w1\n"
      "    undo: {command: [./down, now], timeout: 5s, retry: 3, env: {A: z},\n"
      "           dir: /tmp, host: w2}\n");
  const v1::Task& undo = graph.tasks(1);
  EXPECT_EQ(undo.retry().attempts(), 3u);
  EXPECT_EQ(undo.host().worker(), "w2");
  const v1::Action& action = graph.actions(undo.action());
  EXPECT_EQ(action.timeout().seconds(), 5);
  EXPECT_THAT(action.exec().argv(), ElementsAre("./down", "now"));
  EXPECT_EQ(action.exec().env().at("A"), "z");
  EXPECT_EQ(action.exec().env().at("C"), "d");
  EXPECT_EQ(action.exec().dir(), "/tmp");
}

TEST(UndoTest, EachReplicaHasItsOwnAfterAllTasks) {
  const v1::Graph graph = GraphOf(
      "tasks:\n"
      "  up: {command: 'up ${REPLICA}', undo: 'down ${REPLICA}', replicas: 2}\n"
      "  end: {command: x, depends_on: [up]}\n");
  EXPECT_THAT(NamesIn(graph),
              ElementsAre("up-0", "up-1", "end", "up-0.undo", "up-1.undo"));
  EXPECT_EQ(graph.actions(graph.tasks(4).action()).exec().shell(), "down 1");
  EXPECT_EQ(graph.tasks(2).depends_on_size(), 2);
}

TEST(UndoTest, ATargetBringsWhatUndoesIt) {
  Options options;
  options.targets = {"up"};
  EXPECT_THAT(NamesIn(GraphOf("on_failure: undo\n"
                              "tasks:\n"
                              "  up: {command: x, undo: y}\n"
                              "  other: {command: x, undo: y}\n",
                              options)),
              ElementsAre("up", "up.undo"));
}

TEST(UndoTest, FaultsStandWhereTheFileSaysSo) {
  EXPECT_THAT(
      FaultsOf("tasks:\n"
               "  a: {command: x, undo: {timeout: 5s}}\n"
               "  b: {command: x, undo: {comand: y}}\n"
               "  c: {command: x, undo: {command: y, timeout: 9000h}}\n"
               "  d: {command: x, undo: ''}\n"),
      ElementsAre("2:19: \"undo\" has no command",
                  "3:26: unknown key \"comand\"; did you mean \"command\"?",
                  "4:47: \"timeout\": 9000h is more than 8760h",
                  "5:25: \"undo\" must not be empty"));
}

}  // namespace
}  // namespace w2t::graphfile
