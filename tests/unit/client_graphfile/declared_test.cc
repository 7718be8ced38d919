// Which tasks a file comes to: profiles, replicas, matrices, targets.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Options WithProfiles(std::vector<std::string> profiles) {
  Options options;
  options.profiles = std::move(profiles);
  return options;
}

Options WithTargets(std::vector<std::string> targets) {
  Options options;
  options.targets = std::move(targets);
  return options;
}

// "b after a, c" for each task.
std::vector<std::string> Edges(const v1::Graph& graph) {
  std::vector<std::string> lines;
  for (const v1::Task& task : graph.tasks()) {
    std::string line = task.name();
    for (const v1::Dependency& dependency : task.depends_on()) {
      line += (line == task.name() ? " after " : ", ") + dependency.task();
    }
    lines.push_back(line);
  }
  return lines;
}

constexpr char kWithProfiles[] = R"(
services:
  db: db
  seed: {command: seed, profiles: [dev, test], depends_on: [db]}
  debug: {command: debug, profiles: dev}
tasks:
  t: {command: t, depends_on: {db: started, seed: {required: false}}}
)";

TEST(ProfilesTest, TasksOfOthersAreLeftOut) {
  EXPECT_THAT(Edges(GraphOf(kWithProfiles)), ElementsAre("db", "t after db"));
  EXPECT_THAT(Edges(GraphOf(kWithProfiles, WithProfiles({"test"}))),
              ElementsAre("db", "seed after db", "t after db, seed"));
  EXPECT_THAT(Edges(GraphOf(kWithProfiles, WithProfiles({"*"}))),
              ElementsAre("db", "seed after db", "debug", "t after db, seed"));
}

TEST(ProfilesTest, DependingOnWhatIsLeftOutIsAFaultThatSaysWhatToDo) {
  EXPECT_THAT(
      FaultsOf("tasks:\n  a: {command: a, profiles: [x, y]}\n  b: {command: b, "
               "depends_on: [a]}\n"),
      ElementsAre("3:32: \"b\" depends on \"a\", which is left out; it is "
                  "there with --profile x or y, or say \"required: false\""));
  EXPECT_THAT(FaultsOf("tasks: {a: {command: a, profiles: {b: c}}}"),
              ElementsAre("1:35: \"profiles\" must be a list, not a map"));
}

TEST(ProfilesTest, UnknownOnesAreNoted) {
  const LoadResult result =
      LoadText(kWithProfiles, "f", WithProfiles({"dev", "prod"}));
  EXPECT_THAT(result.notes, ElementsAre("no task has the profile \"prod\""));
}

TEST(TargetsTest, KeepWhatTheyNeedAndNothingElse) {
  constexpr char kText[] = R"(
services: {db: db, other: other}
tasks:
  m: {command: m, depends_on: [db]}
  x: {command: x, depends_on: [other]}
  y: {command: y, depends_on: [m]}
)";
  const v1::Graph graph = GraphOf(kText, WithTargets({"y"}));
  EXPECT_THAT(Edges(graph), ElementsAre("db", "m after db", "y after m"));
  EXPECT_EQ(graph.actions_size(), 3);
  EXPECT_EQ(
      graph.actions(static_cast<int>(graph.tasks(2).action())).exec().shell(),
      "y");
  EXPECT_THAT(Edges(GraphOf(kText, WithTargets({"other", "db"}))),
              ElementsAre("db", "other"));
  EXPECT_THAT(
      FaultsOf(kText, WithTargets({"othre", "q"})),
      ElementsAre(" there is no task \"othre\"; did you mean \"other\"?",
                  " there is no task \"q\""));
}

TEST(TargetsTest, MayBeGroupsAndMustBeThere) {
  constexpr char kText[] =
      "tasks:\n  a: {command: a, replicas: 2}\n  b: b\n"
      "  c: {command: c, profiles: z}";
  EXPECT_THAT(Edges(GraphOf(kText, WithTargets({"a"}))),
              ElementsAre("a-0", "a-1"));
  EXPECT_THAT(Edges(GraphOf(kText, WithTargets({"a-1"}))), ElementsAre("a-1"));
  EXPECT_THAT(FaultsOf(kText, WithTargets({"c"})),
              ElementsAre(" \"c\" is left out; it is there with --profile z"));
  EXPECT_THAT(
      Edges(GraphOf("processes: {p: {command: p, replicas: 2}, q: {command: "
                    "q}}",
                    WithTargets({"p"}))),
      ElementsAre("p-0", "p-1"));
}

TEST(ReplicasTest, AreTasksOfTheirOwnThatKnowTheirNumber) {
  const v1::Graph graph = GraphOf(R"(
services:
  api:
    replicas: 2
    command: ./api --port 80${REPLICA} $HOME
    ready: tcp:80${REPLICA}
    dir: /srv/${REPLICA}
    env: {ME: "api-${REPLICA}"}
)");
  EXPECT_THAT(Names(graph), ElementsAre("api-0", "api-1"));
  const v1::Action& action = graph.actions(1);
  EXPECT_EQ(action.exec().shell(), "./api --port 801 $HOME");
  EXPECT_EQ(action.ready().tcp(), "801");
  EXPECT_EQ(action.exec().dir(), "/srv/1");
  EXPECT_EQ(action.exec().env().at("ME"), "api-1");
  EXPECT_EQ(action.exec().env().at("W2T_REPLICA"), "1");
}

