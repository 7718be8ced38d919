#include "client/worker/exec/exec_attempt.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/worker/exec/command.h"
#include "client/worker/exec/process_group.h"
#include "client/worker/session/text.h"

namespace w2t::worker {

namespace {

// As shells have it.
constexpr int kExitNotFound = 127;
constexpr int kExitCannotRun = 126;

bool Succeeded(const v1::ExecAction& action, const Exit& exit) {
  if (exit.signal != 0) return false;
  if (exit.exit_code == 0) return true;
  const auto& codes = action.success_exit_codes();
  return std::find(codes.begin(), codes.end(), exit.exit_code) != codes.end();
}

std::string ExitWords(const Exit& exit) {
  if (exit.signal == 0) return fmt::format("exit code {}", exit.exit_code);
  return fmt::format("killed by signal {} (SIG{})", exit.signal,
                     SignalName(static_cast<int>(exit.signal)));
}

}  // namespace

ExecAttempt::ExecAttempt(Host* host, Offer offer, SpawnSpec command,
                         std::string mark)
    : host_(host),
      offer_(std::move(offer)),
      command_(std::move(command)),
      mark_(std::move(mark)),
      stdout_(
          &host->loop(),
          [this](std::string_view data) {
            return OnOutput(v1::LOG_STREAM_STDOUT, data);
          },
          [this] { OnPipeClosed(); }),
      stderr_(
          &host->loop(),
          [this](std::string_view data) {
            return OnOutput(v1::LOG_STREAM_STDERR, data);
          },
          [this] { OnPipeClosed(); }) {}

ExecAttempt::~ExecAttempt() {
  Loop& loop = host_->loop();
  loop.Cancel(timeout_timer_);
  loop.Cancel(grace_timer_);
  loop.Cancel(tree_timer_);
  loop.Cancel(drain_timer_);
  loop.Unwatch(child_watch_);
  loop.Unwatch(stopper_watch_);
  if (child_.pid != 0) host_->reaper().KillAndReap(std::move(child_));
  if (stopper_.pid != 0) host_->reaper().KillAndReap(std::move(stopper_));
}

bool ExecAttempt::Start() {
  const absl::Status status = TryStart();
  if (status.ok()) return true;
  host_->sink().Ended(
      offer_.lease,
      {.state = v1::TASK_STATE_FAILED,
       .exit_code = absl::IsNotFound(status) ? kExitNotFound : kExitCannotRun,
       .message =
           fmt::format("cannot start: {}", std::string(status.message()))});
  return false;
}

absl::Status ExecAttempt::TryStart() {
  absl::StatusOr<Pipe> out = MakePipe();
  if (!out.ok()) return out.status();
  absl::StatusOr<Pipe> err = MakePipe();
  if (!err.ok()) return err.status();
  command_.stdout_fd = out->write_end.get();
  command_.stderr_fd = err->write_end.get();
  if (absl::Status status = MakeProbes(); !status.ok()) return status;

  absl::StatusOr<Child> child = Spawn(command_);
  if (!child.ok()) return child.status();
  child_ = *std::move(child);
  tree_ = ProcessTree(command_.orphans, child_.pid, mark_);
  group_guarded_ = std::move(child_.guarded);
  Loop& loop = host_->loop();
  absl::StatusOr<WatchId> watch = loop.Watch(
      child_.pidfd.get(), EPOLLIN, [this](uint32_t) { OnChildEnded(); });
  if (!watch.ok()) return watch.status();
  child_watch_ = *watch;
  for (auto [pipe, end] : {std::pair(&stdout_, &out->read_end),
                           std::pair(&stderr_, &err->read_end)}) {
    if (absl::Status status = pipe->Open(std::move(*end)); !status.ok()) {
      return status;
    }
  }
  host_->sink().Started({&offer_.lease, 1});
  const absl::Duration timeout = FromProto(offer_.action->timeout());
  if (timeout > absl::ZeroDuration()) {
    timeout_timer_ = loop.After(timeout, [this, timeout] {
      Stop(Ending::kTimedOut,
           fmt::format("timed out after {}", DurationText(timeout)),
           absl::InfiniteDuration());
    });
  }
  if (probes_ != nullptr) probes_->Start(tree_.group());
  return absl::OkStatus();
}

absl::Status ExecAttempt::MakeProbes() {
  auto probes = Probes::Create(
      {&host_->loop(), &host_->reaper(), &host_->resolver(), &host_->http(),
       &host_->grpc()},
      &host_->notify_folder(), *offer_.action, &command_,
      {.up = [this] { OnReady(); },
       .failed =
           [this](std::string why) {
             Stop(Ending::kUnwell, std::move(why), absl::InfiniteDuration());
           },
       .missed =
           [this](MissedProbe probe) {
             host_->sink().ProbeMissed(offer_.lease, std::move(probe));
           },
       .note = [this](std::string line) { Note(line); }});
  if (!probes.ok()) return probes.status();
  probes_ = *std::move(probes);
  return absl::OkStatus();
}

bool ExecAttempt::OnOutput(v1::LogStream stream, std::string_view data) {
  const bool room = host_->sink().Printed(offer_.lease, stream, data);
  if (probes_ != nullptr) probes_->OnOutput(stream, data);
  return room;
}

void ExecAttempt::ResumeOutput() {
  stdout_.Resume();
  stderr_.Resume();
}

void ExecAttempt::OnReady() {
  if (ending_ == Ending::kByItself) host_->sink().Up(offer_.lease);
}

void ExecAttempt::Cancel(absl::Duration longest_grace) {
  if (ending_ == Ending::kByItself) {
    Stop(Ending::kCancelled, "", longest_grace);
  } else if (!drained_ && !killed_after_ && longest_grace < grace_) {
    // It is being stopped already, with more patience.
    AwaitGrace(longest_grace);
  }
}

void ExecAttempt::AwaitGrace(absl::Duration grace) {
  host_->loop().Cancel(grace_timer_);
  grace_ = grace;
  grace_timer_ =
      host_->loop().After(grace, [this, grace] { OnGraceOver(grace); });
}

void ExecAttempt::Stop(Ending ending, std::string why,
                       absl::Duration longest_grace) {
  if (ending_ != Ending::kByItself || exit_) return;
  ending_ = ending;
  why_ = std::move(why);
  host_->loop().Cancel(timeout_timer_);
  if (probes_ != nullptr) probes_->Cancel();
  const v1::StopPolicy& policy = offer_.action->stop();
  if (policy.command().empty() || !RunStopCommand()) SendStopSignal();
  AwaitGrace(
      std::min(policy.has_grace() ? FromProto(policy.grace()) : kDefaultGrace,
               longest_grace));
}

int ExecAttempt::StopSignal() const {
  const uint32_t wanted = offer_.action->stop().signal();
  return wanted == 0 ? SIGTERM : static_cast<int>(wanted);
}

void ExecAttempt::SendStopSignal() {
  const int signal = StopSignal();
  tree_.Signal(signal);
  stopped_by_ = SignalName(signal);
}

bool ExecAttempt::RunStopCommand() {
  SpawnSpec spec = ShellLine(offer_.action->stop().command(), command_);
  const pid_t main = probes_ == nullptr ? 0 : probes_->main_pid();
  SetVariable("W2T_PID", fmt::format("{}", main == 0 ? tree_.group() : main),
              &spec);
  absl::StatusOr<Child> stopper = Spawn(spec);
  if (!stopper.ok()) {
    Note(fmt::format("cannot run the stop command: {}",
                     std::string(stopper.status().message())));
    return false;
  }
  stopper_ = *std::move(stopper);
  stopped_by_ = "its stop command";
  absl::StatusOr<WatchId> watch =
      host_->loop().Watch(stopper_.pidfd.get(), EPOLLIN, [this](uint32_t) {
        host_->loop().Unwatch(std::exchange(stopper_watch_, 0));
        SignalGroup(stopper_.pid, SIGKILL);
        const Exit exit = Reap(stopper_);
        stopper_ = Child();
        if (exit.exit_code != 0) {
          Note(fmt::format("the stop command failed: {}", ExitWords(exit)));
          if (!exit_) SendStopSignal();
        }
      });
  if (watch.ok()) stopper_watch_ = *watch;
  return true;
}

void ExecAttempt::OnGraceOver(absl::Duration grace) {
  killed_after_ = grace;
  tree_.Kill();
}

void ExecAttempt::OnChildEnded() {
  host_->loop().Unwatch(std::exchange(child_watch_, 0));
  host_->loop().Cancel(timeout_timer_);
  if (probes_ != nullptr) probes_->OnEnding();
  // A zombie keeps the group's number from others.
  if (ending_ == Ending::kByItself) tree_.Signal(SIGKILL);
  exit_ = Reap(child_);
  child_ = Child();
  AwaitTree();
}

// "Stopped" means that none of its processes is left.
void ExecAttempt::AwaitTree() {
  Loop& loop = host_->loop();
  const bool kill = ending_ == Ending::kByItself || killed_after_;
  if (!tree_.Lives()) {
    loop.Cancel(grace_timer_);
    DrainPipes();
    return;
  }
  if (kill) {
    tree_.Kill();
    const absl::Time now = absl::Now();
    if (!kill_by_) kill_by_ = now + kKillPatience;
    if (now >= *kill_by_) {
      survivors_ = tree_.Names();
      DrainPipes();
      return;
    }
  } else {
    tree_.SignalStrays(StopSignal());
  }
  tree_timer_ = loop.After(tree_poll_, [this] { AwaitTree(); });
  tree_poll_ = std::min(2 * tree_poll_, kLongestTreePoll);
}

void ExecAttempt::DrainPipes() {
  stdout_.Drain();
  stderr_.Drain();
  // Its last words may have been that it is ready, so the probe ends after
  // them.
  if (probes_ != nullptr) {
    probes_->OnOutputEnded();
    probes_->Cancel();
  }
  drained_ = true;
  if (stdout_.closed() && stderr_.closed()) {
    Finish();
    return;
  }
  drain_timer_ = host_->loop().After(kDrainTimeout, [this] { Finish(); });
}

void ExecAttempt::OnPipeClosed() {
  if (drained_ && stdout_.closed() && stderr_.closed()) Finish();
}

void ExecAttempt::Finish() {
  host_->sink().Ended(offer_.lease, MakeOutcome());
  host_->OnAttemptEnded(offer_.lease.fence);
}

Outcome ExecAttempt::MakeOutcome() const {
  Outcome outcome{.exit_code = exit_->exit_code,
                  .signal = exit_->signal,
                  .cpu_us = exit_->cpu_us,
                  .max_rss_bytes = exit_->max_rss_bytes};
  switch (ending_) {
    case Ending::kCancelled:
      outcome.state = v1::TASK_STATE_CANCELLED;
      outcome.message = StopWords();
      break;
    case Ending::kTimedOut:
      outcome.state = v1::TASK_STATE_TIMED_OUT;
      outcome.message = fmt::format("{}; {}", why_, StopWords());
      break;
    case Ending::kUnwell:
      outcome.state = v1::TASK_STATE_FAILED;
      outcome.message = why_;
      if (outcome.exit_code == 0) outcome.exit_code = 1;
      break;
    case Ending::kByItself:
      if (Succeeded(offer_.action->exec(), *exit_)) {
        outcome.state = v1::TASK_STATE_SUCCEEDED;
      } else {
        outcome.state = v1::TASK_STATE_FAILED;
        outcome.message = ExitWords(*exit_);
      }
      break;
  }
  if (!survivors_.empty()) {
    const std::string_view gap = outcome.message.empty() ? "" : "; ";
    outcome.message +=
        fmt::format("{}{} still lives {} after it was killed", gap, survivors_,
                    DurationText(kKillPatience));
  }
  return outcome;
}

std::string ExecAttempt::StopWords() const {
  std::string words = fmt::format("stopped by {}", stopped_by_);
  if (killed_after_) {
    words +=
        fmt::format(", then killed after {}", DurationText(*killed_after_));
  }
  return words;
}

void ExecAttempt::Note(std::string_view line) {
  host_->sink().Printed(offer_.lease, v1::LOG_STREAM_WORKER,
                        fmt::format("{}\n", line));
}

}  // namespace w2t::worker
