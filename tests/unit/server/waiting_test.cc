#include "server/rpc/waiting.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

using ::testing::EndsWith;

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
  EXPECT_EQ(Why(), "its worker has not said yet that it has started");
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

TEST_F(WaitingTest, AServiceThatHasNotStartedSaysWhatItsWorkerSays) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->set_kind(v1::TASK_KIND_SERVICE);
  graph.mutable_actions(0)->mutable_ready()->set_tcp("1");
  engine_.AddWorker(1);
  engine_.Submit(graph);
  const w2t::Run& run = *engine_.engine().runs().begin()->second;
  const auto find = [](SessionId, uint64_t) -> std::optional<ProbeNews> {
    return ProbeNews{.message = "waits for its turn"};
  };
  EXPECT_EQ(Waiting(engine_.engine(), run, engine_.now(), find).Of(0),
            "waits for its turn");
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
            "attempt 1 ended: exit code 3; attempt 2 in 3s; 1 of 2 attempts "
            "left");
  EXPECT_EQ(Why(wait - absl::Milliseconds(250)),
            "attempt 1 ended: exit code 3; attempt 2 in 250ms; 1 of 2 "
            "attempts left");
}

TEST_F(WaitingTest, AServiceThatIsRestartedSaysHowOftenItMayBe) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->set_kind(v1::TASK_KIND_SERVICE);
  v1::RetryPolicy& retry = *graph.mutable_tasks(0)->mutable_retry();
  retry.set_attempts(4);
  retry.mutable_initial_backoff()->set_seconds(5);
  retry.mutable_window()->set_seconds(600);
  engine_.AddWorker(1);
  engine_.Submit(graph);
  engine_.ReportAll(TaskState::kFailed, 3);
  EXPECT_THAT(Why(), EndsWith("; 3 of 3 restarts left in 10m"));
}

TEST_F(WaitingTest, AServiceWhoseRestartsHaveNoLimitSaysSo) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_tasks(0)->set_kind(v1::TASK_KIND_SERVICE);
  v1::RetryPolicy& retry = *graph.mutable_tasks(0)->mutable_retry();
  retry.set_unlimited(true);
  retry.mutable_initial_backoff()->set_seconds(5);
  engine_.AddWorker(1);
  engine_.Submit(graph);
  engine_.ReportAll(TaskState::kFailed, 3);
  EXPECT_THAT(Why(), EndsWith("; restarts have no limit"));
}

TEST_F(WaitingTest, ATaskThatIsBeingStoppedSaysWhenItIsKilled) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_actions(0)->mutable_stop()->mutable_grace()->set_seconds(90);
  engine_.AddWorker(1);
  engine_.Submit(graph);
  engine_.ReportAll(TaskState::kRunning);
  engine_.Step(CancelEvent{.run_id = "g-1"});
  EXPECT_EQ(Why(absl::Seconds(20)),
            "told to stop 20s ago, and killed in 1m10s");
  EXPECT_EQ(
      Why(absl::Seconds(95)),
      "told to stop 1m35s ago, and being killed, since it was given 1m30s");
}

TEST_F(WaitingTest, ACancelledTaskSaysWhy) {
  engine_.Submit(MakeGraph("g", 1));
  engine_.Step(CancelEvent{.run_id = "g-1", .reason = "taken down"});
  EXPECT_EQ(Why(), "the run was cancelled: taken down");
}

TEST_F(WaitingTest, TellsWhatIsLeftOfATimeout) {
  v1::Graph graph = MakeGraph("g", 1);
  graph.mutable_actions(0)->mutable_timeout()->set_seconds(60);
  engine_.AddWorker(1);
  engine_.Submit(graph);
  const w2t::Run& run = *engine_.engine().runs().begin()->second;
  const auto left = [&](absl::Duration later) {
    return Waiting(engine_.engine(), run, engine_.now() + later).TimeLeft(0);
  };
  EXPECT_EQ(left(absl::ZeroDuration()), absl::InfiniteDuration());
  engine_.ReportAll(TaskState::kRunning);
  EXPECT_EQ(left(absl::Seconds(20)), absl::Seconds(40));
  EXPECT_EQ(left(absl::Seconds(80)), absl::ZeroDuration());
}

}  // namespace
}  // namespace w2t::server