TEST(ReplicasTest, AreMeantAllByTheirName) {
  EXPECT_THAT(Edges(GraphOf(R"(
tasks:
  t: {command: t, depends_on: [api]}
  api: {command: x, replicas: 3, depends_on: ["db-${REPLICA}"]}
  db: {command: x, replicas: 3}
)")),
              ElementsAre("t after api-0, api-1, api-2", "api-0 after db-0",
                          "api-1 after db-1", "api-2 after db-2", "db-0",
                          "db-1", "db-2"));
}

TEST(ReplicasTest, AreBounded) {
  Options options;
  options.limits.max_tasks = 10;
  EXPECT_THAT(
      FaultsOf("tasks: {a: {command: x, replicas: 11}}", options),
      ElementsAre("1:35: \"replicas\" makes more than 10 tasks of one; the "
                  "limit max_tasks is 10"));
  EXPECT_THAT(FaultsOf("tasks:\n  a: {command: x, replicas: 6}\n  b: "
                       "{command: x, replicas: 6}",
                       options),
              ElementsAre("3:3: the replicas come to 12 tasks; the limit "
                          "max_tasks is 10"));
  options.limits.max_edges = 20;
  EXPECT_THAT(FaultsOf("tasks:\n  a: {command: x, replicas: 5}\n  b: "
                       "{command: x, replicas: 5, depends_on: a}",
                       options),
              ElementsAre("3:3: the graph has more than 20 dependencies; the "
                          "limit max_edges is 20"));
  EXPECT_THAT(FaultsOf("tasks: {a: {command: x, replicas: 0}}"),
              ElementsAre("1:35: \"replicas\" must be a whole number of at "
                          "least 1, not \"0\""));
}

TEST(ReplicasTest, MayBeReadOnlySoOften) {
  std::string text =
      "tasks:\n  a:\n    command: x\n    replicas: 1000000\n"
      "    env:\n";
  for (int i = 0; i < 40; ++i) text += fmt::format("      K{}: v\n", i);
  EXPECT_THAT(FaultsOf(text),
              ElementsAre("2:3: \"a\" comes to more than 64000000 values with "
                          "all its replicas; the limit max_nodes is 64000000"));
}

TEST(MatrixTest, IsTheProductOfItsValues) {
  const v1::Graph graph = GraphOf(R"(
tasks:
  train:
    matrix: {lr: [0.1, "a/b"], seed: [1, 2]}
    command: [train, "${lr}", "${seed}"]
  report: {command: r, depends_on: [train]}
)");
  EXPECT_THAT(
      Edges(graph),
      ElementsAre("train-0.1-1", "train-0.1-2", "train-a_b-1", "train-a_b-2",
                  "report after train-0.1-1, train-0.1-2, train-a_b-1, "
                  "train-a_b-2"));
  EXPECT_THAT(graph.actions(2).exec().argv(), ElementsAre("train", "a/b", "1"));
  EXPECT_THAT(graph.actions(2).exec().env(), IsEmpty());
  EXPECT_THAT(Names(GraphOf("tasks: {a: {command: x, replicas: 2, matrix: {k: "
                            "[p, q]}}}")),
              ElementsAre("a-p-0", "a-p-1", "a-q-0", "a-q-1"));
}

TEST(MatrixTest, NeedsNamesAndValues) {
  EXPECT_THAT(
      FaultsOf("tasks: {a: {command: x, matrix: {REPLICA: [1], b: [], c: 1, "
               "d-e: [1]}}}"),
      ElementsAre(
          "1:34: \"REPLICA\" cannot name a variable of a matrix",
          "1:51: \"b\" must be a list of at least one value, not a list",
          "1:58: \"c\" must be a list, not \"1\"",
          "1:61: \"d-e\" cannot name a variable of a matrix"));
}

TEST(QuorumTest, IsSoManyOfTheReplicas) {
  const v1::Graph graph = GraphOf(R"(
services:
  api: {command: x, replicas: 12, ready: "exec:true"}
  one: {command: x, ready: "exec:true"}
  a: {command: x, depends_on: {api: {ready: 75%}, one: started}}
  b: {command: x, depends_on: {api: {ready: 3}, one: {ready: 1}}}
  c: {command: x, depends_on: {api: {ready: 99%}}}
  d: {command: x, depends_on: {api: {ready: 100%}}}
)");
  const v1::Task& a = graph.tasks(13);
  ASSERT_EQ(a.depends_on_size(), 13);
  EXPECT_THAT(a.quorums(), ElementsAre(9));
  EXPECT_EQ(a.depends_on(0).task(), "api-0");
  EXPECT_EQ(a.depends_on(0).condition(), v1::CONDITION_READY);
  EXPECT_EQ(a.depends_on(11).quorum(), 1u);
  EXPECT_EQ(a.depends_on(12).quorum(), 0u);
  EXPECT_THAT(graph.tasks(14).quorums(), ElementsAre(3));
  EXPECT_THAT(graph.tasks(15).quorums(), IsEmpty());
  EXPECT_THAT(graph.tasks(16).quorums(), IsEmpty());
}

TEST(QuorumTest, AsksForNoMoreThanThereIs) {
  EXPECT_THAT(
      FaultsOf("services:\n"
               "  api: {command: x, replicas: 2, ready: 'exec:x'}\n"
               "  b: {command: x, depends_on: {api: {ready: 3}}}\n"
               "  c: {command: x, depends_on: {api: {ready: 0%}}}\n"
               "  d: {command: x, depends_on: {api: {ready: 1, condition: "
               "started}}}\n"),
      ElementsAre("3:32: \"b\" waits for 3 of \"api\", of which there are 2",
                  "4:45: \"ready\" must be a number of replicas or a part of "
                  "them such as 75%, not \"0%\"",
                  "5:37: \"ready\" and another condition exclude each other"));
}

}  // namespace
}  // namespace w2t::graphfile
