// w2t-worker: runs programs for a w2t daemon.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "client/worker/flags.h"
#include "client/worker/log.h"
#include "proto/wire/mutex_checks.h"
#include "w2t/worker.h"

namespace {

using w2t::worker::LogLevel;

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;

// Waits for signals in place of handlers, so that what they bring about runs on
// a thread like any other. The first one drains, the next one stops; so does
// the first one when the parent, with which the worker is to stop, has gone.
class SignalThread {
 public:
  // Before any other thread is started: they inherit the mask.
  SignalThread() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, kWake);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ~SignalThread() {
    if (!thread_.joinable()) return;
    pthread_kill(thread_.native_handle(), kWake);
    thread_.join();
  }
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

  void Start(w2t::worker::Worker* worker, bool stop_with_parent, pid_t parent) {
    thread_ = std::thread([=, this] {
      bool draining = false;
      for (;;) {
        int signal = 0;
        if (sigwait(&signals_, &signal) != 0 || signal == kWake) return;
        const bool orphaned = stop_with_parent && getppid() != parent;
        w2t::worker::Log(LogLevel::kInfo, "worker.{} signal={}",
                         draining || orphaned ? "stopping" : "leaving", signal);
        if (draining || orphaned) {
          worker->Stop();
        } else {
          worker->Drain();
        }
        draining = true;
      }
    });
  }

 private:
  static constexpr int kWake = SIGUSR1;

  sigset_t signals_;
  std::thread thread_;
};

// A relative path of a socket is meant from here, not from --dir.
void MakeAbsolute(std::string& server) {
  constexpr std::string_view kUnix = "unix:";
  if (!server.starts_with(kUnix) || server.size() == kUnix.size() ||
      server[kUnix.size()] == '/') {
    return;
  }
  char* const here = getcwd(nullptr, 0);
  if (here == nullptr) return;
  server.insert(kUnix.size(), fmt::format("{}/", here));
  std::free(here);
}

}  // namespace

int main(int argc, char** argv) {
  w2t::wire::StopMutexChecks();
  const pid_t parent = getppid();
  int exit_code = 0;
  std::optional<w2t::worker::Flags> flags =
      w2t::worker::ParseFlags(argc, argv, exit_code);
  if (!flags) return exit_code;
  signal(SIGPIPE, SIG_IGN);
  SignalThread signals;
  if (flags->stop_with_parent) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) return kFailed;
  }
  w2t::worker::SetLogLevel(flags->log_level);
  if (!flags->dir.empty()) {
    if (flags->worker.server.empty()) {
      const char* const named = std::getenv("W2T_SERVER");
      if (named != nullptr) flags->worker.server = named;
    }
    MakeAbsolute(flags->worker.server);
    if (chdir(flags->dir.c_str()) != 0) {
      fmt::print(stderr, "w2t-worker: --dir {}: {}\n", flags->dir,
                 std::strerror(errno));
      return kBadUsage;
    }
  }
  flags->worker.on_connected = [] { sd_notify(0, "READY=1"); };
  w2t::worker::Worker worker(flags->worker);
  signals.Start(&worker, flags->stop_with_parent, parent);
  // Not on the thread that orphans fall to: so that only they are its children.
  absl::Status status;
  std::thread([&] { status = worker.Run(); }).join();
  sd_notify(0, "STOPPING=1");
  if (status.ok()) return 0;
  fmt::print(stderr, "w2t-worker: {}\n", std::string(status.message()));
  return absl::IsInvalidArgument(status) ? kBadUsage : kFailed;
}
