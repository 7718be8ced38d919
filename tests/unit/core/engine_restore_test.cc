// Engines taken apart and put together; that it changes nothing is checked by
// EngineEnv after every step of every test.
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

TEST(EngineRestoreTest, ASnapshotKeepsOnlyASummaryOfWhatHasEnded) {
  EngineEnv env;
  env.Hello("w1", {.slots = 2});
  const std::string ended = env.Submit(GraphBuilder("one").Task("a"));
  env.Fail("a", 7);
  const std::string live = env.Submit(GraphBuilder("two").Task("b"));
  env.Start("b");
  env.Snapshot();
  EXPECT_EQ(env.FindRun(ended), nullptr);
  EXPECT_NE(env.FindRun(live), nullptr);
  const RunNumber number = env.engine().FindId(ended);
  ASSERT_TRUE(env.engine().archived().contains(number));
  const RunSummary& summary = env.engine().archived().at(number);
  EXPECT_EQ(summary.name, "one");
  EXPECT_EQ(summary.state, RunState::kFailed);
  EXPECT_EQ(summary.counts[static_cast<int>(TaskState::kFailed)], 1u);
  env.Restart();
  EXPECT_TRUE(env.engine().archived().contains(number));
  env.Reattach("w1");
  env.Succeed("b");
  EXPECT_EQ(env.EndState(), RunState::kSucceeded);
}

TEST(EngineRestoreTest, AnArchivedRunStillAnswersItsRequestId) {
  EngineEnv env;
  env.Hello("w1");
  GraphBuilder graph = GraphBuilder("one").Task("a");
  const std::string first = env.Submit(graph, {.request_id = "r"});
  env.Succeed("a");
  env.Snapshot();
  const SubmitReply again = env.TrySubmit(graph, {.request_id = "r"});
  EXPECT_TRUE(again.status.ok()) << again.status;
  EXPECT_TRUE(again.existing);
  EXPECT_EQ(again.run_id, first);
  const SubmitReply held =
      env.TrySubmit(graph, {.request_id = "r", .hold = true});
  EXPECT_TRUE(absl::IsAlreadyExists(held.status)) << held.status;
  const SubmitReply other =
      env.TrySubmit(GraphBuilder("one").Task("b"), {.request_id = "r"});
  EXPECT_TRUE(absl::IsAlreadyExists(other.status)) << other.status;
}

TEST(EngineRestoreTest, ArchivedRunsAreForgottenInTheirTurn) {
  EngineOptions options;
  options.limits.max_runs = 3;
  EngineEnv env(options);
  env.Hello("w1");
  const auto run = [&](const std::string& name) {
    const std::string id = env.Submit(GraphBuilder(name).Task("a"));
    env.Succeed("a");
    return id;
  };
  const std::string first = run("one");
  const std::string second = run("two");
  env.Snapshot();
  const std::string third = run("three");
  EXPECT_TRUE(env.Cancel(first).ok());  // it has ended: nothing to do
  run("four");
  EXPECT_FALSE(env.engine().FindId(first));
  ASSERT_EQ(env.forgotten().size(), 1u);
  EXPECT_EQ(env.forgotten()[0].run_id, first);
  EXPECT_TRUE(absl::IsNotFound(env.Cancel(first)));
  run("five");
  run("six");
  EXPECT_FALSE(env.engine().FindId(second));
  EXPECT_FALSE(env.engine().FindId(third));
  EXPECT_EQ(env.engine().runs().size(), 3u);
}

