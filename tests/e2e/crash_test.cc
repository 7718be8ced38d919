// Processes that are killed: what was reported done stays done, what was
// running is found again or runs elsewhere, and nothing is lost.
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"

namespace w2t::test {
namespace {

constexpr int kTasks = 200;

class CrashTest : public FleetTest {
 protected:
  // Tasks that each append "name attempt" to the file `ran`, in a graph that is
  // neither flat nor a chain.
  v1::Graph Appenders() const {
    v1::Graph graph;
    graph.set_name("crash");
    for (int i = 0; i < kTasks; ++i) {
      std::vector<std::string> after;
      if (i >= 7) after.push_back(fmt::format("t{}", i - 7));
      if (i >= 10) after.push_back(fmt::format("t{}", i - 10));
      AddShell(graph, fmt::format("t{}", i), Append() + "; sleep 0.02", after);
    }
    return graph;
  }
  // A task that says that it has started, and ends when the file `go` is there.
  v1::Graph Gated() const {
    v1::Graph graph;
    graph.set_name("gated");
    AddShell(graph, "gate",
             Append() + "; " + WaitForFile(go()) + "; " +
                 fmt::format("touch '{}'", dir_ / "ended"));
    AddShell(graph, "after", Append(), {"gate"});
    return graph;
  }
  std::string Append() const {
    return fmt::format("echo \"$W2T_TASK $W2T_ATTEMPT\" >> '{}'", ran());
  }
  std::string ran() const { return dir_ / "ran"; }
  std::string go() const { return dir_ / "go"; }
  bool WaitForStart() const {
    return Eventually([this] { return !ReadLines(ran()).empty(); });
  }
};

std::map<std::string, uint32_t> DoneIn(const Watch& watch) {
  std::map<std::string, uint32_t> done;
  for (const auto& [name, seen] : watch.tasks()) {
    if (seen.first == v1::TASK_STATE_SUCCEEDED) done[name] = seen.second;
  }
  return done;
}

TEST_F(CrashTest, DaemonKilledThriceLosesNothingAndRepeatsNothing) {
  StartDaemon({"--reattach-window", "60s"});
  AddWorker({.name = "w1", .slots = 3});
  AddWorker({.name = "w2", .slots = 3});
  ASSERT_TRUE(client_->WaitForWorkers(2));
  const std::string run_id = client_->Submit(Appenders());

  std::vector<std::string> names;
  for (int i = 0; i < kTasks; ++i) names.push_back(fmt::format("t{}", i));
  std::map<std::string, uint32_t> done;
  uint64_t last_seq = 0;
  for (const size_t count : {30, 90, 150}) {
    Watch watch(daemon_->address(), run_id);
    ASSERT_TRUE(watch.WaitForTasks(count, v1::TASK_STATE_SUCCEEDED));
    daemon_->Kill();
    watch.Finish();
    EXPECT_TRUE(watch.gapless());
    EXPECT_GE(watch.last_seq(), last_seq);
    last_seq = watch.last_seq();
    for (const auto& [name, attempt] : done) {
      EXPECT_TRUE(DoneIn(watch).contains(name)) << name << " was forgotten";
    }
    done = DoneIn(watch);
    RestartDaemon();
  }
  // What had been seen last is still there to go on from.
  Watch resumed(daemon_->address(), run_id, last_seq, names);
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << run.ShortDebugString();
  EXPECT_EQ(run.counts().succeeded(), kTasks);
  EXPECT_TRUE(resumed.Finish().ok());
  EXPECT_TRUE(resumed.gapless());

  std::map<std::string, std::vector<std::string>> lines;
  for (const auto& line : ReadLines(ran())) {
    lines[line.substr(0, line.find(' '))].push_back(line);
  }
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  ASSERT_EQ(tasks.size(), kTasks);
  for (const auto& task : tasks) {
    EXPECT_EQ(task.state(), v1::TASK_STATE_SUCCEEDED) << task.name();
    // The workers lived on, so that even what was running ran once only.
    EXPECT_EQ(lines[task.name()].size(), 1u)
        << ::testing::PrintToString(lines[task.name()]);
    if (done.contains(task.name())) {
      EXPECT_EQ(task.attempt(), done[task.name()]) << task.name();
    }
  }
}

TEST_F(CrashTest, RunningTaskIsFoundAgainAfterTheDaemonWasKilled) {
  StartDaemon({"--reattach-window", "60s"});
  AddWorker({});
  const std::string run_id = client_->Submit(Gated());
  ASSERT_TRUE(WaitForStart());
  ASSERT_TRUE(client_->WaitForTask(run_id, "gate", v1::TASK_STATE_RUNNING));
  daemon_->Kill();
  RestartDaemon();
  ASSERT_TRUE(client_->WaitForWorkers(1));
  EXPECT_EQ(FindTask(client_->ListTasks(run_id), "gate")->state(),
            v1::TASK_STATE_RUNNING);
  dir_.Write("go", "");
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_THAT(ReadLines(ran()), ::testing::ElementsAre("gate 1", "after 1"));
}

TEST_F(CrashTest, OutcomeOfATaskThatEndedWithoutADaemonIsNotLost) {
  StartDaemon({"--reattach-window", "60s"});
  AddWorker({});
  const std::string run_id = client_->Submit(Gated());
  ASSERT_TRUE(client_->WaitForTask(run_id, "gate", v1::TASK_STATE_RUNNING));
  daemon_->Kill();
  dir_.Write("go", "");
  ASSERT_TRUE(
      Eventually([this] { return std::filesystem::exists(dir_ / "ended"); }));
  RestartDaemon();
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_THAT(ReadLines(ran()), ::testing::ElementsAre("gate 1", "after 1"));
}

TEST_F(CrashTest, TasksOfAKilledWorkerRunElsewhere) {
  StartDaemon({"--reattach-window", "300ms"});
  Process& first = AddWorker({.name = "w1", .slots = 2});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const std::string run_id = client_->Submit(Gated());
  ASSERT_TRUE(client_->WaitForTask(run_id, "gate", v1::TASK_STATE_RUNNING));
  ASSERT_TRUE(WaitForStart());
  AddWorker({.name = "w2", .slots = 2});
  ASSERT_TRUE(client_->WaitForWorkers(2));
  first.Kill();
  // No second copy beside the first: a worker's tasks do not outlive it.
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
  ASSERT_TRUE(Eventually([this] { return ReadLines(ran()).size() == 2; }));
  dir_.Write("go", "");
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_THAT(ReadLines(ran()),
              ::testing::ElementsAre("gate 1", "gate 2", "after 1"));
  EXPECT_EQ(FindTask(client_->ListTasks(run_id), "gate")->worker(), "w2");
}

TEST_F(CrashTest, WhatMustNotRunTwiceIsLostWithItsWorker) {
  StartDaemon({"--reattach-window", "300ms"});
  Process& first = AddWorker({.name = "w1", .slots = 2});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  v1::Graph graph = Gated();
  graph.mutable_tasks(0)->set_side_effect(v1::SIDE_EFFECT_AT_MOST_ONCE);
  const std::string run_id = client_->Submit(graph);
  ASSERT_TRUE(client_->WaitForTask(run_id, "gate", v1::TASK_STATE_RUNNING));
  ASSERT_TRUE(WaitForStart());
  AddWorker({.name = "w2", .slots = 2});
  ASSERT_TRUE(client_->WaitForWorkers(2));
  first.Kill();
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_FAILED);
  EXPECT_THAT(ReadLines(ran()), ::testing::ElementsAre("gate 1"));
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  EXPECT_EQ(FindTask(tasks, "gate")->state(), v1::TASK_STATE_LOST);
  EXPECT_THAT(FindTask(tasks, "gate")->message(),
              ::testing::HasSubstr("lost, outcome unknown: worker \"w1\""));
  EXPECT_EQ(FindTask(tasks, "after")->state(), v1::TASK_STATE_SKIPPED);
}

TEST_F(CrashTest, WorkerStoppedTwiceHandsItsTasksOverAtOnce) {
  // Longer than the test may last: nobody waits for the worker to come back.
  StartDaemon({"--reattach-window", "1h"});
  Process& first = AddWorker({.name = "first", .slots = 1});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const std::string run_id = client_->Submit(Gated());
  ASSERT_TRUE(WaitForStart());
  AddWorker({.name = "second", .slots = 1});
  ASSERT_TRUE(client_->WaitForWorkers(2));
  first.Signal(SIGTERM);
  ASSERT_TRUE(first.WaitForLine("worker.leaving"));
  first.Signal(SIGTERM);
  EXPECT_EQ(first.WaitForExit().code, 0) << first.err();
  dir_.Write("go", "");
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_THAT(ReadLines(ran()),
              ::testing::ElementsAre("gate 1", "gate 2", "after 1"));
}

TEST_F(CrashTest, WorkerKilledInTheMiddleOfManyTasksLosesNone) {
  StartDaemon({"--reattach-window", "300ms"});
  Process& first = AddWorker({.name = "w1", .slots = 3});
  AddWorker({.name = "w2", .slots = 3});
  ASSERT_TRUE(client_->WaitForWorkers(2));
  const std::string run_id = client_->Submit(Appenders());
  Watch watch(daemon_->address(), run_id);
  ASSERT_TRUE(watch.WaitForTasks(60, v1::TASK_STATE_SUCCEEDED));
  first.Kill();
  const std::map<std::string, uint32_t> done = DoneIn(watch);
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << run.ShortDebugString();
  EXPECT_EQ(run.counts().succeeded(), kTasks);
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_TRUE(watch.gapless());

  std::map<std::string, int> times;
  for (const auto& line : ReadLines(ran())) {
    ++times[line.substr(0, line.find(' '))];
  }
  EXPECT_EQ(times.size(), kTasks);
  for (const auto& [name, attempt] : done) {
    EXPECT_EQ(times[name], attempt) << name << " was done and ran again";
  }
}

TEST_F(CrashTest, TerminatedDaemonGoesOnAfterItsRestart) {
  StartDaemon({"--reattach-window", "60s", "--shutdown-grace", "300ms"});
  AddWorker({});
  const std::string run_id = client_->Submit(Gated());
  ASSERT_TRUE(client_->WaitForTask(run_id, "gate", v1::TASK_STATE_RUNNING));
  const ExitStatus status = daemon_->Stop();
  EXPECT_EQ(status.code, 0) << status.ToString() << daemon_->process().err();
  RestartDaemon();
  ASSERT_TRUE(client_->WaitForWorkers(1));
  dir_.Write("go", "");
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_THAT(ReadLines(ran()), ::testing::ElementsAre("gate 1", "after 1"));
}

TEST_F(CrashTest, TerminatedWorkerFinishesWhatItHasAndTakesNothingNew) {
  StartDaemon();
  Process& first = AddWorker({.name = "w1"});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const std::string run_id = client_->Submit(Gated());
  ASSERT_TRUE(client_->WaitForTask(run_id, "gate", v1::TASK_STATE_RUNNING));
  AddWorker({.name = "w2"});
  ASSERT_TRUE(client_->WaitForWorkers(2));
  first.Signal(SIGTERM);
  // It says that it leaves; only then may the gate open, or it could still be
  // given the next task.
  ASSERT_TRUE(Eventually([this] {
    for (const auto& worker : client_->ListWorkers()) {
      if (worker.name() == "w1") {
        return worker.state() == v1::WORKER_STATE_DRAINING;
      }
    }
    return false;
  }));
  dir_.Write("go", "");
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(first.WaitForExit().code, 0) << first.err();
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  EXPECT_EQ(FindTask(tasks, "gate")->worker(), "w1");
  EXPECT_EQ(FindTask(tasks, "after")->worker(), "w2");
}

}  // namespace
}  // namespace w2t::test
