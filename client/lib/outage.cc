#include "client/lib/outage.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace w2t {

void Outage::Reached() {
  absl::MutexLock lock(&mutex_);
  reached_ = true;
  if (!since_) return;
  back_at_ = absl::Now();
  const absl::Duration length = back_at_ - *since_;
  since_.reset();
  if (options_.on_back) options_.on_back(length);
}

absl::Time Outage::Lost(const absl::Status& error, absl::Time began,
                        bool known) {
  absl::MutexLock lock(&mutex_);
  reached_ |= known;
  const absl::Duration wait =
      reached_ ? options_.wait_for_server
               : std::min(options_.wait_at_first, options_.wait_for_server);
  const absl::Time now = absl::Now();
  // What began before the last outage was over has been told already.
  if (!since_ && began < back_at_) return now + wait;
  if (!since_) {
    since_ = now;
    const bool waits = wait > absl::ZeroDuration();
    if (waits && options_.on_away) options_.on_away(error);
  }
  return *since_ + wait;
}

}  // namespace w2t
