// What runs a task, as its coroutines see it. Not for users.
#ifndef W2T_FLOW_INTERNAL_FIBER_H_
#define W2T_FLOW_INTERNAL_FIBER_H_

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace w2t::flow::internal {

// One execution of a graph. Thread-safe.
class Runner : public std::enable_shared_from_this<Runner> {
 public:
  virtual ~Runner() = default;
  // Ends wait number `wait` of the coroutine of `task`, unless it has ended.
  virtual void Resume(uint32_t task, uint64_t wait) = 0;
  // The same after `delay`, or as soon as the run is stopped.
  virtual void ResumeAfter(uint32_t task, uint64_t wait,
                           absl::Duration delay) = 0;
  virtual bool stopped() const = 0;
  // Of a task that has failed.
  virtual absl::Status FailureOf(uint32_t task) const = 0;
};

// The task that a coroutine belongs to. Of one thread at a time: whoever ends a
// wait has it next.
struct Fiber {
  Runner* runner = nullptr;
  uint32_t task = 0;
  // Where to go on.
  std::coroutine_handle<> next;
  // Set for as long as the task is being run: where its runner looks, on its
  // own stack, whether the body has come to its end.
  bool* ended = nullptr;
  // Odd while it waits. A wait is ended by who makes it even.
  std::atomic<uint64_t> wait = 0;

  uint64_t BeginWait(std::coroutine_handle<> waiting) {
    next = waiting;
    return wait.fetch_add(1, std::memory_order_acq_rel) + 1;
  }
  // True for exactly one caller for each wait.
  bool EndWait(uint64_t number) {
    return wait.compare_exchange_strong(number, number + 1,
                                        std::memory_order_acq_rel);
  }
  void Ended() { *ended = true; }
};

}  // namespace w2t::flow::internal

#endif  // W2T_FLOW_INTERNAL_FIBER_H_
