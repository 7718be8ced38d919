// Loop: one thread that waits for descriptors and timers. Every child, every
// probe and every timer of a worker is served by one Loop.
//
// Post, After, Cancel and Stop may be called from any thread; the rest only on
// the loop's own, which is the one inside Run.
#ifndef W2T_CLIENT_WORKER_LOOP_LOOP_H_
#define W2T_CLIENT_WORKER_LOOP_LOOP_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

// 0: none.
using TimerId = uint64_t;
using WatchId = uint64_t;

class Loop {
 public:
  using Task = absl::AnyInvocable<void()>;
  // Told which EPOLL* events came.
  using Handler = absl::AnyInvocable<void(uint32_t events)>;

  // INTERNAL or RESOURCE_EXHAUSTED when the system has no descriptor left.
  static absl::StatusOr<std::unique_ptr<Loop>> Create();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Serves until Stop. What was posted before Stop is still run.
  void Run();
  void Stop();

  // Runs `task` on the loop's thread, in the order of the calls.
  void Post(Task task);
  // Runs `task` on the loop's thread once `delay` has passed. Never early.
  TimerId After(absl::Duration delay, Task task);
  // A timer that has fired, or none, is left alone. On the loop's thread a
  // cancelled timer does not fire any more; elsewhere it may be firing.
  void Cancel(TimerId timer);

  // Calls `handler` whenever one of `events` holds. `fd` stays the caller's.
  absl::StatusOr<WatchId> Watch(int fd, uint32_t events, Handler handler);
  // Before the descriptor is closed. Handlers may unwatch themselves.
  void Unwatch(WatchId watch);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Watched {
    int fd;
    Handler handler;
  };

  Loop(UniqueFd epoll, UniqueFd wakeup);
  void Wake();
  void RunPosted();
  void FireTimers();
  int WaitMillis();

  const UniqueFd epoll_;
  const UniqueFd wakeup_;

  // Of the loop's thread.
  absl::flat_hash_map<WatchId, std::shared_ptr<Watched>> watches_;
  WatchId last_watch_ = 0;

  absl::Mutex mutex_;
  std::vector<Task> posted_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<TimePoint, TimerId>, Task> timers_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<TimerId, TimePoint> due_ ABSL_GUARDED_BY(mutex_);
  TimerId last_timer_ ABSL_GUARDED_BY(mutex_) = 0;
  bool sleeping_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_LOOP_LOOP_H_
