// JobQueue: jobs and timers, for threads that serve them.
#ifndef W2T_CORE_RUNTIME_JOB_QUEUE_H_
#define W2T_CORE_RUNTIME_JOB_QUEUE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "w2t/flow/host.h"

namespace w2t::flow::internal {

// Thread-safe. Jobs run in the order of their posts; timers join them when due.
class JobQueue {
 public:
  void Post(Host::Job job);
  void PostAfter(absl::Duration delay, Host::Job job);

  // Runs jobs until `enough`, asked between jobs, says so, or until Close.
  void Serve(const std::function<bool()>& enough);
  void Close();

 private:
  using Clock = std::chrono::steady_clock;

  // Waits for a job. False once closed.
  bool Take(Host::Job* job);
  void TakeDueTimers();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Host::Job> jobs_;
  std::map<std::pair<Clock::time_point, uint64_t>, Host::Job> timers_;
  uint64_t last_timer_ = 0;
  bool closed_ = false;
};

// A host whose threads are its own.
class Pool : public Host {
 public:
  explicit Pool(int threads);
  // What has not been run is dropped.
  ~Pool() override;

  void Post(Job job) override { queue_.Post(std::move(job)); }
  void PostAfter(absl::Duration delay, Job job) override {
    queue_.PostAfter(delay, std::move(job));
  }
  int threads() const override { return static_cast<int>(threads_.size()); }

 private:
  JobQueue queue_;
  std::vector<std::thread> threads_;
};

// A host on the thread that calls Serve.
class ThreadLoop : public Host {
 public:
  void Post(Job job) override { queue_.Post(std::move(job)); }
  void PostAfter(absl::Duration delay, Job job) override {
    queue_.PostAfter(delay, std::move(job));
  }
  // So that timers get their turn among tasks that are ready.
  uint32_t slice() const override { return 16; }

  void Serve(const std::function<bool()>& enough) { queue_.Serve(enough); }

 private:
  JobQueue queue_;
};

}  // namespace w2t::flow::internal

#endif  // W2T_CORE_RUNTIME_JOB_QUEUE_H_
