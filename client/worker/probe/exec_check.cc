#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>

#include <string>
#include <string_view>
#include <utility>

#include "client/worker/exec/output_pipe.h"
#include "client/worker/exec/process_group.h"
#include "client/worker/probe/check.h"
#include "client/worker/session/text.h"

namespace w2t::worker {

namespace {

// The latest of what the command prints that is looked at for its last words.
constexpr size_t kTailBytes = 1024;
// The most of them that is told.
constexpr size_t kMostWords = 160;

// The last line that says anything; empty: there is none.
std::string LastLine(std::string_view text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return "";
  text = text.substr(0, end + 1);
  const size_t before = text.find_last_of("\r\n");
  if (before != std::string_view::npos) text.remove_prefix(before + 1);
  return Shorten(std::string(text), kMostWords);
}

class ExecCheck final : public Check {
 public:
  ExecCheck(Loop* loop, Reaper* reaper, CheckDone done)
      : loop_(loop),
        reaper_(reaper),
        done_(std::move(done)),
        output_(
            loop, [this](std::string_view data) { return Keep(data); }, [] {}) {
  }
  ~ExecCheck() override {
    loop_->Unwatch(watch_);
    loop_->Cancel(failure_);
    if (child_.pid != 0) reaper_->KillAndReap(std::move(child_));
  }

  void Start(SpawnSpec command) {
    // Without a pipe it goes without words.
    absl::StatusOr<Pipe> pipe = MakePipe();
    if (pipe.ok() && output_.Open(std::move(pipe->read_end)).ok()) {
      command.stdout_fd = command.stderr_fd = pipe->write_end.get();
    }
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
  bool Keep(std::string_view data) {
    tail_ += data;
    if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
    return true;
  }

  void OnEnded() {
    loop_->Unwatch(std::exchange(watch_, 0));
    SignalGroup(child_.pid, SIGKILL);
    const Exit exit = Reap(child_);
    child_ = Child();
    if (exit.exit_code == 0) return Done(absl::OkStatus());
    if (exit.signal != 0) {
      Done(absl::UnavailableError(
          fmt::format("{} was killed by SIG{}", what(),
                      SignalName(static_cast<int>(exit.signal)))));
    } else {
      output_.Drain();
      const std::string words = LastLine(tail_);
      Done(absl::UnavailableError(
          fmt::format("{} ended with exit code {}{}{}", what(), exit.exit_code,
                      words.empty() ? "" : ": ", words)));
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
  OutputPipe output_;
  std::string tail_;
};

}  // namespace

std::unique_ptr<Check> MakeExecCheck(Loop* loop, Reaper* reaper,
                                     const SpawnSpec& command, CheckDone done) {
  auto check = std::make_unique<ExecCheck>(loop, reaper, std::move(done));
  check->Start(command);
  return check;
}

}  // namespace w2t::worker
