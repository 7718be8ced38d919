#include "w2t/flow/manual_host.h"

namespace w2t::flow {

absl::Duration ManualHost::UntilNextTimer() const {
  return timers_.empty() ? absl::InfiniteDuration()
                         : timers_.begin()->first.first - now_;
}

bool ManualHost::RunOne() {
  if (jobs_.empty()) return false;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  job();
  return true;
}

size_t ManualHost::RunAll() {
  size_t count = 0;
  while (RunOne()) ++count;
  return count;
}

void ManualHost::Advance(absl::Duration duration) {
  const absl::Duration until = now_ + duration;
  RunAll();
  while (!timers_.empty() && timers_.begin()->first.first <= until) {
    now_ = timers_.begin()->first.first;
    Job job = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    job();
    RunAll();
  }
  now_ = until;
}

}  // namespace w2t::flow
