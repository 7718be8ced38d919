// What a failure means for the rest of a run: on_failure, and undoing.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RunUndoTest : public ::testing::Test {
 protected:
  RunUndoTest() { env_.Hello("w1", {.slots = 100}); }

  // backup, migrate and switch, one after the other, and what undoes them.
  static GraphBuilder Release(OnFailure on_failure) {
    GraphBuilder graph("release");
    graph.OnFailure(on_failure)
        .Task("backup")
        .Task("migrate", {"backup"})
        .Task("smoke", {"migrate"})
        .Task("switch", {"smoke"})
        .Task("migrate.undo")
        .UndoOf("migrate")
        .Task("backup.undo")
        .UndoOf("backup")
        .Task("switch.undo")
        .UndoOf("switch");
    return graph;
  }

  std::vector<std::string> Failures() const {
    std::vector<std::string> names;
    for (const TaskIndex task : env_.run().failures()) {
      names.emplace_back(env_.run().blueprint().task_name(task));
    }
    return names;
  }

  EngineEnv env_;
};

TEST_F(RunUndoTest, ARunThatSucceedsUndoesNothing) {
  env_.Submit(Release(OnFailure::kUndo));
  for (const char* task : {"backup", "migrate", "smoke", "switch"}) {
    EXPECT_EQ(env_.State("migrate.undo"), TaskState::kWaiting);
    env_.Succeed(task);
  }
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env_.State("migrate.undo"), TaskState::kSkipped);
}

TEST_F(RunUndoTest, WhatHadSucceededIsUndoneInReverseOrder) {
  env_.Submit(Release(OnFailure::kUndo));
  env_.Succeed("backup");
  env_.Succeed("migrate");
  env_.Fail("smoke", 3);
  EXPECT_EQ(env_.State("switch"), TaskState::kSkipped);
  EXPECT_EQ(env_.State("switch.undo"), TaskState::kSkipped);
  EXPECT_EQ(env_.State("migrate.undo"), TaskState::kLeased);
  EXPECT_EQ(env_.State("backup.undo"), TaskState::kWaiting);
  env_.Succeed("migrate.undo");
  EXPECT_EQ(env_.State("backup.undo"), TaskState::kLeased);
  EXPECT_EQ(env_.EndState(), RunState::kStopping);
  env_.Succeed("backup.undo");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_EQ(env_.run().exit_code(), 1);
}

TEST_F(RunUndoTest, WhatUndoesSaysWhatItWaitsFor) {
  env_.Submit(Release(OnFailure::kUndo));
  const auto wait = [this](std::string_view task) {
    return env_.run().KindOfWait(env_.Index(task));
  };
  env_.Succeed("backup");
  env_.Succeed("migrate");
  EXPECT_EQ(wait("backup.undo"), WaitKind::kDormant);
  EXPECT_THAT(env_.run().Blockers(env_.Index("backup.undo"), 5), IsEmpty());
  EXPECT_EQ(env_.run().Summary().dormant, 3u);
  env_.Fail("smoke");
  EXPECT_EQ(wait("backup.undo"), WaitKind::kUndo);
  EXPECT_THAT(env_.run().Blockers(env_.Index("backup.undo"), 5),
              ElementsAre(env_.Index("migrate.undo")));
  EXPECT_EQ(wait("migrate.undo"), WaitKind::kNone);
  EXPECT_EQ(env_.run().Summary().dormant, 0u);
}

TEST_F(RunUndoTest, WithoutItOthersGoOnOrAreCancelledAndNothingIsUndone) {
  env_.Submit(GraphBuilder()
                  .OnFailure(OnFailure::kCancel)
                  .Task("a")
                  .Task("a.undo")
                  .UndoOf("a")
                  .Task("b")
                  .Task("c"));
  env_.Succeed("a");
  env_.Fail("b", 3);
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("c"));
  EXPECT_EQ(env_.State("a.undo"), TaskState::kSkipped);
  env_.Stopped("c");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_EQ(env_.run().exit_code(), 1);

  env_.Submit(
      GraphBuilder().Task("a").Task("a.undo").UndoOf("a").Task("b").Task("c"));
  env_.Succeed("a");
  env_.Fail("b");
  EXPECT_THAT(env_.TakeStopped(), IsEmpty());
  env_.Succeed("c");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_EQ(env_.State("a.undo"), TaskState::kSkipped);
}

