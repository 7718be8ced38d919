// What executors say of attempts.
#include <utility>

#include "absl/time/clock.h"
#include "client/worker/session/session.h"

namespace w2t::worker {

void Session::Adopted(const Lease& lease, v1::TaskState state,
                      uint64_t printed) {
  absl::MutexLock lock(&mutex_);
  state_.Adopt(lease, state, printed);
}

void Session::Started(absl::Span<const Lease> leases, bool has_probe) {
  {
    absl::MutexLock lock(&mutex_);
    for (const Lease& lease : leases) state_.Started(lease);
    if (has_probe) {
      FlushLater();
    } else {
      FlushIn(kStartedDelay, &Session::flush_due_, &SessionState::Release);
    }
  }
  StartMore();
}

void Session::Up(const Lease& lease) {
  bool hurried = false;
  {
    absl::MutexLock lock(&mutex_);
    hurried = state_.Up(lease);
    if (!hurried) FlushLater();
  }
  StartMore();
  if (hurried) Flush();
}

void Session::Ended(const Lease& lease, Outcome outcome) {
  {
    absl::MutexLock lock(&mutex_);
    state_.Ended(lease, std::move(outcome));
  }
  StartMore();
  Flush();
}

void Session::ProbeMissed(const Lease& lease, MissedProbe probe) {
  absl::MutexLock lock(&mutex_);
  state_.ProbeMissed(lease, std::move(probe));
  FlushIn(kProbesDelay, &Session::probes_due_, &SessionState::ReleaseProbes);
}

bool Session::Printed(const Lease& lease, v1::LogStream stream,
                      std::string_view data) {
  return Print(lease, stream, data, 0, /*always=*/true);
}

bool Session::TryPrint(const Lease& lease, v1::LogStream stream,
                       std::string_view data, uint64_t dropped_bytes) {
  return Print(lease, stream, data, dropped_bytes, /*always=*/false);
}

bool Session::Print(const Lease& lease, v1::LogStream stream,
                    std::string_view data, uint64_t dropped_bytes,
                    bool always) {
  const int64_t now_us = absl::ToUnixMicros(absl::Now());
  bool room = false;
  bool due = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!always && state_.log_full()) return false;
    room = state_.Printed(lease, stream, now_us, data, dropped_bytes);
    if (always && !room) output_refused_ = true;
    due = state_.output_due();
    if (!due) FlushLater();
  }
  if (due) Flush();
  return room || !always;
}

}  // namespace w2t::worker
