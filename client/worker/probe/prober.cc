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

uint32_t Failures(Prober::Purpose purpose, const v1::Probe& probe) {
  const bool by_default =
      probe.failures() == 0 && purpose == Prober::Purpose::kLive;
  return by_default ? kDefaultLiveFailures : probe.failures();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Prober>> Prober::Create(const Services& services,
                                                       Purpose purpose,
                                                       const v1::Probe& probe,
                                                       const SpawnSpec& task,
                                                       Events events) {
  std::unique_ptr<Prober> prober(
      new Prober(services, purpose, probe, std::move(events)));
  const absl::Status status = prober->SetUp(task);
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}", purpose == Purpose::kReady ? "ready" : "live",
                    std::string(status.message())));
  }
  return prober;
}

Prober::Prober(const Services& services, Purpose purpose,
               const v1::Probe& probe, Events events)
    : services_(services),
      purpose_(purpose),
      probe_(probe),
      every_(OrDefault(
          probe.has_every(), probe.every(),
          purpose == Purpose::kReady ? kDefaultReadyEvery : kDefaultLiveEvery)),
      timeout_(OrDefault(probe.has_timeout(), probe.timeout(),
                         kDefaultProbeTimeout)),
      deadline_(OrDefault(probe.has_deadline(), probe.deadline(),
                          kDefaultReadyDeadline)),
      failures_(Failures(purpose, probe)),
      events_(std::move(events)),
      gap_(purpose == Purpose::kReady ? std::min(kFirstGap, every_) : every_) {}

absl::Status Prober::SetUp(const SpawnSpec& task) {
  switch (probe_.kind_case()) {
    case v1::Probe::kTcp: {
      absl::StatusOr<HostPort> target = ParseHostPort(probe_.tcp());
      if (!target.ok()) return target.status();
      start_check_ = [this, target = *target](CheckDone done) {
        return MakeTcpCheck(services_.loop, services_.resolver, target,
                            std::move(done));
      };
      return absl::OkStatus();
    }
    case v1::Probe::kHttp: {
      const absl::StatusOr<UrlParts> url = ParseHttpUrl(probe_.http().url());
      if (!url.ok()) return url.status();
      start_check_ = [this](CheckDone done) {
        return MakeHttpCheck(services_.http, services_.resolver, probe_.http(),
                             std::move(done));
      };
      return absl::OkStatus();
    }
    case v1::Probe::kGrpc: {
      absl::StatusOr<GrpcTarget> target = ParseGrpcTarget(probe_.grpc());
      if (!target.ok()) return target.status();
      start_check_ = [this, target = *target](CheckDone done) {
        return MakeGrpcCheck(services_.grpc, target, std::move(done));
      };
      return absl::OkStatus();
    }
    case v1::Probe::kExec:
      start_check_ =
          [this, command = ShellLine(probe_.exec(), task)](CheckDone done) {
            return MakeExecCheck(services_.loop, services_.reaper, command,
                                 std::move(done));
          };
      return absl::OkStatus();
    case v1::Probe::kLogText:
      stdout_ = LineMatcher::ForText(probe_.log_text());
      break;
    case v1::Probe::kLogRegex: {
      auto matcher = LineMatcher::ForRegex(probe_.log_regex());
      if (!matcher.ok()) return matcher.status();
      stdout_ = *std::move(matcher);
      break;
    }
    case v1::Probe::kNotify:
      return absl::OkStatus();
    case v1::Probe::KIND_NOT_SET:
      return absl::InvalidArgumentError("no probe that this worker knows");
  }
  stderr_ = stdout_->Clone();
  if (purpose_ == Purpose::kReady) return absl::OkStatus();
  return absl::InvalidArgumentError("a log probe is for ready alone");
}

Prober::~Prober() { Cancel(); }