TEST_F(RunUndoTest, AFailureThatIsAllowedUndoesNothing) {
  env_.Submit(GraphBuilder()
                  .OnFailure(OnFailure::kUndo)
                  .Task("a")
                  .Task("a.undo")
                  .UndoOf("a")
                  .Task("b")
                  .AllowFailure());
  env_.Succeed("a");
  env_.Fail("b");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
  EXPECT_EQ(env_.State("a.undo"), TaskState::kSkipped);
}

TEST_F(RunUndoTest, ServicesAreUpUntilAllThatNeedsThemIsUndone) {
  env_.Submit(GraphBuilder()
                  .OnFailure(OnFailure::kUndo)
                  .Service("db")
                  .Task("migrate", {"db"})
                  .Task("migrate.undo")
                  .UndoOf("migrate")
                  .Service("api", {"migrate"})
                  .Task("smoke", {"api"}));
  env_.Start("db");
  env_.Succeed("migrate");
  env_.Start("api");
  env_.Fail("smoke");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("api"));
  EXPECT_EQ(env_.State("migrate.undo"), TaskState::kWaiting);
  env_.Stopped("api");
  EXPECT_THAT(env_.TakeStopped(), IsEmpty());
  EXPECT_EQ(env_.State("migrate.undo"), TaskState::kLeased);
  env_.Succeed("migrate.undo");
  EXPECT_THAT(env_.TakeStopped(), ElementsAre("db"));
  env_.Stopped("db");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunUndoTest,
       WhatStillRunsIsStoppedAndUndoneOnlyIfItSucceededAllTheSame) {
  env_.Submit(GraphBuilder()
                  .OnFailure(OnFailure::kUndo)
                  .Task("late")
                  .Task("late.undo")
                  .UndoOf("late")
                  .Task("stopped")
                  .Task("stopped.undo")
                  .UndoOf("stopped")
                  .Task("bad"));
  env_.Fail("bad");
  EXPECT_EQ(env_.State("late.undo"), TaskState::kWaiting);
  env_.Succeed("late");  // before it heard of the stop
  EXPECT_EQ(env_.State("late.undo"), TaskState::kLeased);
  env_.Stopped("stopped");
  EXPECT_EQ(env_.State("stopped.undo"), TaskState::kSkipped);
  env_.Succeed("late.undo");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunUndoTest, AFailedUndoIsAFailureAndTheOthersGoOn) {
  env_.Submit(Release(OnFailure::kUndo));
  env_.Succeed("backup");
  env_.Succeed("migrate");
  env_.Fail("smoke");
  env_.Fail("migrate.undo");
  EXPECT_EQ(env_.State("backup.undo"), TaskState::kLeased);
  env_.Succeed("backup.undo");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_THAT(Failures(), ElementsAre("smoke", "migrate.undo"));
}

TEST_F(RunUndoTest, UndoingHasRetriesAndOutlivesItsWorker) {
  env_.Submit(GraphBuilder()
                  .OnFailure(OnFailure::kUndo)
                  .Task("a")
                  .Task("a.undo")
                  .UndoOf("a")
                  .Retry({.attempts = 2})
                  .Task("b", {"a"}));
  env_.Succeed("a");
  env_.Fail("b");
  env_.Fail("a.undo");
  EXPECT_EQ(env_.State("a.undo"), TaskState::kLeased);
  env_.Start("a.undo");
  env_.Kill("w1");
  env_.Hello("w2", {.slots = 1});
  env_.Advance(absl::Minutes(2));
  EXPECT_EQ(env_.State("a.undo"), TaskState::kLeased);
  env_.Succeed("a.undo");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_EQ(env_.State("a.undo"), TaskState::kSucceeded);
}

TEST_F(RunUndoTest, ADaemonThatDiesInTheMiddleGoesOnUndoing) {
  env_.Submit(Release(OnFailure::kUndo));
  env_.Succeed("backup");
  env_.Succeed("migrate");
  env_.Fail("smoke");
  env_.Snapshot();
  env_.Start("migrate.undo");
  env_.Restart();
  ASSERT_TRUE(env_.Reattach("w1"));
  env_.Succeed("migrate.undo");
  env_.Restart();
  ASSERT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.State("backup.undo"), TaskState::kLeased);
  env_.Succeed("backup.undo");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
}

TEST_F(RunUndoTest, ACancelledRunIsNotUndone) {
  env_.Submit(Release(OnFailure::kUndo));
  env_.Succeed("backup");
  ASSERT_TRUE(env_.Cancel().ok());
  EXPECT_EQ(env_.State("backup.undo"), TaskState::kSkipped);
  env_.Stopped("migrate");
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
}

}  // namespace
}  // namespace w2t::testing
