#include "proto/wire/snapshot_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"
#include "w2t/journal/v1/snapshot.pb.h"

namespace w2t::wire {
namespace {

using testing::EngineEnv;
using testing::GraphBuilder;

// The engine of `env`, there and back in bytes.
std::unique_ptr<Engine> ThereAndBack(const EngineEnv& env) {
  const Engine& engine = env.engine();
  auto back = std::make_unique<Engine>(engine.options());
  const absl::StatusOr<EngineData> data =
      DecodeEngine(EncodeEngine(engine.Data()));
  EXPECT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->now_us, engine.Data().now_us);
  EXPECT_TRUE(back->Restore(*data).ok());
  for (const RunNumber number : data->runs) {
    const Run& run = *engine.FindRun(number);
    absl::StatusOr<RunParts> parts = DecodeRun(EncodeRun(run));
    EXPECT_TRUE(parts.ok()) << parts.status();
    parts->spec.blueprint = run.spec().blueprint;
    parts->spec.definition = run.spec().definition;
    const absl::Status status =
        back->Restore(std::move(parts->spec), std::move(parts->data));
    EXPECT_TRUE(status.ok()) << status;
  }
  for (const RunNumber number : data->ended) {
    const Run* run = engine.FindRun(number);
    const absl::StatusOr<RunSummary> summary =
        DecodeEnded(EncodeEnded(run != nullptr ? Engine::SummaryOf(*run)
                                               : engine.archived().at(number)));
    EXPECT_TRUE(summary.ok()) << summary.status();
    EXPECT_TRUE(back->Restore(*summary).ok());
  }
  return back;
}

void ExpectSame(const EngineEnv& env) {
  EXPECT_EQ(ThereAndBack(env)->Hash(), env.engine().Hash());
}

TEST(SnapshotCodecTest, KeepsEveryStateOfTasksAndRuns) {
  EngineEnv env;
  ExpectSame(env);
  env.Hello("w1", {.slots = 3, .labels = {{"role", "db"}}});
  env.Hello("w2", {.resources = {{"gpus", 1'500}}});
  EXPECT_TRUE(env.DrainWorker("w2").ok());
  ExpectSame(env);
  env.Submit(GraphBuilder("g")
                 .Service("s")
                 .Probe()
                 .Task("a", {testing::Dep("s", Condition::kReady)})
                 .Task("b")
                 .Retry({.attempts = 3, .initial_backoff = absl::Seconds(5)})
                 .Task("c", {"b"})
                 .Task("d", {testing::Dep("b", Condition::kFailed)})
                 .Task("e"),
             {.request_id = "r", .hold = true});
  ExpectSame(env);
  env.Start("s");
  env.Ready("s");
  env.Fail("b", -3);
  ExpectSame(env);
  env.Advance(absl::Seconds(6));
  env.Succeed("a");
  env.Disconnect("w1");
  env.Advance(absl::Seconds(12));  // all attempts are lost
  ExpectSame(env);
  env.Hello("w3", {.slots = 5, .instance = "3"});
  env.Fail("b");
  env.Advance(absl::Seconds(20));
  EXPECT_TRUE(env.Cancel().ok());
  ExpectSame(env);
  env.Finish();
  EXPECT_TRUE(IsEnded(env.EndState()));
  ExpectSame(env);
}

TEST(SnapshotCodecTest, KeepsWhatOnlySomeTasksHave) {
  EngineEnv env;
  env.Hello("w1", {.slots = 2});
  env.Submit(GraphBuilder("g").Task("a").Task("b").Task("c", {"a"}));
  const LeaseRef lease = env.LeaseOf("a");
  ReportColumns reports;
  reports.leases.Add(lease);
  reports.state.push_back(TaskState::kSucceeded);
  reports.exit_code.push_back(0);
  reports.details.push_back({.message = "done \xc3\xa4",
                             .signal = 9,
                             .cpu_us = 1'000'000'000'000,
                             .max_rss_bytes = 5'000'000'000,
                             .output = std::string("\0\xff", 2)});
  env.Report("w1", reports);
  ExpectSame(env);
}

TEST(SnapshotCodecTest, KeepsRestartsAndWhatCountsForRetries) {
  EngineEnv env;
  env.Hello("w1", {.slots = 3});
  env.Submit(GraphBuilder("g")
                 .Service("db")
                 .Probe()
                 .Service("api", {testing::Followed("db")})
                 .Task("a")
                 .Retry({.attempts = 3, .window = absl::Seconds(60)})
                 .Task("b")
                 .Retry({.attempts = 3}),
             {.unique_name = true});
  env.Start("db");
  env.Ready("db");
  env.Start("api");
  env.Advance(absl::Seconds(3));
  env.Fail("a");
  env.Fail("b");
  EXPECT_TRUE(env.RestartTasks({"db", "b"}, "id").ok());
  ExpectSame(env);
  env.Stopped("api");
  ExpectSame(env);
  env.Stopped("db");
  ExpectSame(env);
}

TEST(SnapshotCodecTest, KeepsOnlyTheLatestEvents) {
  EngineOptions options;
  options.limits.max_run_events = 5;
  EngineEnv env(options);
  env.Hello("w1", {.slots = 9});
  env.Submit(GraphBuilder("g").Task("a").Task("b").Task("c").Task("d"));
  env.Advance(absl::Seconds(1));
  env.Start("a");
  env.Advance(absl::Seconds(1));
  env.Succeed("b");
  ExpectSame(env);
  const auto back = ThereAndBack(env);
  const w2t::Run& run = *back->runs().begin()->second;
  EXPECT_EQ(run.first_seq(), env.run().first_seq());
  EXPECT_GT(run.first_seq(), 1u);
}

TEST(SnapshotCodecTest, KeepsSummaries) {
  EngineEnv env;
  env.Hello("w1");
  env.Submit(GraphBuilder("g").Task("a"), {.request_id = "r", .hold = true});
  env.Advance(absl::Seconds(1));
  env.Fail("a", 4);
  const RunSummary before = Engine::SummaryOf(env.run());
  const RunSummary after = *DecodeEnded(EncodeEnded(before));
  EXPECT_EQ(after.number, before.number);
  EXPECT_EQ(after.run_id, "g-1");
  EXPECT_EQ(after.request_id, "r");
  EXPECT_EQ(after.name, "g");
  EXPECT_TRUE(after.hold);
  EXPECT_EQ(after.state, RunState::kFailed);
  EXPECT_EQ(after.exit_code, before.exit_code);
  EXPECT_EQ(after.create_us, before.create_us);
  EXPECT_EQ(after.end_us, before.end_us);
  EXPECT_GT(after.end_us, after.create_us);
  EXPECT_EQ(after.last_seq, before.last_seq);
  EXPECT_EQ(after.counts, before.counts);
  EXPECT_EQ(after.steps, 1u);
  EXPECT_EQ(after.content, before.content);
  EXPECT_EQ(after.hash, before.hash);
}

TEST(SnapshotCodecTest, KeepsNamesOfWorkers) {
  const NamedWorkers workers = {{{1}, "w1"}, {{7}, "w7"}};
  EXPECT_EQ(*DecodeWorkers(EncodeWorkers(workers)), workers);
}

TEST(SnapshotCodecTest, BytesThatAreNoPartAreALoss) {
  const std::string garbage = "\xff\xff\xff";
  EXPECT_TRUE(absl::IsDataLoss(DecodeEngine(garbage).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeWorkers(garbage).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeEnded(garbage).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeRun(garbage).status()));
}

TEST(SnapshotCodecTest, ColumnsThatDifferInLengthAreALoss) {
  journal::v1::RunState run;
  run.mutable_tasks()->set_state("\1\1");
  run.mutable_tasks()->add_attempt(1);
  EXPECT_TRUE(absl::IsDataLoss(DecodeRun(run.SerializeAsString()).status()));
  run.mutable_tasks()->clear_attempt();
  EXPECT_TRUE(DecodeRun(run.SerializeAsString()).ok());
  run.mutable_events()->add_time(1);
  EXPECT_TRUE(absl::IsDataLoss(DecodeRun(run.SerializeAsString()).status()));
  run.clear_events();
  run.add_details()->set_task(2);
  EXPECT_TRUE(absl::IsDataLoss(DecodeRun(run.SerializeAsString()).status()));
}

TEST(SnapshotCodecTest, WhatOnlyANewerVersionKnowsIsALoss) {
  journal::v1::RunState run;
  run.mutable_tasks()
      ->GetReflection()
      ->MutableUnknownFields(run.mutable_tasks())
      ->AddVarint(1000, 1);
  const absl::Status status = DecodeRun(run.SerializeAsString()).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(status.message(), "it is of a newer version");
}

}  // namespace
}  // namespace w2t::wire
