// Services outlive a worker that is killed: the next process of it goes on with
// them, or says that they have ended; there is never a second copy.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"

namespace w2t::test {
namespace {

using ::testing::HasSubstr;

// Counts up on both streams, as fast as it is read.
constexpr char kCount[] =
    "i=0; while :; do i=$((i+1)); echo out $i; echo err $i >&2; done";
constexpr char kGoOn[] = "while :; do sleep 0.05; done";

// Processes that were started for the run, in whatever way.
std::set<pid_t> ProcessesOf(const std::string& run_id) {
  const std::string mark = fmt::format("W2T_RUN_ID={}", run_id);
  std::set<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string environment((std::istreambuf_iterator<char>(file)), {});
    if (environment.find(mark) != std::string::npos) found.insert(pid);
  }
  return found;
}

std::optional<pid_t> GuardOf(pid_t worker) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    const std::string stat = ReadFile(entry.path() / "stat");
    const std::string parent = fmt::format("(w2t-guard) S {} ", worker);
    if (stat.find(parent) != std::string::npos) return pid;
  }
  return std::nullopt;
}

// The numbers after `word` in the lines of a log, which are to count up. The
// last line may be half of one.
::testing::AssertionResult CountsUp(const std::string& log,
                                    const std::string& word) {
  int last = 0;
  for (const std::string& line :
       SplitLines(std::string_view(log).substr(0, log.rfind('\n') + 1))) {
    const int number = std::atoi(line.c_str() + word.size());
    if (number != last + 1) {
      return ::testing::AssertionFailure()
             << word << number << " comes after " << last;
    }
    last = number;
  }
  return last > 0 ? ::testing::AssertionSuccess()
                  : ::testing::AssertionFailure() << "nothing was printed";
}

class AdoptionTest : public FleetTest {
 protected:
  void Start() {
    StartDaemon({"--reattach-window", "60s"});
    StartOne();
    ASSERT_TRUE(client_->WaitForWorkers(1));
  }
  Process& StartOne() {
    workers_.clear();
    return AddWorker({.slots = 4, .state = dir_ / "state"});
  }
  void KillWorker() { workers_.back()->Kill(); }

  // A service that says which process it is in the file `pid`.
  v1::Graph Service(const std::string& command) {
    v1::Graph graph;
    // Run ids are the marks that ProcessesOf looks for: of this test alone.
    graph.set_name(fmt::format("adoption-{}", getpid()));
    v1::Task& service =
        AddShell(graph, "service",
                 fmt::format("echo $$ >> '{}'; {}", dir_ / "pid", command));
    service.set_kind(v1::TASK_KIND_SERVICE);
    return graph;
  }
  v1::Probe& LogProbe(v1::Graph& graph, const std::string& text) {
    v1::Probe& ready = *graph.mutable_actions(0)->mutable_ready();
    ready.set_log_text(text);
    return ready;
  }
  std::string SubmitHeld(const v1::Graph& graph) {
    const std::string run_id = client_->Submit(graph, /*hold=*/true);
    EXPECT_TRUE(client_->WaitForTask(run_id, "service", UpState(graph)));
    Eventually([this] { return !Pids().empty(); });
    return run_id;
  }
  static v1::TaskState UpState(const v1::Graph& graph) {
    return graph.actions(0).has_ready() ? v1::TASK_STATE_UP
                                        : v1::TASK_STATE_RUNNING;
  }
  std::vector<std::string> Pids() { return ReadLines(dir_ / "pid"); }
  bool WaitForLine(const std::string& run_id, const std::string& line) {
    return Eventually([&] {
      return client_->ReadLogs(run_id, "service").find(line) !=
             std::string::npos;
    });
  }
  v1::TaskStatus Status(const std::string& run_id) {
    const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
    return *FindTask(tasks, "service");
  }
  // Cancels the run and waits for its end; no process of it is left then.
  void ExpectStops(const std::string& run_id) {
    client_->Cancel(run_id);
    client_->WaitForEnd(run_id);
    EXPECT_THAT(ProcessesOf(run_id), ::testing::IsEmpty());
  }
};

TEST_F(AdoptionTest, AKilledWorkersServiceGoesOnAndNoByteOfItsOutputIsLost) {
  Start();
  v1::Graph graph = Service(kCount);
  LogProbe(graph, "out 100");
  const std::string run_id = SubmitHeld(graph);
  for (int round = 1; round <= 5; ++round) {
    KillWorker();
    StartOne();
    ASSERT_TRUE(client_->WaitForWorkers(1));
  }
  ASSERT_TRUE(WaitForLine(run_id, "the worker was restarted"));
  EXPECT_EQ(Pids().size(), 1u);
  EXPECT_EQ(Status(run_id).attempt(), 1u);
  EXPECT_EQ(Status(run_id).state(), v1::TASK_STATE_UP);
  ExpectStops(run_id);
  for (const auto& [stream, word] :
       {std::pair(v1::LOG_STREAM_STDOUT, "out "),
        std::pair(v1::LOG_STREAM_STDERR, "err ")}) {
    EXPECT_TRUE(CountsUp(client_->ReadLogs(run_id, "service", stream), word));
  }
}