void Prober::Start() {
  absl::Duration delay = FromProto(probe_.initial_delay());
  if (purpose_ == Purpose::kReady) {
    SetDeadline(deadline_);
  } else if (delay == absl::ZeroDuration()) {
    delay = every_;
  }
  const bool is_fed = start_check_ == nullptr;
  if (is_fed && purpose_ == Purpose::kReady) return;
  if (is_fed) {
    next_timer_ = services_.loop->After(delay, [this] { LookForWatchdog(); });
  } else if (delay > absl::ZeroDuration()) {
    next_timer_ = services_.loop->After(delay, [this] { MakeCheck(); });
  } else {
    MakeCheck();
  }
}

void Prober::SetDeadline(absl::Duration from_now) {
  services_.loop->Cancel(deadline_timer_);
  deadline_at_ = absl::Now() + from_now;
  deadline_timer_ = services_.loop->After(from_now, [this] {
    Fail(fmt::format("not ready within {}; {}", DurationText(deadline_),
                     LastProbe()));
  });
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

void Prober::OnNotified(const Notification& said) {
  if (done_) return;
  if (said.status) last_status_ = *said.status;
  said_alive_ |= said.alive;
  if (purpose_ == Purpose::kReady) {
    if (said.ready && probe_.has_notify()) {
      Succeed();
    } else if (said.extend && absl::Now() + *said.extend > deadline_at_) {
      SetDeadline(*said.extend);
    }
  } else if (said.unwell && probe_.has_notify()) {
    Fail("not alive: it said WATCHDOG=trigger");
  }
}

void Prober::LookForWatchdog() {
  if (std::exchange(said_alive_, false)) {
    OnPassed();
  } else {
    OnMissed(fmt::format("no WATCHDOG=1 within {}", DurationText(every_)));
  }
  if (done_) return;
  next_timer_ = services_.loop->After(every_, [this] { LookForWatchdog(); });
}

void Prober::Cancel() {
  done_ = true;
  check_.reset();
  for (TimerId* timer : {&next_timer_, &check_timer_, &deadline_timer_}) {
    services_.loop->Cancel(std::exchange(*timer, 0));
  }
}

void Prober::MakeCheck() {
  ++checks_;
  check_began_ = absl::Now();
  check_ = start_check_([this](absl::Status status) { OnChecked(status); });
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
  if (purpose_ == Purpose::kReady &&
      ++passed_in_a_row_ >= std::max(1U, probe_.successes())) {
    Succeed();
  }
}

void Prober::Tell(const std::string& message) {
  const absl::Time now = absl::Now();
  if (message == last_miss_ && now < told_at_ + kMissedGap) return;
  told_at_ = now;
  events_.missed({.count = checks_,
                  .message = message,
                  .took = std::max(now - check_began_, absl::ZeroDuration())});
}

void Prober::OnMissed(std::string message) {
  if (start_check_ != nullptr) Tell(message);
  last_miss_ = std::move(message);
  passed_in_a_row_ = 0;
  ++missed_in_a_row_;
  if (failures_ > 0 && missed_in_a_row_ >= failures_) {
    const std::string missed =
        missed_in_a_row_ == 1
            ? "a probe failed"
            : fmt::format("{} probes in a row failed", missed_in_a_row_);
    Fail(fmt::format("not {}: {}; {}",
                     purpose_ == Purpose::kReady ? "ready" : "alive", missed,
                     LastProbe()));
  }
}

void Prober::Succeed() {
  Cancel();
  events_.passed();
}

void Prober::Fail(std::string why) {
  Cancel();
  events_.failed(std::move(why));
}

std::string Prober::LastProbe() const {
  if (stdout_ != nullptr) {
    return fmt::format("there was never {}", stdout_->what());
  }
  if (purpose_ == Purpose::kReady && probe_.has_notify()) {
    return last_status_.empty()
               ? std::string("it never said READY=1")
               : fmt::format("it never said READY=1; its last status: {}",
                             last_status_);
  }
  if (last_miss_.empty()) return "no probe has ended";
  return fmt::format("last probe: {}", last_miss_);
}

}  // namespace w2t::worker
