// Programs, run for real.
#include "client/worker/exec/exec_runner.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/exec_env.h"

namespace w2t::worker {
namespace {

using test::Eventually;
using test::TempDir;
using ::testing::HasSubstr;
using ::testing::StartsWith;

void Set(double seconds, google::protobuf::Duration* duration) {
  const auto nanos = static_cast<int64_t>(seconds * 1e9);
  duration->set_seconds(nanos / 1'000'000'000);
  duration->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

// Its parent may take its time to take it off the process table.
bool Alive(pid_t pid) {
  const std::string stat =
      test::ReadFile("/proc/" + std::to_string(pid) + "/stat");
  return !stat.empty() && stat.find(") Z ") == std::string::npos;
}

class ExecRunnerTest : public ::testing::Test {
 protected:
  ExecEnv env_;
};

TEST_F(ExecRunnerTest, AProgramThatExitsWithZeroSucceeded) {
  const Record record = env_.RunShell("exit 0");
  EXPECT_TRUE(record.started);
  EXPECT_FALSE(record.up);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(record.outcome->exit_code, 0);
  EXPECT_EQ(record.outcome->message, "");
}

TEST_F(ExecRunnerTest, AnotherExitCodeIsAFailure) {
  const Record record = env_.RunShell("exit 3");
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(record.outcome->exit_code, 3);
  EXPECT_EQ(record.outcome->message, "exit code 3");
}

TEST_F(ExecRunnerTest, CodesThatCountAsSuccessDo) {
  v1::Action action = ExecEnv::Shell("exit 3");
  action.mutable_exec()->add_success_exit_codes(3);
  const Record record = env_.Run(action);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(record.outcome->exit_code, 3);
}

TEST_F(ExecRunnerTest, ASignalIsAFailureThatNamesIt) {
  const Record record = env_.RunShell("kill -9 $$");
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(record.outcome->signal, 9u);
  EXPECT_EQ(record.outcome->exit_code, 137);
  EXPECT_EQ(record.outcome->message, "killed by signal 9 (SIGKILL)");
}

TEST_F(ExecRunnerTest, ArgumentsAreNotTouchedByAShell) {
  v1::Action action;
  for (const char* word : {"printf", "%s|", "a b", "$HOME", "*"}) {
    action.mutable_exec()->add_argv(word);
  }
  EXPECT_EQ(env_.Run(action).out, "a b|$HOME|*|");
}

TEST_F(ExecRunnerTest, AnotherShellRunsTheLine) {
  v1::Action action = ExecEnv::Shell("x=(a b); echo ${#x[@]}");
  action.mutable_exec()->set_shell_program("bash");
  EXPECT_EQ(env_.Run(action).out, "2\n");
}

TEST_F(ExecRunnerTest, TheTaskAddsToTheWorkersEnvironment) {
  setenv("W2T_TEST_KEPT", "kept", 1);
  setenv("W2T_TEST_CHANGED", "before", 1);
  ExecEnv env;
  v1::Action action = ExecEnv::Shell(
      "echo $W2T_TEST_KEPT $W2T_TEST_CHANGED $W2T_RUN_ID $W2T_TASK "
      "$W2T_ATTEMPT $W2T_WORKER");
  (*action.mutable_exec()->mutable_env())["W2T_TEST_CHANGED"] = "after=1";
  (*action.mutable_exec()->mutable_env())["W2T_TASK"] = "a lie";
  EXPECT_EQ(env.Run(action).out, "kept after=1 shop-7 t 3 w1\n");
}

TEST_F(ExecRunnerTest, TheTasksPathFindsTheProgram) {
  const TempDir dir;
  const std::string tool = dir.Write("my-tool", "#!/bin/sh\necho found\n");
  ASSERT_EQ(chmod(tool.c_str(), 0755), 0);
  v1::Action action;
  action.mutable_exec()->add_argv("my-tool");
  (*action.mutable_exec()->mutable_env())["PATH"] = "/nowhere:" + dir.path();
  EXPECT_EQ(env_.Run(action).out, "found\n");
}

TEST_F(ExecRunnerTest, ItRunsInItsFolder) {
  const TempDir dir;
  v1::Action action = ExecEnv::Shell("pwd -P");
  action.mutable_exec()->set_dir(dir.path());
  EXPECT_EQ(env_.Run(action).out, dir.path() + "\n");
}

TEST_F(ExecRunnerTest, AMissingProgramIsNamed) {
  v1::Action action;
  action.mutable_exec()->add_argv("no-such-program");
  const Record record = env_.Run(action);
  EXPECT_FALSE(record.started);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(record.outcome->exit_code, 127);
  EXPECT_EQ(record.outcome->message,
            "cannot start: exec no-such-program: No such file or directory");
}

TEST_F(ExecRunnerTest, AProgramThatMayNotBeRunIsNamed) {
  const TempDir dir;
  const std::string program = dir.Write("program", "#!/bin/sh\n");
  ASSERT_EQ(chmod(program.c_str(), 0644), 0);
  v1::Action action;
  action.mutable_exec()->add_argv(program);
  const Record record = env_.Run(action);
  EXPECT_EQ(record.outcome->exit_code, 126);
  EXPECT_EQ(record.outcome->message,
            "cannot start: exec " + program + ": Permission denied");
}

TEST_F(ExecRunnerTest, AProgramOfNoKnownFormatIsNamed) {
  const TempDir dir;
  const std::string program = dir.Write("program", "no format");
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  v1::Action action;
  action.mutable_exec()->add_argv(program);
  const Record record = env_.Run(action);
  EXPECT_EQ(record.outcome->exit_code, 126);
  EXPECT_EQ(record.outcome->message,
            fmt::format("cannot start: exec {}: Exec format error", program));
}

TEST_F(ExecRunnerTest, AMissingFolderIsNamed) {
  v1::Action action = ExecEnv::Shell("exit 0");
  action.mutable_exec()->set_dir("/no/such/folder");
  EXPECT_EQ(
      env_.Run(action).outcome->message,
      "cannot start: chdir to /no/such/folder: No such file or directory");
}

TEST_F(ExecRunnerTest, AnActionWithoutAProgramIsRefused) {
  v1::Action action;
  action.mutable_exec();
  EXPECT_THAT(env_.Run(action).outcome->message, StartsWith("cannot start: "));
}

TEST_F(ExecRunnerTest, ItStartsWithDefaultSignals) {
  signal(SIGPIPE, SIG_IGN);
  const Record record =
      env_.RunShell("grep -E 'SigIgn|SigBlk' /proc/self/status");
  signal(SIGPIPE, SIG_DFL);
  EXPECT_THAT(record.out, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(record.out, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST_F(ExecRunnerTest, ItGetsNoForeignDescriptors) {
  const int foreign = dup(0);  // stays open on exec
  v1::Action action;
  action.mutable_exec()->add_argv("ls");
  action.mutable_exec()->add_argv("/proc/self/fd");
  EXPECT_EQ(env_.Run(action).out, "0\n1\n2\n3\n") << "3 is ls's own";
  close(foreign);
}

TEST_F(ExecRunnerTest, WhatItUsedIsReported) {
  const Record record =
      env_.RunShell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
  EXPECT_GT(record.outcome->cpu_us, 0u);
  EXPECT_EQ(record.outcome->max_rss_bytes, 0u) << "that is this process's";
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  const uint64_t more =
      static_cast<uint64_t>(own.ru_maxrss) * 1024 + (32 << 20);
  const Record large = env_.RunShell(
      fmt::format("x=$(head -c {} /dev/zero | tr '\\0' x); :", more));
  EXPECT_GE(large.outcome->max_rss_bytes, more);
}

TEST_F(ExecRunnerTest, ATimeoutStopsItWithTerm) {
  v1::Action action = ExecEnv::Shell("exec sleep 60");
  Set(0.05, action.mutable_timeout());
  const Record record = env_.Run(action);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_TIMED_OUT);
  EXPECT_EQ(record.outcome->signal, static_cast<uint32_t>(SIGTERM));
  EXPECT_EQ(record.outcome->message, "timed out after 50ms; stopped by TERM");
}

TEST_F(ExecRunnerTest, WhoIgnoresTermIsKilledAfterTheGrace) {
  v1::Action action =
      ExecEnv::Shell("trap '' TERM; echo on; while :; do sleep 0.01; done");
  Set(0.05, action.mutable_stop()->mutable_grace());
  const uint64_t fence = env_.Start(action);
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  const Record record = env_.Await(fence);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_CANCELLED);
  EXPECT_EQ(record.outcome->signal, static_cast<uint32_t>(SIGKILL));
  EXPECT_EQ(record.outcome->message, "stopped by TERM, then killed after 50ms");
}

TEST_F(ExecRunnerTest, ACancelledProgramIsStoppedByTheSignalOfItsPolicy) {
  v1::Action action = ExecEnv::Shell(
      "trap 'echo bye; exit 0' USR1; echo on; "
      "while :; do sleep 0.01; done");
  action.mutable_stop()->set_signal(SIGUSR1);
  const uint64_t fence = env_.Start(action);
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  const Record record = env_.Await(fence);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_CANCELLED);
  EXPECT_EQ(record.outcome->message, "stopped by USR1");
  EXPECT_THAT(record.out, HasSubstr("bye"));
}

TEST_F(ExecRunnerTest, AStopCommandTakesThePlaceOfTheSignal) {
  const TempDir dir;
  v1::Action action = ExecEnv::Shell(
      "echo on; while [ ! -e stop ]; do sleep 0.01; done; echo stopped");
  action.mutable_exec()->set_dir(dir.path());
  action.mutable_stop()->set_command("echo $W2T_TASK > stop");
  const uint64_t fence = env_.Start(action);
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  const Record record = env_.Await(fence);
  EXPECT_EQ(record.outcome->message, "stopped by its stop command");
  EXPECT_THAT(record.out, HasSubstr("stopped"));
  EXPECT_EQ(test::ReadFile(dir / "stop"), "t\n");
}

TEST_F(ExecRunnerTest, AfterAFailedStopCommandTheSignalIsSent) {
  v1::Action action = ExecEnv::Shell("echo on; exec sleep 60");
  action.mutable_stop()->set_command("exit 4");
  const uint64_t fence = env_.Start(action);
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  const Record record = env_.Await(fence);
  EXPECT_EQ(record.outcome->message, "stopped by TERM");
  EXPECT_EQ(record.notes, "the stop command failed: exit code 4\n");
}

// A stop command goes on when what it stops has ended.
v1::Action StoppedBy(const TempDir& dir, const std::string& before,
                     const std::string& rest) {
  v1::Action action = ExecEnv::Shell(fmt::format(
      "{} echo on; while [ ! -e stop ]; do sleep 0.01; done", before));
  action.mutable_exec()->set_dir(dir.path());
  action.mutable_stop()->set_command("touch stop; sleep 0.2; " + rest);
  return action;
}

TEST_F(ExecRunnerTest, AStopCommandIsLetFinish) {
  for (const char* before : {"", "setsid -f sleep 60 >/dev/null 2>&1;"}) {
    const TempDir dir;
    const uint64_t fence = env_.Start(StoppedBy(dir, before, "echo all > all"));
    env_.AwaitOutput(fence, "on");
    env_.Cancel(fence);
    const Record record = env_.Await(fence);
    EXPECT_EQ(record.outcome->message, "stopped by its stop command");
    EXPECT_EQ(record.notes, "");
    EXPECT_EQ(test::ReadFile(dir / "all"), "all\n") << before;
  }
}

TEST_F(ExecRunnerTest, AStopCommandThatHangsIsKilledAfterTheGrace) {
  const TempDir dir;
  v1::Action action = StoppedBy(dir, "", "exec sleep 60");
  Set(0.4, action.mutable_stop()->mutable_grace());
  const uint64_t fence = env_.Start(action);
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  const Record record = env_.Await(fence);
  EXPECT_EQ(record.outcome->message,
            "stopped by its stop command, then killed after 400ms");
  EXPECT_EQ(record.notes,
            "the stop command failed: killed by signal 9 (SIGKILL)\n");
}

TEST_F(ExecRunnerTest, WhomTheStopCommandDoesNotStopIsKilledAfterTheGrace) {
  v1::Action action = ExecEnv::Shell("echo on; exec sleep 60");
  action.mutable_stop()->set_command("true");
  Set(0.1, action.mutable_stop()->mutable_grace());
  const uint64_t fence = env_.Start(action);
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  EXPECT_EQ(env_.Await(fence).outcome->message,
            "stopped by its stop command, then killed after 100ms");
}

TEST_F(ExecRunnerTest, TheRestOfItsGroupIsKilledWhenItEnds) {
  const Record record =
      env_.RunShell("sleep 60 >/dev/null 2>&1 & echo $!; exit 0");
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
  const pid_t left_behind = std::stoi(record.out);
  EXPECT_TRUE(Eventually([&] { return !Alive(left_behind); }));
}

TEST_F(ExecRunnerTest, AStoppedGroupHasTheWholeGraceToEnd) {
  // The shell ends by the signal at once, its child takes its time.
  const uint64_t fence = env_.StartShell(
      "sh -c 'trap \"sleep 0.2; echo cleaned; exit\" TERM; echo on; "
      "while :; do sleep 0.01; done'; true");
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  const Record record = env_.Await(fence);
  EXPECT_THAT(record.out, HasSubstr("cleaned"));
  EXPECT_EQ(record.outcome->message, "stopped by TERM");
}

TEST_F(ExecRunnerTest, AnAttemptThatWasCancelledTwiceEndsOnce) {
  const uint64_t fence = env_.StartShell("echo on; exec sleep 60");
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  env_.Cancel(fence);
  env_.Cancel(999);
  EXPECT_EQ(env_.Await(fence).outcome->state, v1::TASK_STATE_CANCELLED);
}

TEST_F(ExecRunnerTest, WhatWaitsToBeStartedIsCancelledWithoutAStart) {
  std::vector<uint64_t> fences;
  for (int i = 0; i < 20; ++i) {
    fences.push_back(env_.StartShell("exec sleep 60"));
  }
  for (uint64_t fence : fences) env_.Cancel(fence);
  for (uint64_t fence : fences) {
    EXPECT_EQ(env_.Await(fence).outcome->state, v1::TASK_STATE_CANCELLED);
  }
}

TEST_F(ExecRunnerTest, ManyAtOnceAllEnd) {
  std::vector<uint64_t> fences;
  for (int i = 0; i < 100; ++i) {
    fences.push_back(env_.StartShell("echo " + std::to_string(i)));
  }
  for (int i = 0; i < 100; ++i) {
    const Record record = env_.Await(fences[i]);
    EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
    EXPECT_EQ(record.out, std::to_string(i) + "\n");
  }
}

TEST(ExecRunnerEndTest, ProgramsDoNotOutliveTheRunner) {
  pid_t pid = 0;
  {
    ExecEnv env;
    const uint64_t fence = env.StartShell("echo $$.; exec sleep 60");
    env.AwaitOutput(fence, ".\n");
    pid = std::stoi(
        env.sink().Await(fence, [](const Record&) { return true; }).out);
    ASSERT_TRUE(Alive(pid));
  }
  EXPECT_FALSE(Alive(pid));
}

}  // namespace
}  // namespace w2t::worker
