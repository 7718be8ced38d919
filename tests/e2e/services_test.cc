// Services: ready when their probe passes, stopped in reverse order.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"
#include "tests/support/script_server.h"
#include "tests/support/trace.h"

namespace w2t::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kStayUp[] = "while :; do sleep 0.05; done";

class ServicesTest : public FleetTest {
 protected:
  // A service with `probe`, and a task after it.
  v1::Graph ServiceAndTask(const std::string& command,
                           const std::function<void(v1::Probe&)>& probe) {
    v1::Graph graph;
    v1::Task& service = AddShell(graph, "service", command);
    service.set_kind(v1::TASK_KIND_SERVICE);
    v1::Probe& ready = *ActionOf(graph, service).mutable_ready();
    ready.mutable_every()->set_nanos(20'000'000);
    probe(ready);
    AddShell(graph, "task", "true", {"service"});
    return graph;
  }
  // The task waits until `make_ready` was called; then all ends well.
  void ExpectGatedBy(const v1::Graph& graph,
                     const std::function<void()>& make_ready) {
    StartFleet(2);
    const std::string run_id = client_->Submit(graph);
    ASSERT_TRUE(
        client_->WaitForTask(run_id, "service", v1::TASK_STATE_RUNNING));
    const std::vector<v1::TaskStatus> before = client_->ListTasks(run_id);
    EXPECT_EQ(FindTask(before, "task")->state(), v1::TASK_STATE_WAITING);
    EXPECT_THAT(FindTask(before, "task")->waiting_for(),
                ElementsAre("service"));
    make_ready();
    const v1::Run run = client_->WaitForEnd(run_id);
    EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << run.ShortDebugString();
    const Trace trace(*client_, daemon_->address(), run_id);
    EXPECT_LT(trace.FirstSeq("service", v1::TASK_STATE_UP),
              trace.Started("task"));
    EXPECT_LT(trace.Ended("task"), trace.Ended("service"));
  }
};

// A service that is ready when the file `go` is there, and a chain of services
// behind it, each of which leaves its name in the file `ran` when it starts.
class LeasedAheadTest : public ServicesTest {
 protected:
  void SubmitChain() {
    v1::Graph graph;
    graph.set_name("chain");
    AddService(graph, "db",
               WaitForFile(go()) + "; " + Unless(fail()) + "; echo ready", {});
    AddService(graph, "api", Mark(), {"db"});
    AddService(graph, "web", Mark(), {"api"});
    run_id_ = client_->Submit(graph, /*hold=*/true);
    // All three are the worker's.
    ASSERT_TRUE(client_->WaitForTask(run_id_, "db", v1::TASK_STATE_RUNNING));
    ASSERT_TRUE(client_->WaitForTask(run_id_, "web", v1::TASK_STATE_LEASED));
  }
  static void AddService(v1::Graph& graph, const std::string& name,
                         const std::string& command,
                         const std::vector<std::string>& after) {
    v1::Task& service =
        AddShell(graph, name, fmt::format("{}; {}", command, kStayUp), after);
    service.set_kind(v1::TASK_KIND_SERVICE);
    service.set_resources_set(true);  // none
    ActionOf(graph, service).mutable_ready()->set_log_text("ready");
  }
  std::string Mark() const {
    return fmt::format("echo $W2T_TASK >> '{}'; echo ready", ran());
  }
  static std::string Unless(const std::string& file) {
    return fmt::format("test ! -e '{}' || exit 3", file);
  }
  std::string go() const { return dir_ / "go"; }
  std::string fail() const { return dir_ / "fail"; }
  std::string ran() const { return dir_ / "ran"; }

  std::string run_id_;
};

TEST_F(LeasedAheadTest, ServicesComeUpInOrderWhileNoDaemonIsThere) {
  StartFleet(1);
  SubmitChain();
  daemon_->Kill();
  EXPECT_THAT(ReadLines(ran()), IsEmpty());
  dir_.Write("go", "");
  EXPECT_TRUE(Eventually([this] { return ReadLines(ran()).size() == 2; }));
  EXPECT_THAT(ReadLines(ran()), ElementsAre("api", "web"));
  RestartDaemon();
  EXPECT_TRUE(client_->WaitForTask(run_id_, "web", v1::TASK_STATE_UP));
  for (const v1::TaskStatus& task : client_->ListTasks(run_id_)) {
    EXPECT_EQ(task.attempt(), 1u) << task.name() << " ran once";
  }
  client_->Cancel(run_id_);
  client_->WaitForEnd(run_id_);
  const Trace trace(*client_, daemon_->address(), run_id_);
  EXPECT_LT(trace.FirstSeq("db", v1::TASK_STATE_UP), trace.Started("api"));
  EXPECT_LT(trace.FirstSeq("api", v1::TASK_STATE_UP), trace.Started("web"));
}

