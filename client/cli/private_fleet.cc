#include "client/cli/private_fleet.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/cli/text.h"
#include "w2t/client.h"

namespace w2t::cli {

namespace {

namespace fs = std::filesystem;

// How long each may take to end when it is asked to.
constexpr absl::Duration kWorkerPatience = absl::Seconds(3);
constexpr absl::Duration kWorkerGrace = absl::Seconds(15);
constexpr absl::Duration kDaemonPatience = absl::Seconds(5);
constexpr absl::Duration kKillPatience = absl::Seconds(1);
constexpr absl::Duration kSocketPoll = absl::Milliseconds(2);
constexpr size_t kShownLines = 20;

// A program of ours: named by the environment, or beside this one.
absl::StatusOr<std::string> FindProgram(const std::string& name,
                                        const char* variable) {
  const char* named = std::getenv(variable);
  if (named != nullptr && *named != '\0') {
    if (access(named, X_OK) == 0) return std::string(named);
    return absl::UnavailableError(fmt::format(
        "{}={} cannot be executed: {}", variable, named, std::strerror(errno)));
  }
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path sibling = self.parent_path() / name;
  if (access(sibling.c_str(), X_OK) == 0) return sibling.string();
  return absl::UnavailableError(fmt::format(
      "cannot find {0} beside {1}: put it there, name it in {2}, or use a "
      "daemon that runs already with --server",
      name, self.string(), variable));
}

bool Accepts(const std::string& socket_path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool accepted =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return accepted;
}

absl::Status DeathOf(const ChildProcess& child) {
  return absl::UnavailableError(
      fmt::format("{}; it printed:\n{}", child.HowItEnded(),
                  LastLines(child.output_file(), kShownLines)));
}

}  // namespace

std::string LastLines(const std::string& path, size_t lines) {
  std::ifstream file(path);
  std::deque<std::string> last;
  for (std::string line; std::getline(file, line);) {
    last.push_back(CleanLine(line, /*keep_colors=*/false));
    if (last.size() > lines) last.pop_front();
  }
  std::string text;
  for (const std::string& line : last) {
    text += fmt::format("{}  | {}", text.empty() ? "" : "\n", line);
  }
  return text.empty() ? "  (nothing)" : text;
}

absl::StatusOr<std::unique_ptr<PrivateFleet>> PrivateFleet::Start(
    const FleetOptions& options, std::stop_token stop) {
  absl::StatusOr<std::unique_ptr<RunDir>> dir = RunDir::Make(options.keep_dir);
  if (!dir.ok()) return dir.status();
  std::unique_ptr<PrivateFleet> fleet(
      new PrivateFleet(options, *std::move(dir)));
  absl::Status status = fleet->StartDaemon(stop);
  if (status.ok()) status = fleet->StartWorker();
  if (status.ok()) return fleet;
  return status;
}

PrivateFleet::~PrivateFleet() { Stop(); }

absl::Status PrivateFleet::StartDaemon(std::stop_token stop) {
  const auto program = FindProgram("w2td", "W2T_W2TD");
  if (!program.ok()) return program.status();
  auto child =
      ChildProcess::Start({*program, "--listen", address(), "--data",
                           dir() + "/data", "--stop-with-parent"},
                          dir() + "/w2td.log", [this] { NoteDeath(); });
  if (!child.ok()) return child.status();
  daemon_ = *std::move(child);
  const absl::Time deadline = absl::Now() + options_.start_timeout;
  if (absl::Status status = AwaitSocket(deadline, stop); !status.ok()) {
    return status;
  }
  const auto client = Client::Connect(address());
  if (!client.ok()) return client.status();
  const absl::Status serving = (*client)->WaitUntilServing(deadline, stop);
  return daemon_->ended() ? DeathOf(*daemon_) : serving;
}

absl::Status PrivateFleet::AwaitSocket(absl::Time deadline,
                                       const std::stop_token& stop) {
  const std::string path = dir() + "/w2td.sock";
  while (!Accepts(path)) {
    if (daemon_->WaitFor(kSocketPoll)) return DeathOf(*daemon_);
    if (stop.stop_requested()) return absl::CancelledError("interrupted");
    if (absl::Now() >= deadline) {
      return absl::UnavailableError(fmt::format(
          "the private w2td did not serve within {}; it printed:\n{}",
          absl::FormatDuration(options_.start_timeout),
          LastLines(daemon_->output_file(), kShownLines)));
    }
  }
  return absl::OkStatus();
}

absl::Status PrivateFleet::StartWorker() {
  const auto program = FindProgram("w2t-worker", "W2T_WORKER");
  if (!program.ok()) return program.status();
  auto child = ChildProcess::Start(
      {*program, "--server", address(), "--name", "local", "--slots",
       fmt::to_string(options_.slots), "--stop-with-parent"},
      dir() + "/w2t-worker.log", [this] { NoteDeath(); });
  if (!child.ok()) return child.status();
  worker_ = *std::move(child);
  return absl::OkStatus();
}

absl::Status PrivateFleet::Check() {
  for (const ChildProcess* child : {daemon_.get(), worker_.get()}) {
    if (child != nullptr && child->ended()) return DeathOf(*child);
  }
  return absl::OkStatus();
}

void PrivateFleet::NoteDeath() {
  absl::MutexLock lock(&mutex_);
  death_ = true;
  if (!stopping_ && on_death_) on_death_(Check());
}

void PrivateFleet::OnDeath(std::function<void(const absl::Status&)> on_death) {
  absl::MutexLock lock(&mutex_);
  on_death_ = std::move(on_death);
  if (death_ && !stopping_ && on_death_) on_death_(Check());
}

void PrivateFleet::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  if (worker_ != nullptr) {
    worker_->Signal(SIGTERM);
    if (!worker_->WaitFor(kWorkerPatience)) {
      // It still has attempts: the second one stops them.
      worker_->Signal(SIGTERM);
      worker_->WaitFor(kWorkerGrace);
    }
    worker_->Signal(SIGKILL);
  }
  if (daemon_ != nullptr) {
    daemon_->Signal(SIGTERM);
    daemon_->WaitFor(kDaemonPatience);
    daemon_->Signal(SIGKILL);
    daemon_->WaitFor(kDaemonPatience);
  }
  dir_->Remove();
}

void PrivateFleet::Abandon() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  // The worker gets its second signal from the kernel, once this process ends.
  if (worker_ != nullptr) worker_->Signal(SIGTERM);
  if (daemon_ != nullptr) {
    daemon_->Signal(SIGKILL);
    // It would put files into the directory while that is emptied.
    daemon_->WaitFor(kKillPatience);
  }
  dir_->Remove();
}

}  // namespace w2t::cli
