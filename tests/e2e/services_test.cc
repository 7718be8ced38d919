// Services: ready when their probe passes, stopped in reverse order.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"
#include "tests/support/trace.h"

namespace w2t::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kStayUp[] = "while :; do sleep 0.05; done";

// A port of the loopback address that is taken, but refuses connections until
// it is opened.
class ClosedPort {
 public:
  ClosedPort() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_, generic, size) != 0 ||
        getsockname(socket_, generic, &size) != 0) {
      throw std::runtime_error("no free port");
    }
    port_ = ntohs(address.sin_port);
  }
  ~ClosedPort() { close(socket_); }
  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;

  void Open() { listen(socket_, 16); }
  int port() const { return port_; }

 private:
  int socket_;
  int port_ = 0;
};

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

TEST_F(ServicesTest, TcpProbeHoldsDependentsBack) {
  ClosedPort port;
  ExpectGatedBy(
      ServiceAndTask(kStayUp,
                     [&](v1::Probe& ready) {
                       ready.set_tcp(fmt::format("127.0.0.1:{}", port.port()));
                     }),
      [&] { port.Open(); });
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

TEST_F(ServicesTest, NotReadyInTimeFailsAndNamesTheProbe) {
  ClosedPort port;
  StartFleet(2);
  const std::string address = fmt::format("127.0.0.1:{}", port.port());
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

}  // namespace
}  // namespace w2t::test
