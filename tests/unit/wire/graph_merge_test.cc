#include "proto/wire/graph_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/task_difference.h"
#include "tests/unit/wire/text_proto.h"

namespace w2t::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "~ api command env", "+ new", "- old", "^ lb depends_on", "> web api".
std::vector<std::string> Told(const GraphMerge& merge) {
  std::vector<std::string> told;
  for (const v1::TaskChange& change : merge.changes) {
    std::string line =
        fmt::format("{} {}", "?+-~^!>"[change.kind()], change.task());
    for (const std::string& field : change.fields()) line += " " + field;
    if (!change.follows().empty()) line += " " + change.follows();
    told.push_back(std::move(line));
  }
  return told;
}

// db <- api (restart) <- web (restart), and cron by itself.
v1::Graph Shop() {
  return FromText<v1::Graph>(R"pb(
    name: "shop"
    actions { exec { shell: "db" } }
    actions { exec { shell: "api" } }
    actions { exec { shell: "web" } }
    tasks { name: "db" kind: TASK_KIND_SERVICE }
    tasks {
      name: "api"
      kind: TASK_KIND_SERVICE
      action: 1
      depends_on { task: "db" restart: true }
    }
    tasks {
      name: "web"
      kind: TASK_KIND_SERVICE
      action: 2
      depends_on { task: "api" restart: true }
    }
    tasks { name: "cron" action: 2 }
  )pb");
}

v1::ExecAction& ExecOf(v1::Graph& graph, int task) {
  return *graph.mutable_actions(static_cast<int>(graph.tasks(task).action()))
              ->mutable_exec();
}

TEST(GraphMergeTest, TheSameGraphIsNoChange) {
  const GraphMerge merge = MergeGraphs(Shop(), Shop());
  EXPECT_THAT(Told(merge), IsEmpty());
  EXPECT_THAT(merge.changed, IsEmpty());
  EXPECT_EQ(merge.graph.SerializeAsString(), Shop().SerializeAsString());
}

TEST(GraphMergeTest, WhatIsSaidInAnotherOrderIsNoChange) {
  v1::Graph running = Shop();
  running.mutable_tasks(3)->add_depends_on()->set_task("db");
  running.mutable_tasks(3)->add_depends_on()->set_task("api");
  v1::Graph wanted = running;
  wanted.mutable_tasks(3)->mutable_depends_on()->SwapElements(0, 1);
  wanted.mutable_tasks()->SwapElements(0, 3);
  wanted.mutable_actions()->SwapElements(0, 1);
  wanted.mutable_tasks(3)->set_action(1);
  wanted.mutable_tasks(1)->set_action(0);
  wanted.mutable_tasks(0)->set_kind(v1::TASK_KIND_TASK);
  EXPECT_THAT(Told(MergeGraphs(running, wanted)), IsEmpty());
}

TEST(GraphMergeTest, AChangedCommandIsNamedAndDoneByANewAction) {
  v1::Graph wanted = Shop();
  ExecOf(wanted, 1).set_shell("api --fast");
  (*ExecOf(wanted, 1).mutable_env())["A"] = "1";
  const GraphMerge merge = MergeGraphs(Shop(), wanted);
  EXPECT_THAT(Told(merge), ElementsAre("~ api command env"));
  EXPECT_THAT(merge.changed, ElementsAre(1));
  // Workers know the old action by its number, so the new one has another.
  EXPECT_EQ(merge.graph.tasks(1).action(), 3u);
  EXPECT_EQ(merge.graph.actions(1).exec().shell(), "api");
  EXPECT_EQ(merge.graph.actions(3).exec().shell(), "api --fast");
  // And back again needs no further one.
  const GraphMerge back = MergeGraphs(merge.graph, Shop());
  EXPECT_THAT(Told(back), ElementsAre("~ api command env"));
  EXPECT_EQ(back.graph.actions_size(), 4);
  EXPECT_EQ(back.graph.tasks(1).action(), 1u);
}

TEST(GraphMergeTest, ATaskOfASharedActionChangesAlone) {
  v1::Graph wanted = Shop();
  wanted.add_actions()->mutable_exec()->set_shell("cron");
  wanted.mutable_tasks(3)->set_action(3);
  EXPECT_THAT(Told(MergeGraphs(Shop(), wanted)), ElementsAre("~ cron command"));
}

