#include "client/cli/run_view.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client_cli/watch_items.h"

namespace w2t::cli {
namespace {

using ::testing::ElementsAre;

TEST(RunView, FirstSnapshotIsTheChangeFromWaiting) {
  RunView view;
  const auto changes = view.Apply(Snapshot(
      {"a", "b", "c"}, {v1::TASK_STATE_SUCCEEDED, v1::TASK_STATE_RUNNING}));
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].after, v1::TASK_STATE_SUCCEEDED);
  EXPECT_TRUE(changes[0].from_snapshot);
  EXPECT_EQ(changes[1].task, 1u);
  EXPECT_TRUE(view.complete());
  EXPECT_EQ(view.done(), 1u);
  EXPECT_EQ(view.count(v1::TASK_STATE_WAITING), 1u);
  EXPECT_THAT(view.active(), ElementsAre(1));
}

TEST(RunView, ASnapshotTellsHowATaskEnded) {
  RunView view;
  v1::WatchRunResponse response = Snapshot(
      {"a", "b", "c"}, {v1::TASK_STATE_SUCCEEDED, v1::TASK_STATE_FAILED,
                        v1::TASK_STATE_RUNNING});
  v1::SnapshotDetail* detail = response.mutable_snapshot()->add_details();
  detail->set_position(1);
  detail->set_exit_code(3);
  detail->set_message("exit code 3");
  detail = response.mutable_snapshot()->add_details();
  detail->set_position(2);
  detail->set_worker("w1");
  const auto changes = view.Apply(response);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].message, "");
  EXPECT_EQ(changes[1].exit_code, 3);
  EXPECT_EQ(changes[1].message, "exit code 3");
  EXPECT_EQ(changes[2].worker, "w1");
}

TEST(RunView, SnapshotComesInParts) {
  RunView view;
  v1::WatchRunResponse first = Snapshot({"a", "b"});
  first.mutable_snapshot()->set_last(false);
  view.Apply(first);
  EXPECT_FALSE(view.complete());
  v1::WatchRunResponse second = Snapshot({"c"});
  second.mutable_snapshot()->clear_run();
  second.mutable_snapshot()->set_first_task(2);
  view.Apply(second);
  EXPECT_TRUE(view.complete());
  ASSERT_EQ(view.tasks().size(), 3u);
  EXPECT_EQ(view.tasks()[2].name, "c");
  EXPECT_EQ(view.run().run_id(), "shop-7");
}

TEST(RunView, EventsTellHowLongAnAttemptLasted) {
  RunView view;
  view.Apply(Snapshot({"a"}));
  const auto changes = view.Apply(
      Events({{.task = 0, .state = v1::TASK_STATE_LEASED, .at_ms = 1000},
              {.task = 0,
               .state = v1::TASK_STATE_RUNNING,
               .at_ms = 1010,
               .worker = "w1"},
              {.task = 0,
               .state = v1::TASK_STATE_FAILED,
               .at_ms = 1220,
               .exit_code = 3,
               .message = "no such table"}}));
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[1].worker, "w1");
  EXPECT_EQ(changes[2].elapsed, absl::Milliseconds(210));
  EXPECT_EQ(changes[2].exit_code, 3);
  EXPECT_EQ(changes[2].message, "no such table");
  EXPECT_EQ(view.latest(), absl::FromUnixMillis(1220));
  EXPECT_TRUE(view.active().empty());
}

TEST(RunView, LaterSnapshotTellsWhatWasMissed) {
  RunView view;
  view.Apply(Snapshot({"a", "b"}, {v1::TASK_STATE_RUNNING}));
  const auto changes = view.Apply(
      Snapshot({"a", "b"}, {v1::TASK_STATE_SUCCEEDED, v1::TASK_STATE_RUNNING}));
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].before, v1::TASK_STATE_RUNNING);
  EXPECT_EQ(changes[0].after, v1::TASK_STATE_SUCCEEDED);
  EXPECT_THAT(view.active(), ElementsAre(1));
  EXPECT_EQ(view.done(), 1u);
}

TEST(RunView, RunItselfChangesState) {
  RunView view;
  view.Apply(Snapshot({"a"}));
  v1::WatchRunResponse item = Events({{.task = UINT32_MAX}});
  item.mutable_events()->set_run_state(v1::RUN_STATE_STOPPING);
  EXPECT_TRUE(view.Apply(item).empty());
  EXPECT_EQ(view.state(), v1::RUN_STATE_STOPPING);
  EXPECT_FALSE(view.ended());
  v1::WatchRunResponse end;
  end.mutable_ended()->set_state(v1::RUN_STATE_CANCELLED);
  view.Apply(end);
  EXPECT_TRUE(view.ended());
  EXPECT_EQ(view.state(), v1::RUN_STATE_CANCELLED);
}

TEST(RunView, SurvivesColumnsThatDoNotFit) {
  RunView view;
  view.Apply(Snapshot({"a"}));
  v1::WatchRunResponse ragged = Events({{.task = 0}});
  ragged.mutable_events()->clear_state();
  ragged.mutable_events()->clear_time_us();
  EXPECT_TRUE(view.Apply(ragged).empty());
  EXPECT_TRUE(
      view.Apply(Events({{.task = 17, .state = v1::TASK_STATE_RUNNING}}))
          .empty());
  EXPECT_TRUE(
      view.Apply(Events({{.task = 0, .state = static_cast<v1::TaskState>(99)}}))
          .empty());
  v1::WatchRunResponse nameless = Snapshot({"a", "b"});
  nameless.mutable_snapshot()->clear_states();
  nameless.mutable_snapshot()->clear_services();
  view.Apply(nameless);
  EXPECT_EQ(view.tasks().size(), 2u);
}

TEST(RunView, AttemptThatEndedAtOnceHasStarted) {
  RunView view;
  view.Apply(Snapshot({"a"}));
  const std::vector<TaskChange> changes =
      view.Apply(Events({{0, v1::TASK_STATE_LEASED, 1},
                         {.task = 0,
                          .state = v1::TASK_STATE_FAILED,
                          .at_ms = 3,
                          .exit_code = 3,
                          .worker = "w1"}}));
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[1].after, v1::TASK_STATE_RUNNING);
  EXPECT_EQ(changes[1].worker, "w1");
  EXPECT_EQ(changes[1].attempt, 1u);
  EXPECT_EQ(changes[2].before, v1::TASK_STATE_RUNNING);
  EXPECT_EQ(changes[2].after, v1::TASK_STATE_FAILED);
  EXPECT_EQ(changes[2].exit_code, 3);
  EXPECT_EQ(changes[2].elapsed, absl::Milliseconds(2));
}

}  // namespace
}  // namespace w2t::cli
