#include "core/runtime/job_queue.h"

#include <algorithm>

namespace w2t::flow::internal {
namespace {

// Also what lies too far ahead for a clock to tell.
constexpr absl::Duration kLongest = absl::Hours(24 * 365);

}  // namespace

void JobQueue::Post(Host::Job job) {
  // Told under the lock: once the job has been taken, the queue may go.
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

void JobQueue::PostAfter(absl::Duration delay, Host::Job job) {
  const auto wait = absl::ToChronoNanoseconds(
      std::clamp(delay, absl::ZeroDuration(), kLongest));
  const std::lock_guard lock(mutex_);
  timers_.emplace(std::pair(Clock::now() + wait, ++last_timer_),
                  std::move(job));
  // Whoever waits may be waiting for a later one.
  changed_.notify_one();
}

void JobQueue::TakeDueTimers() {
  if (timers_.empty()) return;
  const Clock::time_point now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    jobs_.push_back(std::move(timers_.begin()->second));
    timers_.erase(timers_.begin());
  }
}

bool JobQueue::Take(Host::Job* job) {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    TakeDueTimers();
    if (!jobs_.empty()) {
      *job = std::move(jobs_.front());
      jobs_.pop_front();
      // Several timers may have become due for one thread that was woken.
      if (!jobs_.empty()) changed_.notify_one();
      return true;
    }
    if (timers_.empty()) {
      changed_.wait(lock);
    } else {
      // A copy: another thread may take the timer meanwhile.
      const Clock::time_point due = timers_.begin()->first.first;
      changed_.wait_until(lock, due);
    }
  }
  return false;
}

void JobQueue::Serve(const std::function<bool()>& enough) {
  Host::Job job;
  while (!enough() && Take(&job)) {
    job();
    job = nullptr;
  }
}

void JobQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

Pool::Pool(int threads) {
  threads_.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { queue_.Serve([] { return false; }); });
  }
}

Pool::~Pool() {
  queue_.Close();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace w2t::flow::internal
