// What the programs say to a service manager (systemd's Type=notify).
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/deadline.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"

namespace w2t::test {
namespace {

// The other end of NOTIFY_SOCKET.
class Manager {
 public:
  explicit Manager(std::string path) : path_(std::move(path)) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(
        bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
        0);
    const timeval patience = {
        .tv_sec =
            std::chrono::duration_cast<std::chrono::seconds>(kPatience).count(),
        .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  ~Manager() { close(fd_); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  std::string Next() const {
    char text[256];
    const ssize_t got = recv(fd_, text, sizeof(text), 0);
    return got < 0 ? "nothing" : std::string(text, static_cast<size_t>(got));
  }
  bool HasNext() const {
    char byte;
    return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  int fd_ = -1;
};

class ServiceManagerTest : public FleetTest {};

TEST_F(ServiceManagerTest, TheDaemonSaysWhenItServesAndWhenItStops) {
  const Manager manager(dir_ / "notify");
  ProcessOptions options;
  options.argv = {DaemonPath(), "--listen", "unix:" + (dir_ / "s"), "--data",
                  dir_ / "data"};
  options.env = {{"NOTIFY_SOCKET", manager.path()}};
  Process daemon(std::move(options));
  EXPECT_EQ(manager.Next(), "READY=1");
  EXPECT_EQ(RunCli({"--server", "unix:" + (dir_ / "s"), "list"}).status.code,
            0);
  daemon.Signal(SIGTERM);
  EXPECT_EQ(manager.Next(), "STOPPING=1");
  EXPECT_EQ(daemon.WaitForExit().code, 0);
}

TEST_F(ServiceManagerTest, AWorkerIsReadyOnceTheDaemonHasTakenIt) {
  const Manager manager(dir_ / "notify");
  auto worker = StartWorker("unix:" + (dir_ / "w2td.sock"),
                            {.env = {{"NOTIFY_SOCKET", manager.path()}}});
  ASSERT_TRUE(worker->WaitForLine("session.unreachable"));
  EXPECT_FALSE(manager.HasNext());
  StartDaemon();
  EXPECT_EQ(manager.Next(), "READY=1");

  // Its tasks have nothing to say there.
  v1::Graph graph;
  graph.set_name("quiet");
  AddShell(graph, "only", "test -z \"$NOTIFY_SOCKET\"");
  EXPECT_EQ(client_->WaitForEnd(client_->Submit(graph)).state(),
            v1::RUN_STATE_SUCCEEDED);
  worker->Signal(SIGTERM);
  EXPECT_EQ(manager.Next(), "STOPPING=1");
}

}  // namespace
}  // namespace w2t::test
