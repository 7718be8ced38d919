// How many programs come up at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/exec_env.h"

namespace w2t::worker {
namespace {

using test::TempDir;

class StartingTest : public ::testing::Test {
 protected:
  // A service that is ready once `name` is there.
  v1::Action ReadyOnce(const std::string& name) {
    v1::Action action = ExecEnv::Shell("until [ -e " + (dir_ / name) +
                                       " ]; do sleep 0.01; done; echo ready; "
                                       "exec sleep 600");
    action.mutable_ready()->set_log_text("ready");
    return action;
  }
  void Create(const std::string& name) { std::ofstream(dir_ / name).put('x'); }
  static void AwaitStart(ExecEnv& env, uint64_t fence) {
    env.sink().Await(fence, [](const Record& r) { return r.started; });
  }
  // Why an attempt has not started.
  static std::string AwaitTurn(ExecEnv& env, uint64_t fence) {
    const Record record = env.sink().Await(
        fence, [](const Record& r) { return r.missed.has_value(); });
    EXPECT_FALSE(record.started);
    return record.missed ? record.missed->message : "";
  }

  TempDir dir_;
};

TEST_F(StartingTest, ThoseAboveTheBoundStartInOrderAsOthersComeUp) {
  ExecEnv env({.max_starting = 2});
  const uint64_t a = env.Start(ReadyOnce("a"));
  const uint64_t b = env.Start(ReadyOnce("b"));
  const uint64_t c = env.Start(ReadyOnce("c"));
  const uint64_t d = env.Start(ReadyOnce("d"));
  AwaitStart(env, a);
  AwaitStart(env, b);
  EXPECT_EQ(AwaitTurn(env, c),
            "waits for its turn on the worker: 2 are starting, and "
            "max_starting is 2");
  AwaitTurn(env, d);
  Create("b");
  env.AwaitUp(b);
  AwaitStart(env, c);
  AwaitTurn(env, d);
  Create("a");
  AwaitStart(env, d);
}

TEST_F(StartingTest, WhatWaitsForItsTurnCanBeCancelled) {
  ExecEnv env({.max_starting = 1});
  AwaitStart(env, env.Start(ReadyOnce("a")));
  const uint64_t b = env.Start(ReadyOnce("b"));
  AwaitTurn(env, b);
  env.Cancel(b);
  const Record record = env.Await(b);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_CANCELLED);
  EXPECT_EQ(record.outcome->message, "cancelled before it started");
  EXPECT_FALSE(record.started);
}

TEST_F(StartingTest, WhatHasNoProbePassesBy) {
  ExecEnv env({.max_starting = 1});
  AwaitStart(env, env.Start(ReadyOnce("a")));
  AwaitTurn(env, env.Start(ReadyOnce("b")));
  EXPECT_EQ(env.RunShell("exit 0").outcome->state, v1::TASK_STATE_SUCCEEDED);
}

TEST_F(StartingTest, OneThatEndsLeavesItsPlace) {
  ExecEnv env({.max_starting = 1});
  const uint64_t a = env.Start(ReadyOnce("a"));
  const uint64_t b = env.Start(ReadyOnce("b"));
  AwaitTurn(env, b);
  env.Cancel(a);
  env.Await(a);
  AwaitStart(env, b);
}

TEST_F(StartingTest, OneThatCannotBeStartedTakesNoPlace) {
  ExecEnv env({.max_starting = 1});
  v1::Action action = ReadyOnce("a");
  action.mutable_exec()->set_dir("/nowhere");
  env.Await(env.Start(action));
  AwaitStart(env, env.Start(ReadyOnce("b")));
}

TEST_F(StartingTest, OneThatTakesTooLongLeavesItsPlace) {
  ExecEnv env({.max_starting = 1, .starting_patience = absl::ZeroDuration()});
  AwaitStart(env, env.Start(ReadyOnce("a")));
  const uint64_t b = env.Start(ReadyOnce("b"));
  AwaitStart(env, b);
  Create("b");
  env.AwaitUp(b);
}

TEST_F(StartingTest, OneThatIsUpLongAfterItsPlaceWasGivenAwayTakesNoOthers) {
  ExecEnv env({.max_starting = 1, .starting_patience = absl::ZeroDuration()});
  const uint64_t a = env.Start(ReadyOnce("a"));
  const uint64_t b = env.Start(ReadyOnce("b"));
  AwaitStart(env, b);
  Create("a");
  env.AwaitUp(a);
  AwaitStart(env, env.Start(ReadyOnce("c")));
}

}  // namespace
}  // namespace w2t::worker
