// The slots of a run: who serves them, and where a job finds its next task.
#include <algorithm>
#include <utility>

#include "core/runtime/run_state.h"

namespace w2t::flow::internal {
namespace {

// How often a slot looks for work before it is given back: some microseconds,
// less than it takes to wake a thread.
constexpr int kLooks = 200;

}  // namespace

void RunState::PostJob(int index) {
  auto self = std::static_pointer_cast<RunState>(shared_from_this());
  host_->Post([self = std::move(self), index] { self->Work(index); });
}

void RunState::Work(int index) {
  Slot& slot = slots_[index];
  uint32_t left = host_->slice();
  TaskIndex next = kNoTask;
  while (true) {
    if (next == kNoTask) next = Next(slot);
    if (next == kNoTask) {
      if (Leave(index)) return;
      continue;
    }
    if (left-- == 0) {
      PutBack(next);
      PostJob(index);
      return;
    }
    next = Execute(slot, next);
  }
}

TaskIndex RunState::Next(Slot& slot) {
  if (resumed_count_.load(std::memory_order_relaxed) > 0) {
    const TaskIndex task = TakeResumed();
    if (task != kNoTask) return task;
  }
  if (IsTakenByOne()) return kNoTask;
  if (const TaskIndex task = slot.queue.Pop(); task != kNoTask) return task;
  if (threads_ == 1) return kNoTask;
  for (int look = 0; look < kLooks; ++look) {
    if (const TaskIndex task = Steal(slot); task != kNoTask) return task;
    if (resumed_count_.load(std::memory_order_relaxed) > 0) {
      const TaskIndex task = TakeResumed();
      if (task != kNoTask) return task;
    }
  }
  return kNoTask;
}

void RunState::PutBack(TaskIndex task) {
  const std::lock_guard lock(mutex_);
  resumed_.push_front(task);
  resumed_count_.store(resumed_.size(), std::memory_order_relaxed);
}

TaskIndex RunState::TakeResumed() {
  const std::lock_guard lock(mutex_);
  if (resumed_.empty()) return kNoTask;
  const TaskIndex task = resumed_.front();
  resumed_.pop_front();
  resumed_count_.store(resumed_.size(), std::memory_order_relaxed);
  return task;
}

TaskIndex RunState::Steal(Slot& slot) {
  for (int i = 0; i < threads_; ++i) {
    WorkQueue& queue = slots_[i].queue;
    if (&queue == &slot.queue || queue.looks_empty()) continue;
    slot.ready.clear();
    queue.StealHalf(&slot.ready);
    if (slot.ready.empty()) continue;
    const TaskIndex first = slot.ready.front();
    slot.queue.Push(absl::MakeConstSpan(slot.ready).subspan(1));
    const bool more = slot.ready.size() > 1;
    slot.ready.clear();
    if (more) WakeOne();
    return first;
  }
  return kNoTask;
}

bool RunState::HasWork() {
  for (int i = 0; i < threads_; ++i) {
    if (!slots_[i].queue.IsEmpty()) return true;
  }
  return false;
}

bool RunState::Leave(int index) {
  Slot& slot = slots_[index];
  {
    const std::lock_guard lock(mutex_);
    unfinished_ -= std::exchange(slot.finished, 0);
    over_ = unfinished_ == 0;
    if (!over_ && !resumed_.empty()) return false;
    idle_.push_back(index);
    idle_count_.store(static_cast<int>(idle_.size()));
    --active_;
    if (over_) {
      if (active_ > 0) return true;
      outcome_.wall_time = absl::FromChrono(Clock::now() - began_);
      done_.store(true, std::memory_order_release);
      ended_.notify_all();
      return true;
    }
  }
  // A task may have become ready before it was known that this slot is idle.
  if (IsTakenByOne() || !HasWork()) return true;
  const std::lock_guard lock(mutex_);
  const auto it = std::find(idle_.begin(), idle_.end(), index);
  if (it == idle_.end()) return true;  // there is a job for it already
  idle_.erase(it);
  idle_count_.store(static_cast<int>(idle_.size()));
  ++active_;
  return false;
}

int RunState::ClaimIdleSlot() {
  if (idle_.empty() || over_) return -1;
  const int index = idle_.back();
  idle_.pop_back();
  idle_count_.store(static_cast<int>(idle_.size()));
  ++active_;
  return index;
}

void RunState::WakeOne() {
  if (idle_count_.load(std::memory_order_relaxed) == 0) return;
  int index = -1;
  {
    const std::lock_guard lock(mutex_);
    index = ClaimIdleSlot();
  }
  if (index >= 0) PostJob(index);
}

}  // namespace w2t::flow::internal
