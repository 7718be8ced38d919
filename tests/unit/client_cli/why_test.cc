#include "client/cli/why.h"

#include <string>

#include "gtest/gtest.h"

namespace w2t::cli {
namespace {

v1::TaskStatus Waits(v1::TaskState state, v1::WaitKind kind,
                     const std::vector<std::string>& names = {}) {
  v1::TaskStatus task;
  task.set_state(state);
  task.set_wait_kind(kind);
  for (const std::string& name : names) task.add_waiting_for(name);
  return task;
}

TEST(Why, EachKindOfWaitHasItsWords) {
  const auto waiting = [](v1::WaitKind kind,
                          const std::vector<std::string>& names = {}) {
    return Why(Waits(v1::TASK_STATE_WAITING, kind, names));
  };
  EXPECT_EQ(waiting(v1::WAIT_KIND_DEPENDENCIES, {"a", "b"}), "waits for a, b");
  EXPECT_EQ(waiting(v1::WAIT_KIND_RESTART, {"a"}),
            "restarts when a has stopped");
  EXPECT_EQ(waiting(v1::WAIT_KIND_RESTART, {"a", "b"}),
            "restarts when a, b have stopped");
  EXPECT_EQ(waiting(v1::WAIT_KIND_REVISION, {"a"}),
            "the next revision waits until a has stopped");
  EXPECT_EQ(waiting(v1::WAIT_KIND_UNDO, {"a"}), "undoes after a");
  EXPECT_EQ(waiting(v1::WAIT_KIND_DORMANT), "only if the run fails");
  EXPECT_EQ(Why(Waits(v1::TASK_STATE_UP, v1::WAIT_KIND_TO_BE_STOPPED, {"a"})),
            "stops after a");
}

TEST(Why, WhatWasSkippedSaysBecauseOfWhat) {
  EXPECT_EQ(
      Why(Waits(v1::TASK_STATE_SKIPPED, v1::WAIT_KIND_DEPENDENCIES, {"a"})),
      "because of a");
  EXPECT_EQ(Why(Waits(v1::TASK_STATE_SKIPPED, v1::WAIT_KIND_DEPENDENCIES)),
            "the run ended before it could start");
  EXPECT_EQ(Why(Waits(v1::TASK_STATE_SKIPPED, v1::WAIT_KIND_UNDO)),
            "there was nothing to undo");
}

TEST(Why, OneThatRunsAgainTellsWhatWentWrongBefore) {
  v1::TaskStatus task = Waits(v1::TASK_STATE_READY, v1::WAIT_KIND_UNSPECIFIED);
  task.set_message("attempt 1 was lost");
  EXPECT_EQ(Why(task), "before: attempt 1 was lost");
  task.add_waiting_for("no worker is connected");
  EXPECT_EQ(Why(task), "no worker is connected");
}

TEST(StateWord, WhatARevisionTookOutWasRemoved) {
  v1::TaskStatus task =
      Waits(v1::TASK_STATE_CANCELLED, v1::WAIT_KIND_UNSPECIFIED);
  EXPECT_EQ(StateWord(task), "cancelled");
  task.set_removed(true);
  EXPECT_EQ(StateWord(task), "removed");
}

}  // namespace
}  // namespace w2t::cli