TEST_F(LeasedAheadTest, WhatWaitsForAFailedOneIsSkippedAndNeverStarted) {
  StartFleet(1);
  SubmitChain();
  const CliResult why = Cli({"explain", "web"});
  EXPECT_THAT(why.out, HasSubstr("api must be ready: leased on"));
  EXPECT_THAT(why.out, HasSubstr("db must be ready: running on"));
  dir_.Write("fail", "");
  dir_.Write("go", "");
  const v1::Run run = client_->WaitForEnd(run_id_);
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(FindTask(client_->ListTasks(run_id_), "web")->state(),
            v1::TASK_STATE_SKIPPED);
  EXPECT_THAT(ReadLines(ran()), IsEmpty());
}

TEST_F(ServicesTest, TcpProbeHoldsDependentsBack) {
  Port port;
  ExpectGatedBy(ServiceAndTask(kStayUp,
                               [&](v1::Probe& ready) {
                                 ready.set_tcp(fmt::format("127.0.0.1:{}",
                                                           port.number()));
                               }),
                [&] { port.Listen(); });
}

TEST_F(ServicesTest, ExecProbeHoldsDependentsBack) {
  const std::string file = dir_ / "ready";
  ExpectGatedBy(
      ServiceAndTask(kStayUp,
                     [&](v1::Probe& ready) {
                       ready.set_exec(fmt::format("test -e '{}'", file));
                     }),
      [&] { dir_.Write("ready", ""); });
}

TEST_F(ServicesTest, LogProbeHoldsDependentsBack) {
  const std::string command =
      fmt::format("echo starting; {}; echo listening on 80; {}",
                  WaitForFile(dir_ / "ready"), kStayUp);
  ExpectGatedBy(ServiceAndTask(command,
                               [](v1::Probe& ready) {
                                 ready.set_log_regex("^listening on [0-9]+$");
                               }),
                [&] { dir_.Write("ready", ""); });
}

