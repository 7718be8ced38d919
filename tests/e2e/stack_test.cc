// A real stack, deploy/examples/stack: PostgreSQL, a check of its schema, a
// migration, two replicas of an API and nginx, on three workers. It comes up in
// order, and whatever is killed comes back.
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/script_server.h"
#include "tests/support/trace.h"

namespace w2t::test {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPostgres[] = "/usr/lib/postgresql/15/bin/postgres";

// What a server on this machine answers to GET; empty when nobody does.
std::string Get(int port, std::string_view path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
          0 &&
      SendText(fd, fmt::format("GET {} HTTP/1.0\r\n\r\n", path))) {
    char piece[4096];
    ssize_t got = 0;
    while ((got = recv(fd, piece, sizeof(piece), 0)) > 0) {
      answer.append(piece, static_cast<size_t>(got));
    }
  }
  close(fd);
  return answer;
}

// The processes whose command line contains `text`.
std::vector<pid_t> PidsOf(std::string_view text) {
  std::vector<pid_t> pids;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::string line = ReadFile(entry.path() / "cmdline");
    for (char& c : line) c = c == '\0' ? ' ' : c;
    if (line.find(text) != std::string::npos) pids.push_back(std::stoi(name));
  }
  return pids;
}

class StackTest : public FleetTest {
 protected:
  void SetUp() override {
    FleetTest::SetUp();
    for (const char* program : {kPostgres, "/usr/sbin/nginx"}) {
      if (!fs::exists(program)) GTEST_SKIP() << "there is no " << program;
    }
    // PostgreSQL refuses to run as root, and must reach its data.
    chmod(dir_.path().c_str(), 0755);
    fs::create_directory(stack());
    fs::permissions(stack(), fs::perms::all);
    StartDaemon();
    for (const std::string role : {"db", "app", "edge"}) AddRole(role);
    ASSERT_TRUE(client_->WaitForWorkers(3));
  }
  void TearDown() override {
    if (daemon_ != nullptr) Cli({"down", "stack"});
    FleetTest::TearDown();
  }

  Process& AddRole(const std::string& role) {
    return AddWorker(
        {.name = role + "-1", .flags = {"--label", "role=" + role}});
  }
  std::string stack() const { return dir_ / "stack"; }

  CliResult W2t(std::vector<std::string> args) {
    args.insert(args.begin(), {"--server", daemon_->address()});
    return RunCli(std::move(args),
                  {{"STACK", stack()},
                   {"STACK_FILES", W2T_SOURCE_DIR "/deploy/examples/stack"},
                   {"AS_DB", geteuid() == 0 ? "setpriv --reuid=postgres "
                                              "--regid=postgres --clear-groups"
                                            : ""},
                   {"PGPORT", std::to_string(pg_port_)},
                   {"HTTP_PORT", std::to_string(http_port_)},
                   {"API_PORTS", std::to_string(api_ports_)}});
  }
  void Up() {
    const CliResult up =
        W2t({"up", W2T_SOURCE_DIR "/deploy/examples/stack/stack.yaml"});
    ASSERT_EQ(up.status.code, 0) << up.ToString();
  }
  // Through nginx and an API, from the database.
  bool Serves() const {
    const std::string answer = Get(http_port_, "/items");
    return answer.find(" 200 ") != std::string::npos &&
           answer.ends_with("\n3\n");
  }
  uint32_t AttemptOf(const std::string& task) {
    return FindTask(client_->ListTasks(kRun), task)->attempt();
  }
  std::map<std::string, uint32_t> Attempts() {
    std::map<std::string, uint32_t> attempts;
    for (const v1::TaskStatus& task : client_->ListTasks(kRun)) {
      attempts[task.name()] = task.attempt();
    }
    return attempts;
  }
  bool WaitForNextUp(const std::string& task, uint32_t after) {
    return Eventually([&] {
      const auto tasks = client_->ListTasks(kRun);
      const v1::TaskStatus* const status = FindTask(tasks, task);
      return status->attempt() > after &&
             status->state() == v1::TASK_STATE_UP && !status->has_end_time();
    });
  }

