// HandlerPool: threads that call registered functions. Thread-safe.
//
// A whole batch of offers is queued at once, threads take them one by one, and
// the thread that has finished one reports it. That one runs is reported only
// once it has run for a moment, by a tick of the loop.
#ifndef W2T_CLIENT_WORKER_HANDLER_HANDLER_POOL_H_
#define W2T_CLIENT_WORKER_HANDLER_HANDLER_POOL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/worker/loop/loop.h"
#include "client/worker/session/lease.h"
#include "w2t/worker.h"

namespace w2t::worker {

using Handlers = absl::flat_hash_map<std::string, Handler>;

// A call is reported as running once it has lasted for one to two of these.
inline constexpr absl::Duration kHandlerTick = absl::Milliseconds(2);

class HandlerPool {
 public:
  // Starts `threads` threads. `handlers` must not change any more.
  HandlerPool(Loop* loop, AttemptSink* sink, const Handlers* handlers,
              size_t threads);
  // After Stop; waits for calls that have not returned.
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  // Each one ends with a report to the sink. Their actions are HandlerActions.
  void Start(std::vector<Offer> offers);
  // Waiting ones are reported as cancelled at once, running ones are asked to
  // stop.
  void Cancel(absl::Span<const Lease> leases);
  // Asks all to stop, lets the threads end, and takes no more: whatever waits
  // or comes later is reported as cancelled.
  void Stop();

  // Calls that have not returned.
  size_t running() const;

 private:
  // What one thread does. The loop and cancels look at it.
  struct Slot {
    Lease lease;  // fence 0: nothing
    uint64_t since_tick = 0;
    bool reported = false;  // as running
    std::stop_source stop;
    std::atomic<bool> cancelled = false;
    std::atomic<bool> timed_out = false;
  };

  void Drop(const Lease& lease);
  void Serve(Slot& slot);
  bool Next(Slot& slot, Offer& offer);
  Outcome Call(Slot& slot, const Offer& offer);
  void Tick();
  void OnTimeout(Slot& slot, uint64_t fence);

  Loop* const loop_;
  AttemptSink* const sink_;
  const Handlers* const handlers_;

  mutable absl::Mutex mutex_;
  absl::CondVar work_;
  std::deque<Offer> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Slot>> slots_;  // fixed; see Slot
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t tick_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ticking_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_HANDLER_HANDLER_POOL_H_