// Then nobody has the pipes but the service itself.
TEST_F(AdoptionTest, ItGoesOnWhenTheGuardIsKilledToo) {
  Start();
  const std::string run_id = SubmitHeld(Service(kCount));
  ASSERT_TRUE(WaitForLine(run_id, "out 100"));
  const std::optional<pid_t> guard = GuardOf(workers_.back()->pid());
  ASSERT_TRUE(guard.has_value());
  kill(*guard, SIGKILL);
  KillWorker();
  StartOne();
  ASSERT_TRUE(WaitForLine(run_id, "the worker was restarted"));
  EXPECT_EQ(Pids().size(), 1u);
  ExpectStops(run_id);
  EXPECT_TRUE(CountsUp(
      client_->ReadLogs(run_id, "service", v1::LOG_STREAM_STDOUT), "out "));
}

TEST_F(AdoptionTest, AServiceThatEndsMeanwhileIsReportedWithItsLastWords) {
  Start();
  const std::string run_id = SubmitHeld(Service(fmt::format(
      "echo on; {}; echo last words; exit 7", WaitForFile(dir_ / "go"))));
  ASSERT_TRUE(WaitForLine(run_id, "on"));
  KillWorker();
  dir_.Write("go", "");
  ASSERT_TRUE(Eventually([&] { return ProcessesOf(run_id).empty(); }));
  StartOne();
  const v1::Run run = client_->WaitForEnd(run_id);
  ASSERT_EQ(run.failures_size(), 1) << run.ShortDebugString();
  EXPECT_THAT(run.failures(0).message(),
              HasSubstr("it ended while no worker was there"));
  EXPECT_THAT(client_->ReadLogs(run_id, "service"), HasSubstr("last words"));
}

TEST_F(AdoptionTest, AServiceThatEndsLaterIsReported) {
  Start();
  const std::string run_id = SubmitHeld(Service(
      fmt::format("{}; echo last words; exit 7", WaitForFile(dir_ / "go"))));
  KillWorker();
  StartOne();
  ASSERT_TRUE(WaitForLine(run_id, "the worker was restarted"));
  dir_.Write("go", "");
  const v1::Run run = client_->WaitForEnd(run_id);
  ASSERT_EQ(run.failures_size(), 1) << run.ShortDebugString();
  EXPECT_THAT(run.failures(0).message(),
              HasSubstr("it ended; its exit code is unknown"));
  EXPECT_THAT(client_->ReadLogs(run_id, "service"), HasSubstr("last words"));
}

TEST_F(AdoptionTest, WhatItLetLooseIsStoppedWithIt) {
  Start();
  const std::string daemon = dir_.Write(
      "daemon.sh",
      fmt::format("trap '' TERM; touch '{}'; {}", dir_ / "loose", kGoOn));
  v1::Graph graph = Service(
      fmt::format("(setsid sh '{}' </dev/null >/dev/null 2>&1 &); {}; {}",
                  daemon, WaitForFile(dir_ / "loose"), kGoOn));
  graph.mutable_actions(0)->mutable_stop()->mutable_grace()->set_nanos(
      200'000'000);
  const std::string run_id = SubmitHeld(graph);
  ASSERT_TRUE(
      Eventually([&] { return std::filesystem::exists(dir_ / "loose"); }));
  KillWorker();
  StartOne();
  ASSERT_TRUE(WaitForLine(run_id, "the worker was restarted"));
  EXPECT_GE(ProcessesOf(run_id).size(), 2u);
  ExpectStops(run_id);
}

TEST_F(AdoptionTest, ALiveProbeGoesOn) {
  Start();
  v1::Graph graph = Service(kGoOn);
  v1::Probe& live = *graph.mutable_actions(0)->mutable_live();
  live.set_exec(fmt::format("! test -e '{}'", dir_ / "unwell"));
  live.mutable_every()->set_nanos(20'000'000);
  live.set_failures(2);
  const std::string run_id = SubmitHeld(graph);
  KillWorker();
  StartOne();
  ASSERT_TRUE(WaitForLine(run_id, "the worker was restarted"));
  dir_.Write("unwell", "");
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED) << run.ShortDebugString();
  EXPECT_THAT(ProcessesOf(run_id), ::testing::IsEmpty());
}

