// Probes of whether a service is still alive.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/probe_env.h"

namespace w2t::worker {
namespace {

using test::TempDir;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class LiveProbeTest : public ProbeTest {
 protected:
  // Alive as long as the file "alive" is there.
  v1::Action Watched(std::string_view line = "exec sleep 60") {
    v1::Action action = Service(line);
    action.mutable_live()->set_exec(fmt::format(
        "echo x >> {0}; test -e {1}", dir_ / "probes", dir_ / "alive"));
    *action.mutable_live()->mutable_every() = Millis(10);
    *action.mutable_live()->mutable_timeout() = Millis(20'000);
    return action;
  }
  void AwaitProbes(size_t count) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (test::ReadLines(dir_ / "probes").size() < count) {
      ASSERT_LT(absl::Now(), deadline);
      absl::SleepFor(absl::Milliseconds(5));
    }
  }

  const TempDir dir_;
};

TEST_F(LiveProbeTest, AnAttemptEndsWhenEnoughInARowHaveFailed) {
  dir_.Write("alive", "");
  v1::Action action = Watched();
  action.mutable_live()->set_failures(2);
  const uint64_t fence = env_.Start(action);
  AwaitProbes(3);
  std::filesystem::remove(dir_ / "alive");
  const Record record = env_.Await(fence);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(record.outcome->message,
            "not alive: 2 probes in a row failed; last probe: the probe's "
            "command ended with exit code 1; stopped by TERM");
}

TEST_F(LiveProbeTest, ThreeInARowAreEnoughByDefault) {
  EXPECT_THAT(env_.Run(Watched()).outcome->message,
              HasSubstr("not alive: 3 probes in a row failed"));
  EXPECT_THAT(test::ReadLines(dir_ / "probes"), SizeIs(3));
}

TEST_F(LiveProbeTest, OneThatPassesForgivesThoseBefore) {
  v1::Action action = Watched();
  // Every third passes.
  action.mutable_live()->set_exec(fmt::format(
      "echo x >> {0}; test $(($(wc -l < {0}) % 3)) -eq 0", dir_ / "probes"));
  const uint64_t fence = env_.Start(action);
  AwaitProbes(12);
  env_.Cancel(fence);
  EXPECT_EQ(env_.Await(fence).outcome->state, v1::TASK_STATE_CANCELLED);
}

TEST_F(LiveProbeTest, TheAttemptIsStoppedAsItsPolicySays) {
  v1::Action action = Watched(
      "trap 'echo bye; exit 0' INT; while :; do sleep "
      "0.01; done");
  action.mutable_stop()->set_signal(2);
  const Record record = env_.Run(action);
  EXPECT_EQ(record.out, "bye\n");
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(record.outcome->exit_code, 1);
}

TEST_F(LiveProbeTest, NobodyAsksBeforeItIsReady) {
  const std::string ready = dir_ / "ready";
  v1::Action action = Watched();
  action.mutable_ready()->set_exec(fmt::format("test -e {}", ready));
  *action.mutable_ready()->mutable_every() = Millis(10);
  action.mutable_live()->set_exec(
      fmt::format("echo x >> {}; test -e {}", dir_ / "probes", ready));
  action.mutable_live()->set_failures(1);
  const uint64_t fence = env_.Start(action);
  env_.sink().Await(fence, [](const Record& r) { return r.started; });
  dir_.Write("ready", "");
  AwaitProbes(3);
  env_.Cancel(fence);
  EXPECT_EQ(env_.Await(fence).outcome->state, v1::TASK_STATE_CANCELLED);
}

TEST_F(LiveProbeTest, OneThatHangsHasFailed) {
  v1::Action action = Watched();
  action.mutable_live()->set_exec("sleep 60");
  action.mutable_live()->set_failures(2);
  *action.mutable_live()->mutable_timeout() = Millis(30);
  EXPECT_EQ(env_.Run(action).outcome->message,
            "not alive: 2 probes in a row failed; last probe: the probe's "
            "command: no answer within 30ms; stopped by TERM");
}

TEST_F(LiveProbeTest, AServerThatIsGoneIsNoticed) {
  auto server = std::make_unique<ScriptServer>([](int fd) {
    ReadRequest(fd);
    SendText(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  const std::string url = fmt::format("http://127.0.0.1:{}/", server->port());
  v1::Action action = Service();
  action.mutable_ready()->mutable_http()->set_url(url);
  action.mutable_live()->mutable_http()->set_url(url);
  *action.mutable_live()->mutable_every() = Millis(10);
  const uint64_t fence = env_.Start(action);
  env_.AwaitUp(fence);
  server.reset();
  EXPECT_THAT(env_.Await(fence).outcome->message,
              HasSubstr(fmt::format("GET {}: Connection refused", url)));
}

TEST_F(LiveProbeTest, TheWatchdogMustBeFed) {
  v1::Action action = Service(
      fmt::format("SAY={}; echo $WATCHDOG_USEC; for i in 1 2 3 4 5 6; do $SAY "
                  "WATCHDOG=1; sleep 0.05; done; echo fed; exec sleep 60",
                  W2T_TEST_NOTIFY_SENDER));
  action.mutable_live()->mutable_notify();
  *action.mutable_live()->mutable_every() = Millis(400);
  action.mutable_live()->set_failures(1);
  const Record record = env_.Run(action);
  EXPECT_EQ(record.out, "400000\nfed\n");
  EXPECT_EQ(record.outcome->message,
            "not alive: a probe failed; last probe: no WATCHDOG=1 "
            "within 400ms; stopped by TERM");
}

TEST_F(LiveProbeTest, TheWatchdogMayBeTriggered) {
  v1::Action action = Service(fmt::format("{} WATCHDOG=trigger; exec sleep 60",
                                          W2T_TEST_NOTIFY_SENDER));
  action.mutable_live()->mutable_notify();
  EXPECT_EQ(env_.Run(action).outcome->message,
            "not alive: it said WATCHDOG=trigger; stopped by TERM");
}

TEST_F(LiveProbeTest, WhoStopsByItselfIsNoLongerAsked) {
  v1::Action action = Service(
      fmt::format("SAY={}; $SAY READY=1; until test -e {}; do sleep 0.01; "
                  "done; $SAY STOPPING=1; rm {}; sleep 0.3; exit 3",
                  W2T_TEST_NOTIFY_SENDER, dir_ / "go", dir_ / "alive"));
  dir_.Write("alive", "");
  action.mutable_ready()->mutable_notify();
  action.mutable_live()->set_exec(fmt::format("test -e {}", dir_ / "alive"));
  *action.mutable_live()->mutable_every() = Millis(10);
  action.mutable_live()->set_failures(1);
  const uint64_t fence = env_.Start(action);
  env_.AwaitUp(fence);
  dir_.Write("go", "");
  EXPECT_EQ(env_.Await(fence).outcome->message, "exit code 3");
}

TEST_F(LiveProbeTest, ALogProbeCannotSayIt) {
  v1::Action action = Service();
  action.mutable_live()->set_log_text("x");
  EXPECT_EQ(env_.Run(action).outcome->message,
            "cannot start: live: a log probe is for ready alone");
}

}  // namespace
}  // namespace w2t::worker
