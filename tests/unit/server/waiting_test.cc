#include "server/rpc/waiting.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

class WaitingTest : public ::testing::Test {
 protected:
  // Why the first task of the only run makes others wait, so much later.
  std::string Why(absl::Duration later = absl::ZeroDuration()) const {
    const w2t::Run& run = *engine_.engine().runs().begin()->second;
    return Waiting(engine_.engine(), run, engine_.now() + later).Of(0);
  }

  EngineFixture engine_;
};

TEST_F(WaitingTest, AReadyTaskWithoutAWorker) {
  engine_.Submit(MakeGraph("g", 1));
  EXPECT_EQ(Why(), "no worker is connected");
}

TEST_F(WaitingTest, AServiceWhoseProbeHasNotPassed) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->set_kind(v1::TASK_KIND_SERVICE);
  v1::Probe& probe = *graph.mutable_actions(0)->mutable_ready();
  probe.set_tcp("1");
  engine_.AddWorker(1);
  engine_.Submit(graph);
  EXPECT_EQ(Why(), "");  // it has not started
  engine_.ReportAll(TaskState::kRunning);
  EXPECT_EQ(Why(absl::Milliseconds(7'500)),
            "waits for its probe tcp:1; 52s left of its deadline");
  EXPECT_EQ(Why(absl::Hours(1)),
            "waits for its probe tcp:1; 0 left of its deadline");
}

TEST_F(WaitingTest, AServiceWhoseProbeHasFailedSaysWhatItFound) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->set_kind(v1::TASK_KIND_SERVICE);
  graph.mutable_actions(0)->mutable_ready()->mutable_http()->set_url(
      "http://x/y");
  engine_.AddWorker(1);
  engine_.Submit(graph);
  engine_.ReportAll(TaskState::kRunning);
  const w2t::Run& run = *engine_.engine().runs().begin()->second;
  const auto find = [&](SessionId session,
                        uint64_t fence) -> std::optional<ProbeNews> {
    EXPECT_EQ(session, SessionId{1});
    EXPECT_EQ(fence, run.task(0).fence.value);
    return ProbeNews{.count = 7,
                     .message = "GET http://x/y: Connection refused",
                     .when = engine_.now() + absl::Seconds(1)};
  };
  EXPECT_EQ(
      Waiting(engine_.engine(), run, engine_.now() + absl::Seconds(3), find)
          .Of(0),
      "waits for its probe http://x/y; probe 7 failed 2s ago: GET "
      "http://x/y: Connection refused; 57s left of its deadline");
}

TEST_F(WaitingTest, ATaskThatRunsHasNothingToSay) {
  engine_.AddWorker(1);
  engine_.Submit(MakeGraph("g", 1));
  engine_.ReportAll(TaskState::kRunning);
  EXPECT_EQ(Why(), "");
}

TEST_F(WaitingTest, ATaskWhoseWorkerIsDetached) {
  engine_.AddWorker(1);
  engine_.Submit(MakeGraph("g", 1));
  engine_.ReportAll(TaskState::kRunning);
  engine_.Step(SessionClosedEvent{SessionId{1}});
  EXPECT_EQ(Why(absl::Seconds(2)),
            "its worker w1 is detached, and given up in 8s unless it comes "
            "back");
}

TEST_F(WaitingTest, ATaskThatIsTriedAgainLater) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->mutable_retry()->set_attempts(2);
  graph.mutable_tasks(0)
      ->mutable_retry()
      ->mutable_initial_backoff()
      ->set_seconds(5);
  engine_.AddWorker(1);
  engine_.Submit(graph);
  engine_.ReportAll(TaskState::kFailed, 3);
  const auto wait =
      absl::Microseconds(engine_.engine().FindRun("g-1")->BackoffUs(0));
  EXPECT_EQ(Why(wait - absl::Seconds(3)),
            "attempt 1 ended: exit code 3; attempt 2 in 3s");
  EXPECT_EQ(Why(wait - absl::Milliseconds(250)),
            "attempt 1 ended: exit code 3; attempt 2 in 250ms");
}

}  // namespace
}  // namespace w2t::server
