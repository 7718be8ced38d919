#include "client/cli/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <utility>

namespace w2t::cli {

namespace {

// Signals as a program expects them, whatever this one has done to its own.
class SpawnSettings {
 public:
  explicit SpawnSettings(const std::string& output_file) {
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP |
                                               POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes_, 0);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    sigset_t ordinary;
    sigemptyset(&ordinary);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
      sigaddset(&ordinary, signal);
    }
    posix_spawnattr_setsigdefault(&attributes_, &ordinary);
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, 1, output_file.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions_, 1, 2);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawnattr_t* attributes() const { return &attributes_; }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& argv, const std::string& output_file,
    std::function<void()> on_end) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const SpawnSettings settings(output_file);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, argv[0].c_str(), settings.actions(),
                  settings.attributes(), arguments.data(), environ);
  if (error != 0) {
    return absl::UnavailableError(
        fmt::format("cannot start {}: {}", argv[0], std::strerror(error)));
  }
  const std::string name = std::filesystem::path(argv[0]).filename();
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(pid, name, output_file, std::move(on_end)));
}

ChildProcess::ChildProcess(pid_t pid, std::string name, std::string output_file,
                           std::function<void()> on_end)
    : pid_(pid),
      name_(std::move(name)),
      output_file_(std::move(output_file)),
      on_end_(std::move(on_end)),
      reaper_([this] { Reap(); }) {}

ChildProcess::~ChildProcess() {
  Signal(SIGKILL);
  reaper_.join();
}

void ChildProcess::Reap() {
  // First only looks, so that the pid stays this child's until it is marked.
  siginfo_t info;
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 &&
         errno == EINTR) {
  }
  {
    absl::MutexLock lock(&mutex_);
    while (waitpid(pid_, &wait_status_, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
  }
  if (on_end_) on_end_();
}

void ChildProcess::Signal(int signal) {
  absl::MutexLock lock(&mutex_);
  if (!ended_) kill(pid_, signal);
}

bool ChildProcess::ended() const {
  absl::MutexLock lock(&mutex_);
  return ended_;
}

bool ChildProcess::WaitFor(absl::Duration timeout) const {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&ended_), timeout);
  return ended_;
}

std::string ChildProcess::HowItEnded() const {
  absl::MutexLock lock(&mutex_);
  if (!ended_) return fmt::format("{} runs", name_);
  if (WIFSIGNALED(wait_status_)) {
    return fmt::format("{} was killed by signal {}", name_,
                       WTERMSIG(wait_status_));
  }
  return fmt::format("{} ended with exit code {}", name_,
                     WEXITSTATUS(wait_status_));
}

}  // namespace w2t::cli