TEST(GraphMergeTest, WhatOnlySaysWhenATaskMayStartRestartsNothing) {
  v1::Graph wanted = Shop();
  wanted.mutable_tasks(1)->set_priority(7);
  wanted.mutable_tasks(1)->mutable_retry()->set_attempts(3);
  wanted.mutable_tasks(2)->clear_depends_on();
  const GraphMerge merge = MergeGraphs(Shop(), wanted);
  EXPECT_THAT(Told(merge),
              ElementsAre("^ api retry priority", "^ web depends_on"));
  EXPECT_THAT(merge.changed, IsEmpty());
  EXPECT_EQ(merge.graph.tasks(1).priority(), 7);
  EXPECT_EQ(merge.graph.tasks(2).depends_on_size(), 0);
}

TEST(GraphMergeTest, WhatFollowsIsToldInItsPlace) {
  v1::Graph wanted = Shop();
  ExecOf(wanted, 0).set_dir("/");
  wanted.mutable_tasks(1)->set_priority(7);
  wanted.add_tasks()->set_name("new");
  GraphMerge merge = MergeGraphs(Shop(), wanted);
  AddFollowers({{1, 0}, {2, 1}}, &merge);
  EXPECT_THAT(Told(merge), ElementsAre("~ db dir", "> api priority db",
                                       "> web api", "+ new"));
  EXPECT_THAT(merge.positions, ElementsAre(0, 1, 2, 4));
}

TEST(GraphMergeTest, ARemovedTaskKeepsItsPositionAndWaitsForNothing) {
  v1::Graph wanted = Shop();
  wanted.mutable_tasks()->DeleteSubrange(1, 1);
  wanted.mutable_tasks(1)->clear_depends_on();
  const GraphMerge merge = MergeGraphs(Shop(), wanted);
  EXPECT_THAT(Told(merge), ElementsAre("- api", "^ web depends_on"));
  EXPECT_THAT(merge.changed, IsEmpty());
  EXPECT_THAT(merge.removed, ElementsAre(1));
  EXPECT_EQ(merge.graph.tasks(1).name(), "api");
  EXPECT_TRUE(merge.graph.tasks(1).removed());
  EXPECT_EQ(merge.graph.tasks(1).depends_on_size(), 0);
  // It stays so, and is no change again.
  EXPECT_THAT(Told(MergeGraphs(merge.graph, wanted)), IsEmpty());
  // It comes back to its place.
  const GraphMerge back = MergeGraphs(merge.graph, Shop());
  EXPECT_THAT(Told(back), ElementsAre("+ api", "^ web depends_on"));
  EXPECT_EQ(back.graph.tasks_size(), 4);
  EXPECT_FALSE(back.graph.tasks(1).removed());
  EXPECT_EQ(back.graph.tasks(1).depends_on(0).task(), "db");
}

TEST(GraphMergeTest, ANewTaskComesLast) {
  v1::Graph wanted = Shop();
  *wanted.add_tasks() = wanted.tasks(1);
  wanted.mutable_tasks(4)->set_name("api-2");
  wanted.mutable_tasks()->SwapElements(0, 4);
  const GraphMerge merge = MergeGraphs(Shop(), wanted);
  EXPECT_THAT(Told(merge), ElementsAre("+ api-2"));
  EXPECT_EQ(merge.graph.tasks(0).name(), "db");
  EXPECT_EQ(merge.graph.tasks(4).name(), "api-2");
}

TEST(GraphMergeTest, OnlyTheNamedTasksAreTaken) {
  v1::Graph wanted = Shop();
  ExecOf(wanted, 0).set_shell("db --new");
  ExecOf(wanted, 1).set_shell("api --new");
  wanted.mutable_tasks()->DeleteSubrange(3, 1);
  *wanted.add_tasks() = wanted.tasks(1);
  wanted.mutable_tasks(3)->set_name("api-2");
  const absl::flat_hash_set<std::string> first = {"api"};
  const GraphMerge one = MergeGraphs(Shop(), wanted, &first);
  EXPECT_THAT(Told(one), ElementsAre("~ api command"));
  const absl::flat_hash_set<std::string> second = {"db", "cron", "api-2"};
  const GraphMerge two = MergeGraphs(one.graph, wanted, &second);
  EXPECT_THAT(Told(two), ElementsAre("~ db command", "- cron", "+ api-2"));
  EXPECT_THAT(Told(MergeGraphs(two.graph, wanted)), IsEmpty());
}