TEST_F(AdoptionTest, ATaskOfAKilledWorkerIsRunAgainBesideTheServiceThatGoesOn) {
  Start();
  v1::Graph graph = Service(kGoOn);
  AddShell(graph, "task",
           fmt::format("echo $W2T_ATTEMPT >> '{}'; {}", dir_ / "ran",
                       WaitForFile(dir_ / "go")),
           {"service"});
  const std::string run_id = SubmitHeld(graph);
  ASSERT_TRUE(Eventually([&] { return !ReadLines(dir_ / "ran").empty(); }));
  KillWorker();
  StartOne();
  ASSERT_TRUE(Eventually([&] { return ReadLines(dir_ / "ran").size() == 2u; }));
  dir_.Write("go", "");
  ASSERT_TRUE(client_->WaitForTask(run_id, "task", v1::TASK_STATE_SUCCEEDED));
  EXPECT_EQ(Pids().size(), 1u);
  ExpectStops(run_id);
}

// It may have run: the next process does not prove that it did not.
TEST_F(AdoptionTest, ATaskThatRunsAtMostOnceIsNotRunAgain) {
  Start();
  v1::Graph graph = Service(kGoOn);
  v1::Task& task = AddShell(
      graph, "task",
      fmt::format("echo 1 >> '{}'; {}", dir_ / "ran", WaitForFile(dir_ / "go")),
      {"service"});
  task.set_side_effect(v1::SIDE_EFFECT_AT_MOST_ONCE);
  const std::string run_id = client_->Submit(graph);
  ASSERT_TRUE(Eventually([&] { return !ReadLines(dir_ / "ran").empty(); }));
  KillWorker();
  StartOne();
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(ReadLines(dir_ / "ran").size(), 1u);
}

TEST_F(AdoptionTest, TwentyKillsLeaveNothingBehind) {
  Start();
  v1::Graph graph = Service(kGoOn);
  for (int i = 0; i < 10; ++i) {
    AddShell(graph, fmt::format("s{}", i),
             fmt::format("(setsid {} &); {}", "sleep 600", kGoOn))
        .set_kind(v1::TASK_KIND_SERVICE);
    // Each one makes up for it by starting anew.
    graph.mutable_tasks(i + 1)->mutable_retry()->set_attempts(1'000);
  }
  const std::string run_id = client_->Submit(graph, /*hold=*/true);
  for (int kill = 0; kill < 20; ++kill) {
    std::this_thread::sleep_for(std::chrono::milliseconds(13 * kill % 97));
    KillWorker();
    StartOne();
  }
  ASSERT_TRUE(client_->WaitForWorkers(1));
  ExpectStops(run_id);
}

// One has been started and is not ready, which it will never be, and does not
// heed the signal; the others wait for their start or for the first.
TEST_F(AdoptionTest, AStopWhileServicesAreStartingLeavesNothing) {
  Start();
  v1::Graph graph = Service(fmt::format("trap '' TERM; {}", kGoOn));
  LogProbe(graph, "it is ready");
  graph.mutable_actions(0)->mutable_stop()->mutable_grace()->set_nanos(
      200'000'000);
  AddShell(graph, "waiter", kGoOn, {"service"}).set_kind(v1::TASK_KIND_SERVICE);
  for (int i = 0; i < 50; ++i) {
    AddShell(graph, fmt::format("s{}", i), kGoOn)
        .set_kind(v1::TASK_KIND_SERVICE);
  }
  const std::string run_id = client_->Submit(graph, /*hold=*/true);
  ASSERT_TRUE(Eventually([&] { return !Pids().empty(); }));
  ExpectStops(run_id);
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  EXPECT_EQ(FindTask(tasks, "service")->state(), v1::TASK_STATE_CANCELLED);
  EXPECT_THAT(FindTask(tasks, "service")->message(),
              HasSubstr("then killed after 200ms"));
}

TEST_F(AdoptionTest, WhatNobodyTakesOverEndsWithTheReattachWindow) {
  StartDaemon({"--reattach-window", "300ms"});
  StartOne();
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const std::string run_id = SubmitHeld(Service(kGoOn));
  KillWorker();
  EXPECT_TRUE(Eventually([&] { return ProcessesOf(run_id).empty(); }));
}

TEST_F(AdoptionTest, AWorkerWithOtherLabelsStartsAnew) {
  Start();
  const std::string run_id = SubmitHeld(Service(kGoOn));
  KillWorker();
  workers_.clear();
  AddWorker({.flags = {"--label", "role=new"}, .state = dir_ / "state"});
  ASSERT_TRUE(Eventually([&] { return Pids().size() == 2u; }));
  EXPECT_EQ(kill(std::stoi(Pids()[0]), 0) == 0 &&
                ProcessesOf(run_id).contains(std::stoi(Pids()[0])),
            false);
  ExpectStops(run_id);
}

TEST_F(AdoptionTest, TwoWorkersDoNotShareAStateFolder) {
  Start();
  const auto second =
      StartWorker(daemon_->address(), {.name = "w2", .state = dir_ / "state"});
  EXPECT_EQ(second->WaitForExit().code, 1);
  EXPECT_THAT(second->err(), HasSubstr("another worker uses the state folder"));
}

}  // namespace
}  // namespace w2t::test
