// WorkQueue: tasks that are ready on one slot of a run. First in, first out;
// its owner takes from the front, others from the back.
#ifndef W2T_CORE_RUNTIME_WORK_QUEUE_H_
#define W2T_CORE_RUNTIME_WORK_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "w2t/graph.h"

namespace w2t::flow::internal {

// Held for some ten instructions at a time, so waiting in the kernel would cost
// more than it saves.
class SpinLock {
 public:
  void lock() {
    while (held_.exchange(true, std::memory_order_acquire)) Wait();
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  void Wait() const;

  std::atomic<bool> held_ = false;
};

// Thread-safe; Push and Pop are for the owner.
class alignas(64) WorkQueue {
 public:
  void Push(absl::Span<const TaskIndex> tasks);
  // kNoTask when it is empty.
  TaskIndex Pop();
  // Moves half of them, at least one, to the end of `tasks`.
  void StealHalf(std::vector<TaskIndex>* tasks);

  // For the owner: nobody else adds. For others: may be out of date.
  bool looks_empty() const {
    return size_hint_.load(std::memory_order_relaxed) == 0;
  }
  // What it says is true at some time during the call.
  bool IsEmpty();

 private:
  size_t At(size_t i) const { return (head_ + i) & (ring_.size() - 1); }
  void Grow(size_t least);
  void SetSize(size_t size) {
    size_ = size;
    size_hint_.store(static_cast<uint32_t>(size), std::memory_order_relaxed);
  }

  SpinLock lock_;
  std::atomic<uint32_t> size_hint_ = 0;
  size_t head_ = 0;
  size_t size_ = 0;
  std::vector<TaskIndex> ring_ = std::vector<TaskIndex>(64);  // a power of two
};

}  // namespace w2t::flow::internal

#endif  // W2T_CORE_RUNTIME_WORK_QUEUE_H_
