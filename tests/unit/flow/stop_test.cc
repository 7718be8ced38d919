// Runs that are stopped.
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

TEST(FlowStopTest, WhatHasNotStartedIsCancelled) {
  Graph graph;
  std::stop_source source;
  const auto first = graph.Add("first", [&] { source.request_stop(); });
  const auto second = graph.Add("second", After(first), [] {});
  const auto third = graph.Add("third", After(second), [] {});
  const Result result = Executor::Cooperative().Run(
      std::move(graph), {.stop = source.get_token()});
  EXPECT_EQ(result.state(first), TaskState::kSucceeded);
  EXPECT_EQ(result.state(second), TaskState::kCancelled);
  EXPECT_EQ(result.state(third), TaskState::kCancelled);
  EXPECT_EQ(result.cancelled(), 2u);
  EXPECT_EQ(result.status(), absl::CancelledError("the run was stopped"));
  EXPECT_TRUE(absl::IsCancelled(result[second]));
}

TEST(FlowStopTest, BodiesAreAskedToStop) {
  Graph graph;
  absl::Notification started;
  const auto waits = graph.Add("waits", [&](std::stop_token stop) {
    started.Notify();
    absl::Notification stopped;
    std::stop_callback told(stop, [&] { stopped.Notify(); });
    stopped.WaitForNotification();
    return 1;
  });
  Executor executor(1);
  Execution run = executor.Start(std::move(graph));
  started.WaitForNotification();
  run.RequestStop();
  const Result result = run.Wait();
  EXPECT_EQ(*result[waits], 1) << "a body that ends well has succeeded";
  EXPECT_TRUE(result.ok());
}

TEST(FlowStopTest, ADeadlineEndsSleeps) {
  Graph graph;
  ManualHost host;
  const auto sleeper = graph.Add("sleeper", []() -> Async<bool> {
    co_return co_await Sleep(absl::Hours(1));
  });
  const auto behind = graph.Add("behind", After(sleeper), [](bool) {});
  Execution run =
      Executor(host).Start(std::move(graph), {.deadline = absl::Seconds(5)});
  host.Advance(absl::Seconds(4.9));
  EXPECT_FALSE(run.done());
  host.Advance(absl::Seconds(0.1));
  ASSERT_TRUE(run.done());
  const Result result = run.Wait();
  EXPECT_FALSE(*result[sleeper]) << "its sleep was cut short";
  EXPECT_EQ(result.state(behind), TaskState::kCancelled);
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
}

TEST(FlowStopTest, ADeadlineThatIsNotReachedChangesNothing) {
  Graph graph;
  graph.Add("a", [] {});
  EXPECT_TRUE(
      Executor(1).Run(std::move(graph), {.deadline = absl::Hours(1)}).ok());
}

TEST(FlowStopTest, ADeadlineThatHasPassedLetsNothingStart) {
  Graph graph;
  const auto a = graph.Add("a", [] {});
  const Result result = Executor::Cooperative().Run(
      std::move(graph), {.deadline = absl::ZeroDuration()});
  EXPECT_EQ(result.state(a), TaskState::kCancelled);
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
}

TEST(FlowStopTest, ARetryIsNotWaitedFor) {
  Graph graph;
  ManualHost host;
  std::stop_source source;
  const auto bad = graph.Add("bad", [] { return absl::AbortedError("no"); });
  graph.Retry(bad, {.attempts = 9, .initial_backoff = absl::Hours(1)});
  Execution run =
      Executor(host).Start(std::move(graph), {.stop = source.get_token()});
  host.RunAll();
  EXPECT_FALSE(run.done());
  source.request_stop();
  host.RunAll();
  ASSERT_TRUE(run.done());
  EXPECT_EQ(run.Wait()[bad], absl::AbortedError("no"));
}

TEST(FlowStopTest, AnExecutionThatIsDroppedIsStopped) {
  Graph graph;
  absl::Notification started;
  bool woken = false;
  graph.Add("sleeper", [&]() -> Async<> {
    started.Notify();
    woken = !co_await Sleep(absl::Hours(1));
  });
  Executor executor(2);
  {
    const Execution run = executor.Start(std::move(graph));
    started.WaitForNotification();
  }
  EXPECT_TRUE(woken);
}

TEST(FlowStopTest, ARunMayBeStoppedBeforeItStarts) {
  Graph graph;
  std::stop_source source;
  source.request_stop();
  const auto a = graph.Add("a", [] {});
  const Result result = Executor::Cooperative().Run(
      std::move(graph), {.stop = source.get_token()});
  EXPECT_EQ(result.state(a), TaskState::kCancelled);
}

}  // namespace
}  // namespace w2t::flow
