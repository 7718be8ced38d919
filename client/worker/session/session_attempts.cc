// What becomes of attempts, on its way into reports and output.
#include <utility>

#include "client/worker/session/session_state.h"

namespace w2t::worker {

void SessionState::Adopt(const Lease& lease, v1::TaskState state,
                         uint64_t printed) {
  const bool up = state == v1::TASK_STATE_UP;
  const bool started = up || state == v1::TASK_STATE_RUNNING;
  const Held held{.lease = lease,
                  .service = true,
                  .started = started,
                  .up = up,
                  .printed = printed};
  if (!held_.try_emplace(lease.fence, held).second) return;
  ++running_;
  if (!started) return;
  // The process that was given it may have died before it had told this, and
  // after it had started what waited for it.
  reports_.Add(lease, v1::TASK_STATE_RUNNING);
  if (up) reports_.Add(lease, v1::TASK_STATE_UP);
  reports_released_ = true;
}

void SessionState::Started(const Lease& lease) {
  Held* held = Find(lease);
  if (held == nullptr || held->ended || held->started) return;
  held->started = true;
  missed_probes_.erase(lease.fence);  // why it had not
  const ReportQueue::Place report = reports_.Add(lease, v1::TASK_STATE_RUNNING);
  // Its start is news for those who wait for it.
  if (!awaited_.contains(lease.fence)) held->running_report = report;
  Reached(lease.fence);
}

bool SessionState::Up(const Lease& lease) {
  Held* held = Find(lease);
  if (held == nullptr || held->ended || std::exchange(held->up, true)) {
    return false;
  }
  missed_probes_.erase(lease.fence);
  // That it came up is news for its dependents, so its start is told too.
  held->running_report = {};
  reports_.Add(lease, v1::TASK_STATE_UP);
  ExpectUp(*held, false);
  Reached(lease.fence);
  const bool hurried = !held->unhurried || expected_up_ == 0;
  reports_released_ |= hurried;
  return hurried;
}

void SessionState::ExpectUp(Held& held, bool expects) {
  if (held.expects_up == expects) return;
  held.expects_up = expects;
  expected_up_ += expects ? 1 : SIZE_MAX;
}

void SessionState::Ended(const Lease& lease, Outcome outcome) {
  Held* held = Find(lease);
  if (held == nullptr || held->ended) return;
  held->ended = true;
  StopWaiting(lease.fence);
  ExpectUp(*held, false);
  --running_;
  missed_probes_.erase(lease.fence);
  reports_.Withdraw(held->running_report);
  held->running_report = {};
  if (held->last_output > logs_.sent_through()) {
    after_output_.push_back({held->last_output, lease, std::move(outcome)});
    return;
  }
  TellOutcome(lease, std::move(outcome));
}

void SessionState::TellOutcome(const Lease& lease, Outcome outcome) {
  Held* held = Find(lease);
  if (held == nullptr) return;
  if (outcome.state != v1::TASK_STATE_CANCELLED) held->started = true;
  held->succeeded = outcome.state == v1::TASK_STATE_SUCCEEDED;
  reports_.AddOutcome(lease, std::move(outcome));
  reports_released_ = true;
  Reached(lease.fence);
}

void SessionState::ReleaseAfterOutput() {
  while (!after_output_.empty() &&
         after_output_.front().output <= logs_.sent_through()) {
    AfterOutput& front = after_output_.front();
    TellOutcome(front.lease, std::move(front.outcome));
    after_output_.pop_front();
  }
}

void SessionState::ProbeMissed(const Lease& lease, MissedProbe probe) {
  const Held* held = Find(lease);
  if (held == nullptr || held->ended || !welcomed_ || !takes_probes_) return;
  missed_probes_[lease.fence] = std::move(probe);
}

bool SessionState::Printed(const Lease& lease, v1::LogStream stream,
                           int64_t time_us, std::string_view data,
                           uint64_t dropped_bytes) {
  Held* held = Find(lease);
  if (held != nullptr && !held->ended && !data.empty()) {
    const uint64_t offset = held->printed + dropped_bytes;
    held->last_output =
        logs_.Append(lease, stream, time_us, data, dropped_bytes, offset);
    held->printed = offset + data.size();
  }
  return !logs_.full();
}

}  // namespace w2t::worker
