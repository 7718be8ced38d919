#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>

#include <utility>

#include "client/worker/exec/process_group.h"
#include "client/worker/probe/check.h"

namespace w2t::worker {

namespace {

class ExecCheck final : public Check {
 public:
  ExecCheck(Loop* loop, Reaper* reaper, CheckDone done)
      : loop_(loop), reaper_(reaper), done_(std::move(done)) {}
  ~ExecCheck() override {
    loop_->Unwatch(watch_);
    loop_->Cancel(failure_);
    if (child_.pid != 0) reaper_->KillAndReap(std::move(child_));
  }

  void Start(const SpawnSpec& command) {
    absl::StatusOr<Child> child = Spawn(command);
    if (!child.ok()) {
      FailLater(std::string(child.status().message()));
      return;
    }
    child_ = *std::move(child);
    absl::StatusOr<WatchId> watch = loop_->Watch(
        child_.pidfd.get(), EPOLLIN, [this](uint32_t) { OnEnded(); });
    if (!watch.ok()) {
      FailLater(std::string(watch.status().message()));
      return;
    }
    watch_ = *watch;
  }

  std::string what() const override { return "the probe's command"; }

 private:
  void OnEnded() {
    loop_->Unwatch(std::exchange(watch_, 0));
    SignalGroup(child_.pid, SIGKILL);
    const Exit exit = Reap(child_);
    child_ = Child();
    if (exit.exit_code == 0) {
      Done(absl::OkStatus());
    } else if (exit.signal != 0) {
      Done(absl::UnavailableError(
          fmt::format("{} was killed by SIG{}", what(),
                      SignalName(static_cast<int>(exit.signal)))));
    } else {
      Done(absl::UnavailableError(
          fmt::format("{} ended with exit code {}", what(), exit.exit_code)));
    }
  }

  void FailLater(std::string message) {
    failure_ = loop_->After(
        absl::ZeroDuration(), [this, message = std::move(message)] {
          Done(absl::UnavailableError(
              fmt::format("cannot start {}: {}", what(), message)));
        });
  }

  void Done(absl::Status status) {
    CheckDone done = std::move(done_);
    done(std::move(status));
  }

  Loop* const loop_;
  Reaper* const reaper_;
  CheckDone done_;
  Child child_;
  WatchId watch_ = 0;
  TimerId failure_ = 0;
};

}  // namespace

std::unique_ptr<Check> MakeExecCheck(Loop* loop, Reaper* reaper,
                                     const SpawnSpec& command, CheckDone done) {
  auto check = std::make_unique<ExecCheck>(loop, reaper, std::move(done));
  check->Start(command);
  return check;
}

}  // namespace w2t::worker