TEST(GraphMergeTest, WhatAFailureMeansIsTakenUnlessOnlySomeTasksAre) {
  v1::Graph wanted = Shop();
  wanted.set_on_failure(v1::ON_FAILURE_CANCEL);
  const GraphMerge merge = MergeGraphs(Shop(), wanted);
  EXPECT_TRUE(merge.on_failure);
  EXPECT_EQ(merge.graph.on_failure(), v1::ON_FAILURE_CANCEL);
  EXPECT_THAT(Told(merge), IsEmpty());
  const absl::flat_hash_set<std::string> some = {"api"};
  const GraphMerge part = MergeGraphs(Shop(), wanted, &some);
  EXPECT_FALSE(part.on_failure);
  EXPECT_EQ(part.graph.on_failure(), Shop().on_failure());
}

TEST(GraphMergeTest, AnIndexThatIsNoneStaysOne) {
  v1::Graph wanted = Shop();
  wanted.mutable_tasks(0)->set_action(77);
  EXPECT_EQ(DecodeGraph(MergeGraphs(Shop(), wanted).graph, Limits()).blueprint,
            nullptr);
}

v1::Graph RandomGraph(std::mt19937& random) {
  const auto below = [&random](int n) {
    return std::uniform_int_distribution<int>(0, n - 1)(random);
  };
  v1::Graph graph;
  graph.set_name("random");
  for (int i = 0; i < 4; ++i) {
    graph.add_actions()->mutable_exec()->set_shell(
        fmt::format("act {}", below(6)));
  }
  for (int i = 0; i < 12; ++i) {
    if (below(3) == 0) continue;
    v1::Task& task = *graph.add_tasks();
    task.set_name(fmt::format("t{}", i));
    task.set_action(below(4));
    task.set_kind(below(2) == 0 ? v1::TASK_KIND_TASK : v1::TASK_KIND_SERVICE);
    if (below(4) == 0) task.set_priority(below(3));
    for (int j = 0; j + 1 < graph.tasks_size(); ++j) {
      if (below(4) != 0) continue;
      v1::Dependency& edge = *task.add_depends_on();
      edge.set_task(graph.tasks(j).name());
      edge.set_restart(below(2) == 0);
    }
  }
  return graph;
}

// What each task that is there says, with its action written out.
std::map<std::string, std::string> Definitions(const v1::Graph& graph) {
  std::map<std::string, std::string> definitions;
  for (int i = 0; i < graph.tasks_size(); ++i) {
    if (graph.tasks(i).removed()) continue;
    v1::Task task = graph.tasks(i);
    task.clear_action();
    definitions[task.name()] =
        task.DebugString() + DefinitionAt(graph, i).action->DebugString();
  }
  return definitions;
}

// Through a chain of random graphs, whole or in two parts.
TEST(GraphMergeTest, TheMergeOfAnyTwoGraphsSaysWhatTheSecondSays) {
  std::mt19937 random(7);
  v1::Graph running = RandomGraph(random);
  for (int i = 0; i < 2'000; ++i) {
    const v1::Graph wanted = RandomGraph(random);
    const GraphMerge merge = MergeGraphs(running, wanted);
    ASSERT_EQ(Definitions(merge.graph), Definitions(wanted)) << i;
    ASSERT_GE(merge.graph.tasks_size(), running.tasks_size());
    for (int place = 0; place < running.tasks_size(); ++place) {
      ASSERT_EQ(merge.graph.tasks(place).name(), running.tasks(place).name());
    }
    ASSERT_NE(DecodeGraph(merge.graph, Limits(), GraphUse::kRevision).blueprint,
              nullptr)
        << i;
    ASSERT_THAT(Told(MergeGraphs(merge.graph, wanted)), IsEmpty()) << i;
    running = merge.graph;
  }
  EXPECT_LE(running.tasks_size(), 12);
  EXPECT_LE(running.actions_size(), 8);
}

}  // namespace
}  // namespace w2t::wire
