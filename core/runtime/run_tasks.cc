// The tasks of a run: from their start to what their end makes ready.
#include <algorithm>
#include <utility>

#include "core/runtime/run_state.h"

namespace w2t::flow::internal {

bool RunState::IsFresh(TaskIndex task) const {
  Node* node = outcome_.nodes[task];
  if (node->functions->fiber == nullptr) return true;
  return !node->functions->fiber(node)->next;
}

TaskIndex RunState::Execute(Slot& slot, TaskIndex task) {
  const bool watched = options_.timings || options_.observer != nullptr ||
                       one_at_a_time_ ||
                       stopping_.load(std::memory_order_relaxed);
  if (watched && IsFresh(task)) {
    if (stopping_.load(std::memory_order_relaxed)) {
      const bool has_failed = !FailureOf(task).ok();
      return Finish(slot, task,
                    has_failed ? TaskState::kFailed : TaskState::kCancelled);
    }
    if (one_at_a_time_) lone_ = task;
    if (options_.timings) outcome_.intervals[task].start_ns = NowNs();
    if (options_.observer != nullptr) {
      options_.observer->OnStarted(*outcome_.blueprint, task);
    }
  }
  Node* node = outcome_.nodes[task];
  Activation activation{.runner = this,
                        .task = task,
                        .stop = &stop_token_,
                        .states = outcome_.states.get()};
  switch (node->functions->run(node, activation)) {
    case Progress::kSucceeded:
      return Finish(slot, task, TaskState::kSucceeded);
    case Progress::kFailed:
      return Fail(slot, task, std::move(activation.failure));
    case Progress::kWaiting:
      break;
  }
  return kNoTask;
}

TaskIndex RunState::Fail(Slot& slot, TaskIndex task, absl::Status status) {
  absl::Duration delay;
  if (!KeepFailure(task, std::move(status), &delay)) {
    return Finish(slot, task, TaskState::kFailed);
  }
  if (one_at_a_time_) lone_ = kNoTask;
  if (delay <= absl::ZeroDuration()) {
    Requeue(task);
    return kNoTask;
  }
  host_->PostAfter(delay, [weak = weak_from_this(), task] {
    if (const auto run = weak.lock())
      static_cast<RunState&>(*run).Requeue(task);
  });
  return kNoTask;
}

bool RunState::KeepFailure(TaskIndex task, absl::Status status,
                           absl::Duration* delay) {
  const RetryPolicy& retry = outcome_.blueprint->retry(task);
  const std::lock_guard lock(mutex_);
  outcome_.failures.insert_or_assign(task, std::move(status));
  if (!stopping_.load() && retry.attempts > 1) {
    const uint32_t failed = ++attempts_[task];
    if (failed < retry.attempts) {
      *delay = retry.initial_backoff;
      const absl::Duration most =
          std::max(retry.initial_backoff, retry.max_backoff);
      for (uint32_t n = failed; n > 1 && *delay < most; --n) *delay *= 2;
      *delay = std::min(*delay, most);
      backing_off_.insert(task);
      return true;
    }
  }
  if (first_failure_ == kNoTask) first_failure_ = task;
  return false;
}

void RunState::Requeue(TaskIndex task) {
  int index = -1;
  {
    const std::lock_guard lock(mutex_);
    if (backing_off_.erase(task) == 0) return;
    resumed_.push_back(task);
    resumed_count_.store(resumed_.size(), std::memory_order_relaxed);
    index = ClaimIdleSlot();
  }
  if (index >= 0) PostJob(index);
}

TaskIndex RunState::Finish(Slot& slot, TaskIndex task, TaskState state) {
  if (one_at_a_time_) lone_ = kNoTask;
  End(slot, task, state);
  Release(slot, task, state);
  while (!slot.ended.empty()) {
    const auto [skipped, how] = slot.ended.back();
    slot.ended.pop_back();
    Release(slot, skipped, how);
  }
  return slot.ready.empty() ? kNoTask : Hand(slot);
}

void RunState::End(Slot& slot, TaskIndex task, TaskState state) {
  if (options_.timings && state <= TaskState::kFailed) {
    outcome_.intervals[task].end_ns = NowNs();
  }
  outcome_.states[task].store(state, std::memory_order_release);
  ++slot.finished;
  ++slot.counts[static_cast<size_t>(state)];
  if (state == TaskState::kFailed &&
      options_.on_failure == OnFailure::kCancel) {
    Stop(absl::OkStatus());
  }
  if (options_.observer != nullptr) {
    options_.observer->OnFinished(
        *outcome_.blueprint, task, state,
        state == TaskState::kFailed ? FailureOf(task) : absl::OkStatus());
  }
}

void RunState::Release(Slot& slot, TaskIndex task, TaskState state) {
  for (const Blueprint::Edge& edge : outcome_.blueprint->successors(task)) {
    if (!Holds(edge.condition, state)) {
      Miss(slot, edge.task, state);
    } else if (open_[edge.task].fetch_sub(1, std::memory_order_acq_rel) == 1) {
      slot.ready.push_back(edge.task);
    }
  }
}

void RunState::Miss(Slot& slot, TaskIndex task, TaskState cause) {
  const Blueprint& b = *outcome_.blueprint;
  {
    const auto edges = static_cast<uint32_t>(b.predecessors(task).size());
    const std::lock_guard lock(mutex_);
    // Exactly once, it becomes one too many.
    if (++missed_[task] != edges - b.need(task) + 1) return;
  }
  const TaskState state = cause == TaskState::kCancelled ? TaskState::kCancelled
                                                         : TaskState::kSkipped;
  End(slot, task, state);
  slot.ended.emplace_back(task, state);
}

// One is run next when nothing was ready before it; the others, and all when
// something was, wait for their turn.
TaskIndex RunState::Hand(Slot& slot) {
  absl::Span<const TaskIndex> ready = slot.ready;
  TaskIndex next = kNoTask;
  if (slot.queue.looks_empty()) {
    next = ready.front();
    ready.remove_prefix(1);
  }
  if (!ready.empty()) {
    slot.queue.Push(ready);
    WakeOne();
  }
  slot.ready.clear();
  return next;
}

}  // namespace w2t::flow::internal
