// w2td: the daemon.
//
// Exit codes: 0 after a graceful stop, 1 when it cannot start or go on, 2 for
// bad flags or a bad configuration file.
#include <poll.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/wire/mutex_checks.h"
#include "server/config/addresses.h"
#include "server/config/config.h"
#include "server/daemon.h"
#include "server/observe/log.h"

namespace {

constexpr int kCannotRun = 1;

// For poll, rounded up; -1: for ever.
int MillisecondsUntil(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) return -1;
  const absl::Duration left = deadline - absl::Now();
  if (left <= absl::ZeroDuration()) return 0;
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, INT32_MAX));
}

int Complain(const absl::Status& status) {
  w2t::server::StopLogging();
  fmt::print(stderr, "w2td: {}\n", std::string(status.message()));
  return kCannotRun;
}

// What the main thread waits for: a signal, the daemon's failure, its idleness.
class Wakeups {
 public:
  // Blocks the signals, for this thread and all that it starts.
  Wakeups() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit fails instead
    signals_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    told_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  ~Wakeups() {
    close(signals_);
    close(told_);
  }
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;

  // From any thread.
  void Fail(const absl::Status& status) {
    {
      absl::MutexLock lock(&mutex_);
      failure_ = status;
    }
    Tell();
  }
  void Tell() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(told_, &one, sizeof(one));
  }

  // True when a signal came or the daemon told something, false after
  // `timeout`.
  bool Await(absl::Duration timeout) {
    const absl::Time deadline = absl::Now() + timeout;
    while (true) {
      pollfd fds[] = {{signals_, POLLIN, 0}, {told_, POLLIN, 0}};
      const int ready = poll(fds, 2, MillisecondsUntil(deadline));
      if (ready > 0) {
        signalfd_siginfo info = {};
        [[maybe_unused]] const ssize_t n = read(signals_, &info, sizeof(info));
        return true;
      }
      if (ready == 0 && absl::Now() >= deadline) return false;
    }
  }

  absl::Status failure() {
    absl::MutexLock lock(&mutex_);
    return failure_;
  }

 private:
  int signals_ = -1;
  int told_ = -1;
  absl::Mutex mutex_;
  absl::Status failure_;
};

int Serve(const w2t::server::Config& config) {
  Wakeups wakeups;
  if (config.stop_with_parent) {
    const pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    // The parent may have ended before that.
    if (getppid() != parent) return 0;
  }
  w2t::server::StartLogging(config.log_level);
  absl::StatusOr<std::unique_ptr<w2t::server::Daemon>> daemon =
      w2t::server::Daemon::Start(
          config,
          {.on_failure = [&](const absl::Status& s) { wakeups.Fail(s); },
           .on_idle = [&] { wakeups.Tell(); }});
  if (!daemon.ok()) return Complain(daemon.status());
  if (!config.address_file.empty()) {
    const absl::Status written = w2t::server::WriteAddressFile(
        config.address_file, (*daemon)->addresses());
    if (!written.ok()) return Complain(written);
  }
  sd_notify(0, "READY=1");
  wakeups.Await(absl::InfiniteDuration());
  sd_notify(0, "STOPPING=1");
  if (wakeups.failure().ok()) {
    w2t::server::Log(w2t::server::log_event::kServerStopping, {});
    (*daemon)->BeginDrain();
    // Until no worker holds anything, or somebody is impatient.
    wakeups.Await(config.shutdown_grace);
  }
  daemon->reset();
  const absl::Status failure = wakeups.failure();
  if (!failure.ok()) return Complain(failure);
  w2t::server::Log(w2t::server::log_event::kServerStopped, {});
  w2t::server::StopLogging();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  w2t::wire::StopMutexChecks();
  const w2t::server::CommandLine line =
      w2t::server::ParseCommandLine(argc, argv);
  if (line.exit_code.has_value()) {
    fmt::print(*line.exit_code == 0 ? stdout : stderr, "{}", line.text);
    return *line.exit_code;
  }
  return Serve(line.config);
}
