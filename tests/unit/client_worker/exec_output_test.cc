// What programs print, on its way up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/exec_env.h"

namespace w2t::worker {
namespace {

using test::Eventually;
using test::TempDir;
using ::testing::HasSubstr;

class ExecOutputTest : public ::testing::Test {
 protected:
  ExecEnv env_;
};

TEST_F(ExecOutputTest, StreamsAreToldApart) {
  const Record record = env_.RunShell("echo out; echo err >&2");
  EXPECT_EQ(record.out, "out\n");
  EXPECT_EQ(record.err, "err\n");
}

TEST_F(ExecOutputTest, ItComesUpWhileTheProgramRuns) {
  const TempDir dir;
  v1::Action action = ExecEnv::Shell(
      "echo first; while [ ! -e go ]; do sleep 0.01; done; echo second");
  action.mutable_exec()->set_dir(dir.path());
  const uint64_t fence = env_.Start(action);
  env_.AwaitOutput(fence, "first");
  dir.Write("go", "");
  EXPECT_EQ(env_.Await(fence).out, "first\nsecond\n");
}

TEST_F(ExecOutputTest, BigOutputIsCompleteAndInOrder) {
  const Record record = env_.RunShell("seq 1 200000");
  std::string expected;
  for (int i = 1; i <= 200'000; ++i) expected += std::to_string(i) + "\n";
  EXPECT_TRUE(record.out == expected)
      << record.out.size() << " bytes of " << expected.size();
}

TEST_F(ExecOutputTest, LastWordsWithoutANewlineArrive) {
  EXPECT_EQ(env_.RunShell("printf bye").out, "bye");
}

TEST_F(ExecOutputTest, StdinIsEmpty) {
  EXPECT_EQ(env_.RunShell("cat; echo end").out, "end\n");
}

TEST_F(ExecOutputTest, WithoutRoomReadingPausesUntilThereIsSome) {
  const TempDir dir;
  env_.sink().SetRoom(false);
  v1::Action action =
      ExecEnv::Shell("head -c 1000000 /dev/zero; touch written; echo end");
  action.mutable_exec()->set_dir(dir.path());
  const uint64_t fence = env_.Start(action);
  const Record paused = env_.sink().Await(
      fence, [](const Record& record) { return !record.out.empty(); });
  EXPECT_LE(paused.out.size(), 64u * 1024);
  EXPECT_EQ(test::ReadFile(dir / "written"), "");
  env_.sink().SetRoom(true);
  // The runner may not have paused yet when it is told of room.
  EXPECT_TRUE(Eventually([&] {
    env_.ResumeOutput();
    return env_.sink()
        .Await(fence, [](const Record&) { return true; })
        .outcome.has_value();
  }));
  EXPECT_EQ(env_.Await(fence).out.size(), 1'000'004u);
}

TEST_F(ExecOutputTest, WhatAProgramLeftInItsPipeIsReadEvenWithoutRoom) {
  env_.sink().SetRoom(false);
  EXPECT_EQ(env_.RunShell("head -c 30000 /dev/zero; printf end").out.size(),
            30'003u);
}

TEST_F(ExecOutputTest, AProcessThatLeftTheGroupDoesNotHoldUpTheEnd) {
  const Record record = env_.RunShell(
      "setsid sh -c 'echo $$; exec sleep 60' & wait_for=1; "
      "sleep 0.2; echo end");
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
  EXPECT_THAT(record.out, HasSubstr("end\n"));
  kill(std::stoi(record.out), SIGKILL);
}

}  // namespace
}  // namespace w2t::worker