  static constexpr char kRun[] = "stack-1";
  // Ports of this process, so that two copies of the test do not meet.
  const int base_ = 2'000 + static_cast<int>(getpid() % 2'000) * 4;
  const int pg_port_ = base_ + 20'000;
  const int http_port_ = base_ + 20'001;
  const int api_ports_ = 1'000 + base_ / 4;  // and a digit
};

TEST_F(StackTest, ComesUpInOrderAndWhateverIsKilledComesBack) {
  ASSERT_NO_FATAL_FAILURE(Up());
  EXPECT_TRUE(Serves()) << Get(http_port_, "/items");

  const pid_t postmaster =
      std::stoi(ReadLines(stack() + "/db/postmaster.pid").at(0));
  uint32_t before = AttemptOf("db");
  ASSERT_EQ(kill(postmaster, SIGKILL), 0);
  EXPECT_TRUE(WaitForNextUp("db", before));
  EXPECT_TRUE(Eventually([&] { return Serves(); }));

  // The other replica serves meanwhile.
  const std::string api_0 = fmt::format("api.py {}0", api_ports_);
  before = AttemptOf("api-0");
  for (const pid_t pid : PidsOf(api_0)) kill(pid, SIGKILL);
  EXPECT_TRUE(Serves()) << Get(http_port_, "/items");
  EXPECT_TRUE(WaitForNextUp("api-0", before));
  EXPECT_THAT(Get(api_ports_ * 10, "/items"), EndsWith("\n3\n"));

  before = AttemptOf("proxy");
  ASSERT_EQ(kill(std::stoi(ReadFile(stack() + "/nginx.pid")), SIGKILL), 0);
  EXPECT_TRUE(WaitForNextUp("proxy", before));
  EXPECT_TRUE(Eventually([&] { return Serves(); }));

  // Migrated once, whatever was started again.
  EXPECT_EQ(AttemptOf("migrate"), 1u);
  const v1::Run run = client_->GetRun(kRun);
  EXPECT_EQ(run.state(), v1::RUN_STATE_UP) << run.ShortDebugString();
}

TEST_F(StackTest, ADaemonThatIsKilledChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(Up());
  const auto attempts = Attempts();
  daemon_->Kill();
  EXPECT_TRUE(Serves());
  RestartDaemon();
  ASSERT_TRUE(client_->WaitForWorkers(3));
  EXPECT_TRUE(Serves());
  EXPECT_EQ(Attempts(), attempts);
}

TEST_F(StackTest, AWorkerThatIsKilledComesBackWithItsPart) {
  ASSERT_NO_FATAL_FAILURE(Up());
  workers_[1]->Kill();
  AddRole("app");
  EXPECT_TRUE(Eventually([&] {
    for (const std::string task : {"api-0", "api-1"}) {
      const auto tasks = client_->ListTasks(kRun);
      if (FindTask(tasks, task)->state() != v1::TASK_STATE_UP) return false;
    }
    return Serves();
  }));
  // One copy of each, whichever it is.
  for (const int replica : {0, 1}) {
    EXPECT_EQ(PidsOf(fmt::format("api.py {}{}", api_ports_, replica)).size(),
              1u);
  }
}

TEST_F(StackTest, GoesDownInReverseAndLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(Up());
  const CliResult down = W2t({"down", "stack"});
  EXPECT_EQ(down.status.code, 0) << down.ToString();
  const Trace trace(*client_, daemon_->address(), kRun);
  EXPECT_TRUE(trace.InOrder({"init-db", "schema-check", "migrate", "api-0"}))
      << trace.ToString();
  EXPECT_LT(trace.Ended("proxy"), trace.Ended("api-0"));
  EXPECT_LT(trace.Ended("api-1"), trace.Ended("db"));
  EXPECT_LT(trace.FirstSeq("db", v1::TASK_STATE_UP),
            trace.Started("schema-check"));
  EXPECT_TRUE(PidsOf(stack()).empty());
  EXPECT_TRUE(PidsOf(fmt::format("api.py {}", api_ports_)).empty());
  EXPECT_TRUE(Orphans().empty());
}

}  // namespace
}  // namespace w2t::test