TEST_F(ServicesTest, HttpProbeHoldsDependentsBack) {
  std::atomic<bool> healthy = false;
  ScriptServer server([&](int fd) {
    ReadRequest(fd);
    SendText(fd, healthy ? "HTTP/1.1 204 Fine\r\n\r\n"
                         : "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  });
  ExpectGatedBy(ServiceAndTask(kStayUp,
                               [&](v1::Probe& ready) {
                                 ready.mutable_http()->set_url(fmt::format(
                                     "http://127.0.0.1:{}/up", server.port()));
                               }),
                [&] { healthy = true; });
}

TEST_F(ServicesTest, NotifyProbeHoldsDependentsBack) {
  const std::string command =
      fmt::format("{0} STATUS=starting; {1}; {0} READY=1; {2}",
                  W2T_TEST_NOTIFY_SENDER, WaitForFile(dir_ / "ready"), kStayUp);
  ExpectGatedBy(
      ServiceAndTask(command, [](v1::Probe& ready) { ready.mutable_notify(); }),
      [&] { dir_.Write("ready", ""); });
}

// The daemon has the standard health service itself.
TEST_F(ServicesTest, GrpcProbeAsksTheHealthService) {
  StartDaemon({}, /*tcp=*/true);
  AddWorker({.slots = 2});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const std::string run_id =
      client_->Submit(ServiceAndTask(kStayUp, [&](v1::Probe& ready) {
        ready.set_grpc(daemon_->address() + "/w2t.v1.RunService");
      }));
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_SUCCEEDED) << run.ShortDebugString();
}

TEST_F(ServicesTest, AHundredThousandLinesMayComeBeforeTheReadyLine) {
  StartFleet(2);
  const std::string run_id = client_->Submit(ServiceAndTask(
      fmt::format("seq 100000; echo it is ready; {}", kStayUp),
      [](v1::Probe& ready) { ready.set_log_regex("^it is ready$"); }));
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(ServicesTest, ALineThatNeverComesFailsAndReleasesTheWaiters) {
  StartFleet(2);
  const std::string run_id = client_->Submit(ServiceAndTask(
      fmt::format("echo starting; {}", kStayUp), [](v1::Probe& ready) {
        ready.set_log_text("it is ready");
        ready.mutable_deadline()->set_nanos(200'000'000);
      }));
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  ASSERT_EQ(run.failures_size(), 1);
  EXPECT_THAT(run.failures(0).message(),
              HasSubstr("there was never a line with \"it is ready\""));
  EXPECT_EQ(FindTask(client_->ListTasks(run_id), "task")->state(),
            v1::TASK_STATE_SKIPPED);
}

TEST_F(ServicesTest, ADeadServiceReleasesItsWaiters) {
  StartFleet(2);
  const std::string run_id =
      client_->Submit(ServiceAndTask("exit 3", [](v1::Probe& ready) {
        ready.set_log_text("never");
        ready.mutable_deadline()->set_seconds(3600);
      }));
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_FAILED);
  EXPECT_EQ(FindTask(client_->ListTasks(run_id), "task")->state(),
            v1::TASK_STATE_SKIPPED);
}

TEST_F(ServicesTest, ProbesThatHangDelayNoOtherService) {
  Port silent;
  silent.Listen();
  v1::Graph graph = ServiceAndTask(
      kStayUp, [&](v1::Probe& ready) { ready.set_exec("true"); });
  const auto add_hanging = [&](const std::string& name) -> v1::Probe& {
    v1::Task& task = AddShell(graph, name, kStayUp);
    task.set_kind(v1::TASK_KIND_SERVICE);
    v1::Probe& ready = *ActionOf(graph, task).mutable_ready();
    ready.mutable_timeout()->set_seconds(3600);
    ready.mutable_deadline()->set_seconds(3600);
    return ready;
  };
  add_hanging("http").mutable_http()->set_url(
      fmt::format("http://127.0.0.1:{}/", silent.number()));
  add_hanging("https").mutable_http()->set_url(
      fmt::format("https://127.0.0.1:{}/", silent.number()));
  add_hanging("grpc").set_grpc(fmt::format("127.0.0.1:{}", silent.number()));
  add_hanging("exec").set_exec("sleep 3600");
  add_hanging("notify").mutable_notify();
  StartFleet(2);
  const std::string run_id = client_->Submit(graph);
  ASSERT_TRUE(client_->WaitForTask(run_id, "task", v1::TASK_STATE_SUCCEEDED));
  for (const char* name : {"http", "https", "grpc", "exec", "notify"}) {
    ASSERT_TRUE(client_->WaitForTask(run_id, name, v1::TASK_STATE_RUNNING))
        << name;
  }
  client_->Cancel(run_id);
  client_->WaitForEnd(run_id);
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
}

TEST_F(ServicesTest, WhoIsNoLongerAliveIsTriedAgain) {
  StartFleet(2);
  v1::Graph graph;
  v1::Task& service = AddShell(graph, "service", kStayUp);
  service.set_kind(v1::TASK_KIND_SERVICE);
  service.mutable_retry()->set_attempts(2);
  v1::Probe& live = *ActionOf(graph, service).mutable_live();
  // The second attempt is well for good.
  live.set_exec(fmt::format("echo x >> {}; test $W2T_ATTEMPT -eq 2",
                            dir_ / "probes.$W2T_ATTEMPT"));
  live.mutable_every()->set_nanos(20'000'000);
  const std::string run_id = client_->Submit(graph, /*hold=*/true);
  ASSERT_TRUE(
      Eventually([&] { return ReadLines(dir_ / "probes.2").size() > 5; }));
  EXPECT_EQ(ReadLines(dir_ / "probes.1").size(), 3u);
  const v1::TaskStatus status =
      *FindTask(client_->ListTasks(run_id), "service");
  EXPECT_EQ(status.attempt(), 2u);
  client_->Cancel(run_id);
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(ServicesTest, WhatTheLatestProbeFoundIsSeenMeanwhile) {
  Port port;
  StartFleet(2);
  const std::string address = fmt::format("127.0.0.1:{}", port.number());
  const std::string run_id = client_->Submit(ServiceAndTask(
      kStayUp, [&](v1::Probe& ready) { ready.set_tcp(address); }));
  const auto why = [&]() -> std::string {
    const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
    const v1::TaskStatus& service = *FindTask(tasks, "service");
    return service.waiting_for_size() == 1 ? service.waiting_for(0) : "";
  };
  const std::string found =
      fmt::format(" ago: connect to {}: Connection refused; ", address);
  EXPECT_TRUE(Eventually([&] {
    return why().find(found) != std::string::npos;
  })) << why();
  EXPECT_THAT(why(), HasSubstr("; probe "));
  port.Listen();
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(ServicesTest, NotReadyInTimeFailsAndNamesTheProbe) {
  Port port;
  StartFleet(2);
  const std::string address = fmt::format("127.0.0.1:{}", port.number());
  const std::string run_id =
      client_->Submit(ServiceAndTask(kStayUp, [&](v1::Probe& ready) {
        ready.set_tcp(address);
        ready.mutable_deadline()->set_nanos(200'000'000);
      }));
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_EQ(run.state(), v1::RUN_STATE_FAILED);
  ASSERT_EQ(run.failures_size(), 1);
  EXPECT_EQ(run.failures(0).name(), "service");
  EXPECT_THAT(run.failures(0).message(), HasSubstr("not ready within 200ms"));
  EXPECT_THAT(run.failures(0).message(), HasSubstr(address));
  EXPECT_EQ(FindTask(client_->ListTasks(run_id), "task")->state(),
            v1::TASK_STATE_SKIPPED);
}

TEST_F(ServicesTest, ServiceThatEndsByItselfHasFailed) {
  StartFleet(2);
  const std::string go = dir_ / "go";
  v1::Graph graph;
  AddShell(graph, "service", WaitForFile(go)).set_kind(v1::TASK_KIND_SERVICE);
  AddShell(graph, "task", fmt::format("touch '{}'; sleep 1000", go),
           {"service"});
  const std::string run_id = client_->Submit(graph);
  ASSERT_TRUE(client_->WaitForTask(run_id, "service", v1::TASK_STATE_FAILED));
  client_->Cancel(run_id);
  const v1::Run run = client_->WaitForEnd(run_id);
  ASSERT_GE(run.failures_size(), 1);
  EXPECT_EQ(run.failures(0).name(), "service");
}

TEST_F(ServicesTest, HeldServicesStayUpUntilTheRunIsCancelled) {
  StartFleet(2);
  v1::Graph graph;
  AddShell(graph, "service", kStayUp).set_kind(v1::TASK_KIND_SERVICE);
  AddShell(graph, "task", "true", {"service"});
  const std::string run_id = client_->Submit(graph, /*hold=*/true);
  ASSERT_TRUE(Eventually(
      [&] { return client_->GetRun(run_id).state() == v1::RUN_STATE_UP; }));
  client_->Cancel(run_id);
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
}

// A chain of services a <- b <- c, and a task after them, each of which notes
// its stop.
std::string Stack(const TempDir& dir, std::string_view task) {
  std::string text = "services:\n";
  const char* const names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) {
    // The ready line comes once the trap is set, so that no stop is missed.
    text += fmt::format(
        "  {0}:\n"
        "    command: \"trap 'sleep 0.1; echo {0} >> {1}; exit 0' TERM; "
        "echo up; {2}\"\n"
        "    ready: log:up\n",
        names[i], dir / "stopped", kStayUp);
    if (i > 0) text += fmt::format("    depends_on: [{}]\n", names[i - 1]);
  }
  text +=
      fmt::format("tasks:\n  last: {{command: {}, depends_on: [c]}}\n", task);
  return dir.Write("stack.yaml", text);
}

TEST_F(ServicesTest, AreStoppedInReverseOrderAtTheEnd) {
  const CliResult result = RunCli({"run", Stack(dir_, "'true'")});
  EXPECT_EQ(result.status.code, 0) << result.ToString();
  EXPECT_THAT(ReadLines(dir_ / "stopped"), ElementsAre("c", "b", "a"));
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
}

TEST_F(ServicesTest, AreStoppedInReverseOrderOnInterrupt) {
  const std::string started = dir_ / "started";
  const auto process = StartCli(
      {"run", Stack(dir_, fmt::format("touch {}; sleep 1000", started))});
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(started); }))
      << process->out() << process->err();
  process->Signal(SIGINT);
  const ExitStatus status = process->WaitForExit();
  EXPECT_EQ(status.code, 130)
      << status.ToString() << process->out() << process->err();
  EXPECT_THAT(ReadLines(dir_ / "stopped"), ElementsAre("c", "b", "a"));
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
}