TEST(EngineRetentionTest, ARunIsForgottenSomeTimeAfterItsEnd) {
  EngineOptions options;
  options.retention = absl::Hours(2);
  EngineEnv env(options);
  env.Hello("w1", {.slots = 2});
  const std::string first = env.Submit(GraphBuilder("one").Task("a"));
  const std::string live = env.Submit(GraphBuilder("two").Task("b"));
  env.Use(first);
  env.Succeed("a");
  env.Advance(absl::Hours(1));
  const std::string second = env.Submit(GraphBuilder("three").Task("c"));
  env.Succeed("c");
  EXPECT_EQ(env.FindRun(first)->create_us(),
            absl::ToUnixMicros(env.now() - absl::Hours(1)));
  env.Advance(absl::Hours(1));
  EXPECT_FALSE(env.engine().FindId(first));
  EXPECT_TRUE(env.engine().FindId(second));
  EXPECT_TRUE(env.engine().FindId(live));
  ASSERT_EQ(env.forgotten().size(), 1u);
  EXPECT_EQ(env.forgotten()[0].run_id, first);
  env.Advance(absl::Hours(5));
  EXPECT_FALSE(env.engine().FindId(second));
  EXPECT_TRUE(env.engine().FindId(live)) << "it has not ended";
}

TEST(EngineRetentionTest, TimeGoesOnForArchivedRunsAndAcrossRestarts) {
  EngineOptions options;
  options.retention = absl::Hours(2);
  EngineEnv env(options);
  env.Hello("w1");
  const std::string id = env.Submit(GraphBuilder("one").Task("a"));
  env.Succeed("a");
  env.Snapshot();
  env.Advance(absl::Hours(1));
  env.Restart();
  env.Advance(absl::Minutes(59));
  EXPECT_TRUE(env.engine().FindId(id));
  env.Advance(absl::Minutes(1));
  EXPECT_FALSE(env.engine().FindId(id));
}

TEST(EngineRetentionTest, ForEverIsLongEnough) {
  EngineOptions options;
  options.retention = absl::InfiniteDuration();
  EngineEnv env(options);
  env.Hello("w1");
  const std::string id = env.Submit(GraphBuilder("one").Task("a"));
  env.Succeed("a");
  EXPECT_TRUE(env.engine().NextWakeup() < absl::InfiniteFuture());  // a ping
  env.Kill("w1");
  env.Advance(absl::Hours(1'000'000));
  EXPECT_TRUE(env.engine().FindId(id));
}

TEST(EngineRestoreTest, WhatDoesNotFitIsRefused) {
  EngineEnv env;
  env.Hello("w1");
  env.Submit(GraphBuilder("one").Task("a").Task("b", {"a"}));
  const EngineData data = env.engine().Data();
  const w2t::Run& run = env.run();
  const auto restore = [&](const EngineData& engine_data, RunData run_data) {
    Engine engine({});
    absl::Status status = engine.Restore(engine_data);
    if (status.ok()) {
      status = engine.Restore(run.spec(), std::move(run_data));
    }
    return status;
  };
  EXPECT_TRUE(restore(data, run.data()).ok());

  RunData short_data = run.data();
  short_data.tasks.pop_back();
  EXPECT_TRUE(absl::IsInternal(restore(data, short_data)));
  RunData wrong_event = run.data();
  wrong_event.events.back().task = 2;
  EXPECT_TRUE(absl::IsInternal(restore(data, wrong_event)));
  RunData wrong_edges = run.data();
  wrong_edges.tasks[1].satisfied = 2;
  EXPECT_TRUE(absl::IsInternal(restore(data, wrong_edges)));
  RunData ended = run.data();
  ended.state = RunState::kFailed;
  EXPECT_TRUE(absl::IsInternal(restore(data, ended)));
  RunData wrong_worker = run.data();
  wrong_worker.tasks[0].worker = {9};
  EXPECT_TRUE(absl::IsInternal(restore(data, wrong_worker)));
  EngineData no_room = data;
  no_room.workers[0].spec.resources[0].milli = 1;
  EXPECT_TRUE(absl::IsInternal(restore(no_room, run.data())));
  EngineData twice = data;
  twice.workers.push_back(data.workers[0]);
  EXPECT_TRUE(absl::IsInternal(restore(twice, run.data())));
}

}  // namespace
}  // namespace w2t::testing
