#include "core/runtime/work_queue.h"

#include <bit>
#include <mutex>
#include <thread>

namespace w2t::flow::internal {

void SpinLock::Wait() const {
  for (int i = 0; held_.load(std::memory_order_relaxed); ++i) {
    // Its owner may have lost its processor.
    if (i >= 64) std::this_thread::yield();
  }
}

void WorkQueue::Grow(size_t least) {
  std::vector<TaskIndex> ring(std::bit_ceil(least));
  for (size_t i = 0; i < size_; ++i) ring[i] = ring_[At(i)];
  ring_.swap(ring);
  head_ = 0;
}

void WorkQueue::Push(absl::Span<const TaskIndex> tasks) {
  const std::lock_guard lock(lock_);
  if (size_ + tasks.size() > ring_.size()) Grow(size_ + tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) ring_[At(size_ + i)] = tasks[i];
  SetSize(size_ + tasks.size());
}

TaskIndex WorkQueue::Pop() {
  if (looks_empty()) return kNoTask;
  const std::lock_guard lock(lock_);
  if (size_ == 0) return kNoTask;
  const TaskIndex task = ring_[head_];
  head_ = At(1);
  SetSize(size_ - 1);
  return task;
}

void WorkQueue::StealHalf(std::vector<TaskIndex>* tasks) {
  const std::lock_guard lock(lock_);
  const size_t kept = size_ / 2;
  for (size_t i = kept; i < size_; ++i) tasks->push_back(ring_[At(i)]);
  SetSize(kept);
}

bool WorkQueue::IsEmpty() {
  const std::lock_guard lock(lock_);
  return size_ == 0;
}

}  // namespace w2t::flow::internal
