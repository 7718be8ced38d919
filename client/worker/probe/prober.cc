#include "client/worker/probe/prober.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/worker/exec/command.h"
#include "client/worker/session/text.h"

namespace w2t::worker {

namespace {

absl::Duration OrDefault(bool set, const google::protobuf::Duration& duration,
                         absl::Duration fallback) {
  const absl::Duration value = FromProto(duration);
  return set && value > absl::ZeroDuration() ? value : fallback;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Prober>> Prober::Create(
    const Services& services, const v1::ReadyProbe& probe,
    const SpawnSpec& task, absl::AnyInvocable<void()> ready,
    absl::AnyInvocable<void(std::string)> failed) {
  std::unique_ptr<Prober> prober(
      new Prober(services, probe, std::move(ready), std::move(failed)));
  switch (probe.kind_case()) {
    case v1::ReadyProbe::kTcp: {
      absl::StatusOr<HostPort> target = ParseHostPort(probe.tcp());
      if (!target.ok()) return target.status();
      prober->target_ = *std::move(target);
      break;
    }
    case v1::ReadyProbe::kExec:
      prober->command_ = ShellLine(probe.exec(), task);
      break;
    case v1::ReadyProbe::kLogText:
      prober->stdout_ = LineMatcher::ForText(probe.log_text());
      break;
    case v1::ReadyProbe::kLogRegex: {
      auto matcher = LineMatcher::ForRegex(probe.log_regex());
      if (!matcher.ok()) return matcher.status();
      prober->stdout_ = *std::move(matcher);
      break;
    }
    case v1::ReadyProbe::KIND_NOT_SET:
      return absl::InvalidArgumentError("ready: no probe is named");
  }
  if (prober->stdout_ != nullptr) prober->stderr_ = prober->stdout_->Clone();
  return prober;
}

Prober::Prober(const Services& services, const v1::ReadyProbe& probe,
               absl::AnyInvocable<void()> ready,
               absl::AnyInvocable<void(std::string)> failed)
    : services_(services),
      probe_(probe),
      every_(OrDefault(probe.has_every(), probe.every(), kDefaultEvery)),
      timeout_(OrDefault(probe.has_timeout(), probe.timeout(),
                         kDefaultProbeTimeout)),
      deadline_(OrDefault(probe.has_deadline(), probe.deadline(),
                          kDefaultReadyDeadline)),
      ready_(std::move(ready)),
      failed_(std::move(failed)),
      gap_(std::min(kFirstGap, every_)) {}

Prober::~Prober() { Cancel(); }

void Prober::Start() {
  deadline_timer_ = services_.loop->After(deadline_, [this] {
    Fail(fmt::format("not ready within {}; {}", DurationText(deadline_),
                     LastProbe()));
  });
  if (stdout_ != nullptr) return;
  const absl::Duration delay = FromProto(probe_.initial_delay());
  if (delay > absl::ZeroDuration()) {
    next_timer_ = services_.loop->After(delay, [this] { MakeCheck(); });
  } else {
    MakeCheck();
  }
}

void Prober::OnOutput(v1::LogStream stream, std::string_view data) {
  if (done_ || stdout_ == nullptr) return;
  LineMatcher& matcher = stream == v1::LOG_STREAM_STDERR ? *stderr_ : *stdout_;
  if (matcher.Feed(data)) Succeed();
}

void Prober::OnOutputEnded() {
  if (done_ || stdout_ == nullptr) return;
  if (stdout_->End() || stderr_->End()) Succeed();
}

void Prober::Cancel() {
  done_ = true;
  check_.reset();
  for (TimerId* timer : {&next_timer_, &check_timer_, &deadline_timer_}) {
    services_.loop->Cancel(std::exchange(*timer, 0));
  }
}

void Prober::MakeCheck() {
  CheckDone done = [this](absl::Status status) { OnChecked(status); };
  check_ = probe_.has_tcp() ? MakeTcpCheck(services_.loop, services_.resolver,
                                           target_, std::move(done))
                            : MakeExecCheck(services_.loop, services_.reaper,
                                            command_, std::move(done));
  check_timer_ = services_.loop->After(timeout_, [this] {
    OnChecked(absl::DeadlineExceededError(fmt::format(
        "{}: no answer within {}", check_->what(), DurationText(timeout_))));
  });
}

void Prober::OnChecked(const absl::Status& status) {
  services_.loop->Cancel(std::exchange(check_timer_, 0));
  check_.reset();
  if (done_) return;
  if (status.ok()) {
    OnPassed();
  } else {
    OnMissed(std::string(status.message()));
  }
  if (done_) return;
  next_timer_ = services_.loop->After(gap_, [this] { MakeCheck(); });
  gap_ = std::min(2 * gap_, every_);
}

void Prober::OnPassed() {
  missed_in_a_row_ = 0;
  if (++passed_in_a_row_ >= std::max(1U, probe_.successes())) Succeed();
}

void Prober::OnMissed(std::string message) {
  last_miss_ = std::move(message);
  passed_in_a_row_ = 0;
  ++missed_in_a_row_;
  if (probe_.failures() > 0 && missed_in_a_row_ >= probe_.failures()) {
    Fail(fmt::format("not ready: {} probes in a row failed; {}",
                     missed_in_a_row_, LastProbe()));
  }
}

void Prober::Succeed() {
  Cancel();
  ready_();
}

void Prober::Fail(std::string why) {
  Cancel();
  failed_(std::move(why));
}

std::string Prober::LastProbe() const {
  if (stdout_ != nullptr) {
    return fmt::format("there was never {}", stdout_->what());
  }
  if (last_miss_.empty()) return "no probe has ended";
  return fmt::format("last probe: {}", last_miss_);
}

}  // namespace w2t::worker
