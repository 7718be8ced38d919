// Programs that leave their group: they are the attempt's all the same.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "client/worker/exec/command.h"
#include "client/worker/exec/proc.h"
#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/exec_env.h"

namespace w2t::worker {
namespace {

using test::Eventually;
using test::TempDir;

bool Lives(pid_t pid) {
  const std::optional<ProcessStat> stat = StatOf(pid);
  return stat && stat->alive();
}

class OwnershipTest : public ::testing::Test {
 protected:
  // A line that starts `body` as a daemon: of its own session, with a parent
  // that ends. Its number is in the file `name` once `setup` is done.
  std::string Daemon(const std::string& name, const std::string& body,
                     const std::string& setup = ":") {
    const std::string script =
        dir_.Write(name + ".sh",
                   fmt::format("{2}; echo $$ > {0}.new; mv {0}.new {0}; {1}\n",
                               dir_ / name, body, setup));
    return fmt::format(
        "(setsid sh -c 'sh {} </dev/null >/dev/null 2>&1 &' &); "
        "while ! test -e {}; do sleep 0.01; done",
        script, dir_ / name);
  }
  pid_t PidOf(const std::string& name) {
    const std::string path = dir_ / name;
    Eventually([&] { return !test::ReadFile(path).empty(); });
    return std::stoi(test::ReadFile(path));
  }

  TempDir dir_;
  ExecEnv env_;
};

TEST_F(OwnershipTest, ADaemonIsGoneWhenItsTaskHasEnded) {
  const Record record = env_.RunShell(Daemon("daemon", "exec sleep 600"));
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
  EXPECT_FALSE(Lives(PidOf("daemon")));
}

TEST_F(OwnershipTest, ADaemonGetsTheStopSignalAndTheRestOfTheGrace) {
  const uint64_t fence = env_.StartShell(
      Daemon("daemon", "while :; do sleep 0.01; done",
             fmt::format("trap 'echo bye > {}; exit' TERM", dir_ / "bye")) +
      "; echo on; exec sleep 600");
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  EXPECT_EQ(env_.Await(fence).outcome->message, "stopped by TERM");
  EXPECT_EQ(test::ReadFile(dir_ / "bye"), "bye\n");
  EXPECT_FALSE(Lives(PidOf("daemon")));
}

TEST_F(OwnershipTest, ADaemonThatIgnoresTheSignalIsKilledAfterTheGrace) {
  v1::Action action = ExecEnv::Shell(
      Daemon("daemon", "while :; do sleep 0.01; done", "trap '' TERM") +
      "; echo on; exec sleep 600");
  action.mutable_stop()->mutable_grace()->set_nanos(100'000'000);
  const uint64_t fence = env_.Start(action);
  env_.AwaitOutput(fence, "on");
  env_.Cancel(fence);
  EXPECT_EQ(env_.Await(fence).outcome->message,
            "stopped by TERM, then killed after 100ms");
  EXPECT_FALSE(Lives(PidOf("daemon")));
}

TEST_F(OwnershipTest, TheDaemonOfAnotherAttemptIsLeftAlone) {
  const uint64_t other =
      env_.StartShell(Daemon("daemon", "exec sleep 600") + "; exec sleep 600");
  const pid_t daemon = PidOf("daemon");
  env_.RunShell(Daemon("second", "exec sleep 600"));
  EXPECT_FALSE(Lives(PidOf("second")));
  EXPECT_TRUE(Lives(daemon));
  env_.Cancel(other);
  env_.Await(other);
  EXPECT_FALSE(Lives(daemon));
}

TEST_F(OwnershipTest, AnOrphanThatEndsIsTakenOffTheProcessTable) {
  const uint64_t fence =
      env_.StartShell(Daemon("daemon", "exit 0") + "; exec sleep 600");
  const pid_t daemon = PidOf("daemon");
  EXPECT_TRUE(Eventually([&] { return !StatOf(daemon).has_value(); }));
  env_.Cancel(fence);
  env_.Await(fence);
}

TEST(GroupGuardMarkTest, ADaemonDiesWithAKilledWorker) {
  const TempDir dir;
  const std::string mark = fmt::format("killed{}", getpid());
  const pid_t worker = fork();
  if (worker == 0) {
    auto guard = GroupGuard::Start(mark);
    SpawnSpec spec{
        .argv = {"sh", "-c",
                 "setsid sh -c 'echo $$ > new; mv new pid; exec sleep 600' & "
                 "exec sleep 600"},
        .env = OwnEnvironment(),
        .dir = dir.path()};
    SetVariable(kMarkVariable, MarkOf(mark, 7), &spec);
    const absl::StatusOr<Child> child = Spawn(spec);
    for (;;) pause();
  }
  ASSERT_GT(worker, 0);
  ASSERT_TRUE(Eventually([&] { return !test::ReadFile(dir / "pid").empty(); }));
  const pid_t daemon = std::stoi(test::ReadFile(dir / "pid"));
  // A process has no environment for a moment while it begins another program.
  EXPECT_TRUE(Eventually([&] { return IsMarked(daemon, MarkOf(mark, 7)); }));
  EXPECT_FALSE(IsMarked(daemon, MarkOf(mark, 8)));
  kill(worker, SIGKILL);
  waitpid(worker, nullptr, 0);
  EXPECT_TRUE(Eventually([&] { return !Lives(daemon); }));
}

TEST(ProcTest, ANameMayHoldAnything) {
  const std::optional<ProcessStat> stat = ParseStat(
      "12 (a) Z (b) S 3 4 5 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 987654 10 20\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 3);
  EXPECT_EQ(stat->group, 4);
  EXPECT_EQ(stat->session, 5);
  EXPECT_EQ(stat->start_ticks, 987654u);
  EXPECT_FALSE(ParseStat("12 (a").has_value());
}

}  // namespace
}  // namespace w2t::worker
