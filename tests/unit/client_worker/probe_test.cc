// Probes against real sockets and programs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/worker/probe/check.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/probe_env.h"

namespace w2t::worker {
namespace {

using test::TempDir;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ProbeTest, ATcpProbePassesOnceThePortAccepts) {
  Port port;
  v1::Action action = Service();
  action.mutable_ready()->set_tcp(std::to_string(port.number()));
  *action.mutable_ready()->mutable_every() = Millis(10);
  const uint64_t fence = env_.Start(action);
  const Record before = env_.sink().Await(
      fence, [](const Record& record) { return record.started; });
  EXPECT_FALSE(before.up);
  port.Listen();
  env_.AwaitUp(fence);
  env_.Cancel(fence);
  env_.Await(fence);
}

TEST_F(ProbeTest, ATcpProbeTakesAHostByNameAndByNumber) {
  Port port;
  port.Listen();
  for (const char* host : {"localhost", "127.0.0.1"}) {
    v1::Action action = Service();
    action.mutable_ready()->set_tcp(fmt::format("{}:{}", host, port.number()));
    EndsWellWhenUp(action);
  }
}

TEST_F(ProbeTest, AServiceThatListensOnIpv6OnlyIsFound) {
  Port port(AF_INET6);
  if (!port.usable()) GTEST_SKIP() << "no IPv6 here";
  port.Listen();
  v1::Action action = Service();
  action.mutable_ready()->set_tcp(std::to_string(port.number()));
  EndsWellWhenUp(action);
}

TEST_F(ProbeTest, NotReadyInTimeIsAFailureWithTheLastProbesWords) {
  const Port port;
  v1::Action action = Service();
  action.mutable_ready()->set_tcp(std::to_string(port.number()));
  *action.mutable_ready()->mutable_deadline() = Millis(200);
  const Record record = env_.Run(action);
  EXPECT_FALSE(record.up);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(record.outcome->message,
            fmt::format("not ready within 200ms; last probe: connect to "
                        "127.0.0.1:{}: Connection refused; stopped by TERM",
                        port.number()));
}

TEST_F(ProbeTest, WhatAProbeFoundIsToldMeanwhile) {
  const Port port;
  v1::Action action = Service();
  action.mutable_ready()->set_tcp(std::to_string(port.number()));
  const uint64_t fence = env_.Start(action);
  const Record first = env_.sink().Await(
      fence, [](const Record& r) { return r.missed.has_value(); });
  EXPECT_EQ(first.missed->message,
            fmt::format("connect to 127.0.0.1:{}: Connection refused",
                        port.number()));
  const uint32_t count = first.missed->count;
  env_.sink().Await(
      fence, [count](const Record& r) { return r.missed->count > count; });
  env_.Cancel(fence);
  env_.Await(fence);
}

TEST_F(ProbeTest, TooManyFailuresInARowAreAFailure) {
  v1::Action action = Service();
  action.mutable_ready()->set_exec("exit 7");
  action.mutable_ready()->set_failures(3);
  const Record record = env_.Run(action);
  EXPECT_EQ(record.outcome->message,
            "not ready: 3 probes in a row failed; last probe: the probe's "
            "command ended with exit code 7; stopped by TERM");
}

TEST_F(ProbeTest, AFailedExecProbeIsToldWithItsLastWords) {
  v1::Action action = Service();
  action.mutable_ready()->set_exec(
      "seq 100000; echo no connection >&2; echo; exit 7");
  action.mutable_ready()->set_failures(1);
  EXPECT_THAT(env_.Run(action).outcome->message,
              HasSubstr("ended with exit code 7: no connection; "));
}

TEST_F(ProbeTest, AnExecProbeRunsInTheTasksEnvironmentAndFolder) {
  const TempDir dir;
  v1::Action action = Service("sleep 0.05; echo $$ > up; exec sleep 60");
  action.mutable_exec()->set_dir(dir.path());
  (*action.mutable_exec()->mutable_env())["NAME"] = "up";
  action.mutable_ready()->set_exec("test -s \"$NAME\"");
  EndsWellWhenUp(action);
}

TEST_F(ProbeTest, AnExecProbeThatHangsIsKilledAndCountsAsFailed) {
  v1::Action action = Service();
  action.mutable_ready()->set_exec("sleep 60");
  *action.mutable_ready()->mutable_timeout() = Millis(30);
  action.mutable_ready()->set_failures(2);
  EXPECT_THAT(env_.Run(action).outcome->message,
              HasSubstr("no answer within 30ms"));
}

TEST_F(ProbeTest, SeveralPassesInARowAreNeeded) {
  const TempDir dir;
  // Passes, fails once, then passes.
  v1::Action action = Service();
  action.mutable_exec()->set_dir(dir.path());
  action.mutable_ready()->set_exec(
      "echo x >> count; test $(wc -l < count) -ne 2");
  action.mutable_ready()->set_successes(3);
  *action.mutable_ready()->mutable_every() = Millis(1);
  EndsWellWhenUp(action);
  EXPECT_EQ(test::ReadLines(dir / "count").size(), 5u);
}

TEST_F(ProbeTest, ALogProbeSeesBothStreams) {
  for (const char* line : {"echo it is ready; exec sleep 60",
                           "echo it is ready >&2; exec sleep 60"}) {
    v1::Action action = Service(line);
    action.mutable_ready()->set_log_text("is ready");
    EndsWellWhenUp(action);
    action.mutable_ready()->set_log_regex("^it is (ready|up)$");
    EndsWellWhenUp(action);
  }
}

TEST_F(ProbeTest, ALineThatNeverCameIsNamed) {
  v1::Action action = Service("echo no; exec sleep 60");
  action.mutable_ready()->set_log_regex("y.s");
  *action.mutable_ready()->mutable_deadline() = Millis(50);
  EXPECT_EQ(env_.Run(action).outcome->message,
            "not ready within 50ms; there was never a line that matches /y.s/; "
            "stopped by TERM");
}

TEST_F(ProbeTest, LastWordsMayBeThatItIsReady) {
  v1::Action action = Service("printf 'up at last'");
  action.mutable_ready()->set_log_regex("last$");
  const Record record = env_.Run(action);
  EXPECT_TRUE(record.up);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
}

TEST_F(ProbeTest, WhoEndsBeforeItIsReadyJustEnds) {
  v1::Action action = Service("exit 5");
  action.mutable_ready()->set_log_text("never");
  const Record record = env_.Run(action);
  EXPECT_FALSE(record.up);
  EXPECT_EQ(record.outcome->message, "exit code 5");
}

TEST_F(ProbeTest, TheFirstProbeWaitsForItsDelay) {
  const TempDir dir;
  v1::Action action = Service();
  action.mutable_exec()->set_dir(dir.path());
  action.mutable_ready()->set_exec("echo x >> count; exit 1");
  *action.mutable_ready()->mutable_initial_delay() = Millis(60'000);
  *action.mutable_ready()->mutable_deadline() = Millis(100);
  EXPECT_EQ(env_.Run(action).outcome->message,
            "not ready within 100ms; no probe has ended; stopped by TERM");
  EXPECT_EQ(test::ReadFile(dir / "count"), "");
}

TEST_F(ProbeTest, AProbeThatMakesNoSenseIsAFailureBeforeTheStart) {
  for (const char* target : {"", "http", "0", "65536", "host:", ":"}) {
    v1::Action action = Service();
    action.mutable_ready()->set_tcp(target);
    const Record record = env_.Run(action);
    EXPECT_FALSE(record.started);
    EXPECT_THAT(record.outcome->message, StartsWith("cannot start: ready: "));
  }
  v1::Action action = Service();
  action.mutable_ready()->set_log_regex("(");
  EXPECT_THAT(env_.Run(action).outcome->message,
              StartsWith("cannot start: ready: log: "));
}

TEST(ParseHostPortTest, TakesBracketsOffAnIpv6Host) {
  const auto target = ParseHostPort("[::1]:80");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->host, "::1");
  EXPECT_EQ(target->port, "80");
}

}  // namespace
}  // namespace w2t::worker
