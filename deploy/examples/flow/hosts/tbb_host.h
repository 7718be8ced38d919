// TbbHost: runs graphs in a oneTBB arena.
//
//   tbb::task_arena arena(4, 0);  // four places, none for the caller
//   TbbHost host(arena, 4);
//   const Result result = Executor(host).Run(std::move(graph));
//
// oneTBB fills the places with one thread fewer than there are cores, at least
// one, unless a tbb::global_control allows more. It has no timers; a thread of
// the host keeps them.
#ifndef W2T_DEPLOY_EXAMPLES_FLOW_HOSTS_TBB_HOST_H_
#define W2T_DEPLOY_EXAMPLES_FLOW_HOSTS_TBB_HOST_H_

#include <oneapi/tbb/task_arena.h>
#include <w2t/flow/host.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

// The arena outlives it.
class TbbHost : public w2t::flow::Host {
 public:
  // `threads`: how many of the arena's threads one run may use.
  TbbHost(tbb::task_arena& arena, int threads)
      : arena_(arena), threads_(threads) {}

  void Post(Job job) override {
    // The arena calls a copyable function that it holds as const.
    arena_.enqueue([job = std::make_shared<Job>(std::move(job))] { (*job)(); });
  }

  void PostAfter(absl::Duration delay, Job job) override {
    const auto wait = absl::ToChronoNanoseconds(
        std::clamp(delay, absl::ZeroDuration(), absl::Hours(24 * 365)));
    {
      const std::lock_guard lock(mutex_);
      timers_.emplace(Clock::now() + wait, std::move(job));
    }
    changed_.notify_one();
  }

  int threads() const override { return threads_; }
  // So that what else the arena does gets its turn.
  uint32_t slice() const override { return 1024; }

 private:
  using Clock = std::chrono::steady_clock;

  void ServeTimers(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (timers_.empty()) {
        changed_.wait(lock, stop, [this] { return !timers_.empty(); });
      } else if (const auto due = timers_.begin()->first; due > Clock::now()) {
        changed_.wait_until(lock, stop, due, [this, due] {
          return timers_.begin()->first < due;
        });
      } else {
        Post(std::move(timers_.begin()->second));
        timers_.erase(timers_.begin());
      }
    }
  }

  tbb::task_arena& arena_;
  const int threads_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::multimap<Clock::time_point, Job> timers_;
  std::jthread timer_thread_{
      [this](const std::stop_token& stop) { ServeTimers(stop); }};
};

#endif  // W2T_DEPLOY_EXAMPLES_FLOW_HOSTS_TBB_HOST_H_
