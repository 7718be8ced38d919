// How an attempt is stopped, and how it ended.
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/worker/exec/command.h"
#include "client/worker/exec/exec_attempt.h"
#include "client/worker/exec/proc.h"
#include "client/worker/exec/process_group.h"
#include "client/worker/session/text.h"
#include "w2t/limits.h"

namespace w2t::worker {

namespace {

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
  Unmark(mark_, &spec);  // or it would be stopped, too
  absl::StatusOr<Child> stopper = Spawn(spec);
  absl::Status status = stopper.status();
  if (status.ok()) {
    absl::StatusOr<WatchId> watch =
        host_->loop().Watch(stopper->pidfd.get(), EPOLLIN,
                            [this](uint32_t) { OnStopCommandEnded(); });
    if (watch.ok()) {
      stopper_ = *std::move(stopper);
      stopper_watch_ = *watch;
      stopped_by_ = "its stop command";
      return true;
    }
    status = watch.status();
    host_->reaper().KillAndReap(*std::move(stopper));
  }
  Note(fmt::format("cannot run the stop command: {}",
                   std::string(status.message())));
  return false;
}

void ExecAttempt::OnStopCommandEnded() {
  host_->loop().Unwatch(std::exchange(stopper_watch_, 0));
  SignalGroup(stopper_.pid, SIGKILL);
  const Exit exit = Reap(stopper_);
  stopper_ = Child();
  if (exit.exit_code != 0) {
    Note(fmt::format("the stop command failed: {}", ExitWords(exit)));
    if (!exit_) SendStopSignal();
  }
  if (!exit_ || drained_) return;
  host_->loop().Cancel(tree_timer_);
  AwaitTree();
}

void ExecAttempt::OnGraceOver(absl::Duration grace) {
  killed_after_ = grace;
  tree_.Kill();
  if (stopper_.pid != 0) SignalGroup(stopper_.pid, SIGKILL);
}

void ExecAttempt::OnChildEnded() {
  host_->loop().Unwatch(std::exchange(child_watch_, 0));
  host_->loop().Cancel(timeout_timer_);
  if (probes_ != nullptr) probes_->OnEnding();
  // A zombie keeps the group's number from others.
  if (ending_ == Ending::kByItself) tree_.Signal(SIGKILL);
  exit_ = Reap(child_);
  child_ = Child();
  tree_.LeaderEnded();
  AwaitTree();
}

// "Stopped" means that none of its processes is left, and that what stops it
// has done all that it does.
void ExecAttempt::AwaitTree() {
  Loop& loop = host_->loop();
  const bool kill = ending_ == Ending::kByItself ||
                    ending_ == Ending::kInterrupted || killed_after_;
  if (!tree_.Lives()) {
    if (stopper_.pid != 0) return;  // its end is where this goes on
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
  Outcome outcome = MakeOutcome();
  if (kept_ != nullptr) {
    kept::v1::KeptAttempt news;
    kept::v1::KeptOutcome& kept = *news.mutable_outcome();
    kept.set_state(outcome.state);
    kept.set_exit_code(outcome.exit_code);
    kept.set_message(Shorten(outcome.message, Limits().max_message_bytes));
    kept.set_signal(outcome.signal);
    kept.set_cpu_us(outcome.cpu_us);
    kept.set_max_rss_bytes(outcome.max_rss_bytes);
    Keep(news);
  }
  host_->sink().Ended(offer_.lease, std::move(outcome));
  host_->OnAttemptEnded(offer_.lease.fence, std::move(kept_));
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
    case Ending::kInterrupted:
      // The daemon takes what its worker stopped by itself for lost.
      outcome.state = v1::TASK_STATE_CANCELLED;
      outcome.message = unknown_;
      break;
    case Ending::kTimedOut:
      outcome.state = v1::TASK_STATE_TIMED_OUT;
      outcome.message = fmt::format("{}; {}", why_, StopWords());
      break;
    case Ending::kUnwell:
      outcome.state = v1::TASK_STATE_FAILED;
      outcome.message = fmt::format("{}; {}", why_, StopWords());
      if (outcome.exit_code == 0) outcome.exit_code = 1;
      break;
    case Ending::kByItself:
      if (!exit_->known) {
        outcome.state = v1::TASK_STATE_FAILED;
        outcome.exit_code = 1;
        outcome.message = unknown_;
      } else if (Succeeded(offer_.action->exec(), *exit_)) {
        outcome.state = v1::TASK_STATE_SUCCEEDED;
      } else {
        outcome.state = v1::TASK_STATE_FAILED;
        outcome.message = ExitWords(*exit_);
      }
      break;
  }
  if (outcome.state == v1::TASK_STATE_FAILED) outcome.message += MemoryWords();
  if (!survivors_.empty()) {
    const std::string_view gap = outcome.message.empty() ? "" : "; ";
    outcome.message +=
        fmt::format("{}{} still lives {} after it was killed", gap, survivors_,
                    DurationText(kKillPatience));
  }
  return outcome;
}

std::string ExecAttempt::MemoryWords() const {
  const uint64_t killed = cgroup_ == nullptr ? 0 : cgroup_->OutOfMemoryKills();
  if (killed == 0) return "";
  return fmt::format(
      "; the system killed {} of its processes for lack of memory (limits: "
      "memory is {})",
      killed, MemoryText(offer_.action->exec().limits().memory_bytes()));
}

std::string ExecAttempt::StopWords() const {
  std::string words = fmt::format("stopped by {}", stopped_by_);
  if (killed_after_) {
    words +=
        fmt::format(", then killed after {}", DurationText(*killed_after_));
  }
  return words;
}

}  // namespace w2t::worker