TEST_F(ServicesTest, ThoseAboveTheWorkersBoundWaitForTheirTurnAndSaySo) {
  StartDaemon();
  AddWorker({.flags = {"--max-starting", "1"}});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  v1::Graph graph;
  for (const char* name : {"first", "second"}) {
    v1::Task& service = AddShell(graph, name, kStayUp);
    service.set_kind(v1::TASK_KIND_SERVICE);
    v1::Probe& ready = *ActionOf(graph, service).mutable_ready();
    ready.mutable_every()->set_nanos(20'000'000);
    ready.set_exec(fmt::format("test -e '{}'", dir_ / "ready"));
  }
  const std::string run_id = client_->Submit(graph, /*hold=*/true);
  EXPECT_TRUE(Eventually([&] {
    const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
    const v1::TaskStatus& second = *FindTask(tasks, "second");
    return second.waiting_for_size() == 1 &&
           second.waiting_for(0).starts_with(
               "waits for its turn on the worker");
  }));
  std::ofstream(dir_ / "ready").put('x');
  EXPECT_TRUE(client_->WaitForTask(run_id, "second", v1::TASK_STATE_UP));
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  EXPECT_EQ(FindTask(tasks, "second")->waiting_for_size(), 0);
}

}  // namespace
}  // namespace w2t::test
