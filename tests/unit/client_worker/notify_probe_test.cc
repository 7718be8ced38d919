// Probes by what a task says of itself.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/probe_env.h"

namespace w2t::worker {
namespace {

using test::TempDir;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kSay[] = W2T_TEST_NOTIFY_SENDER;

// Runs `script` with SAY as the command that says something.
v1::Action Saying(std::string_view script) {
  v1::Action action = Service(fmt::format("SAY={}; {}", kSay, script));
  action.mutable_ready()->mutable_notify();
  return action;
}

class NotifyProbeTest : public ProbeTest {};

TEST_F(NotifyProbeTest, IsReadyWhenTheTaskSaysSo) {
  const TempDir dir;
  const std::string go = dir / "go";
  const uint64_t fence = env_.Start(Saying(
      fmt::format("$SAY STATUS=loading; echo loading; until test -e {}; do "
                  "sleep 0.01; done; $SAY READY=1; exec sleep 60",
                  go)));
  env_.AwaitOutput(fence, "loading");
  EXPECT_FALSE(env_.sink().Await(fence, [](const Record&) { return true; }).up);
  dir.Write("go", "");
  env_.AwaitUp(fence);
  env_.Cancel(fence);
  env_.Await(fence);
}

TEST_F(NotifyProbeTest, TheSocketIsAPathAndGoesWithTheTask) {
  const Record record =
      env_.Run(Saying("echo $NOTIFY_SOCKET; test -S $NOTIFY_SOCKET"));
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
  EXPECT_THAT(record.out, StartsWith("/"));
  const std::string path = record.out.substr(0, record.out.size() - 1);
  EXPECT_TRUE(test::Eventually([&] { return !std::filesystem::exists(path); }));
}

TEST_F(NotifyProbeTest, WhereNoPathCanBeHadTheSocketIsAbstract) {
  const TempDir dir;
  const std::string deep = dir / std::string(120, 'x');
  std::filesystem::create_directory(deep);
  const char* const own = std::getenv("TMPDIR");
  const std::string before = own == nullptr ? "/tmp" : own;
  setenv("TMPDIR", deep.c_str(), 1);
  {
    ExecEnv env;
    const uint64_t fence =
        env.Start(Saying("echo $NOTIFY_SOCKET; $SAY READY=1; exec sleep 60"));
    env.AwaitUp(fence);
    env.AwaitOutput(fence, "@");
    env.Cancel(fence);
    env.Await(fence);
  }
  setenv("TMPDIR", before.c_str(), 1);
}

TEST_F(NotifyProbeTest, LastWordsMayBeThatItIsReady) {
  EXPECT_TRUE(env_.Run(Saying("exec $SAY --abandon READY=1")).up);
}

TEST_F(NotifyProbeTest, NeverSaidIsAFailureWithItsLastStatus) {
  v1::Action action = Saying("$SAY STATUS=stuck; exec sleep 60");
  *action.mutable_ready()->mutable_deadline() = Millis(300);
  EXPECT_EQ(env_.Run(action).outcome->message,
            "not ready within 300ms; it never said READY=1; its last status: "
            "stuck; stopped by TERM");
}

TEST_F(NotifyProbeTest, OtherWordsAreNotThatItIsReady) {
  v1::Action action = Saying(
      "$SAY READY=0 READY 'STATUS=READY=1' X=1; echo said; exec sleep 60");
  *action.mutable_ready()->mutable_deadline() = Millis(300);
  EXPECT_THAT(env_.Run(action).outcome->message,
              HasSubstr("never said READY=1"));
}

TEST_F(NotifyProbeTest, ATaskMayAskForMoreTime) {
  v1::Action action = Saying(
      "$SAY EXTEND_TIMEOUT_USEC=50000000; sleep 0.6; $SAY READY=1; exec sleep "
      "60");
  *action.mutable_ready()->mutable_deadline() = Millis(500);
  EndsWellWhenUp(action);
}

TEST_F(NotifyProbeTest, WhoIsOfAnotherGroupIsNotHeard) {
  // setsid gives it a session, and so a group, of its own.
  const uint64_t fence =
      env_.Start(Saying("setsid -w $SAY READY=1; echo said; exec sleep 60"));
  env_.AwaitOutput(fence, "said");
  env_.Cancel(fence);
  const Record record = env_.Await(fence);
  EXPECT_FALSE(record.up);
  EXPECT_THAT(record.notes, HasSubstr("was ignored: it has ended, or is not of "
                                      "the task's process group"));
}

TEST_F(NotifyProbeTest, ManyWordsDelayNobody) {
  const uint64_t chatty = env_.Start(
      Saying("while :; do $SAY --abandon STATUS=a STATUS=b STATUS=c; done"));
  EndsWellWhenUp(Saying("$SAY READY=1; exec sleep 60"));
  env_.Cancel(chatty);
  env_.Await(chatty);
}

TEST_F(NotifyProbeTest, OnlyWhoHasSuchAProbeFindsASocket) {
  setenv("NOTIFY_SOCKET", "/run/of/the/worker", 1);
  ExecEnv env;  // has the environment of now
  EXPECT_EQ(env.RunShell("echo ${NOTIFY_SOCKET-none}").out, "none\n");
  unsetenv("NOTIFY_SOCKET");
}

TEST_F(NotifyProbeTest, TheStopCommandIsToldTheMainProcess) {
  const TempDir dir;
  v1::Action action = Saying(fmt::format(
      "sleep 60 & echo $! > {0}; $SAY \"MAINPID=$!\\nREADY=1\"; wait",
      dir / "main"));
  action.mutable_stop()->set_command(
      fmt::format("echo $W2T_PID > {}; kill $W2T_PID", dir / "told"));
  EndsWellWhenUp(action);
  EXPECT_EQ(test::ReadFile(dir / "told"), test::ReadFile(dir / "main"));
}

TEST_F(NotifyProbeTest, AMainProcessOfOthersIsNotTaken) {
  const TempDir dir;
  v1::Action action = Saying("$SAY 'MAINPID=1\\nREADY=1'; exec sleep 60");
  action.mutable_stop()->set_command(
      fmt::format("echo $W2T_PID > {}; kill $W2T_PID", dir / "told"));
  const uint64_t fence = env_.Start(action);
  env_.AwaitUp(fence);
  env_.Cancel(fence);
  EXPECT_THAT(env_.Await(fence).notes, HasSubstr("MAINPID=1 was ignored"));
  EXPECT_NE(test::ReadFile(dir / "told"), "1\n");
}

}  // namespace
}  // namespace w2t::worker
