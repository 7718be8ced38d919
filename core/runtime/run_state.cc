// The beginning and the end of a run, and what interrupts it.
#include "core/runtime/run_state.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "fmt/format.h"

namespace w2t::flow::internal {

RunState::RunState(Outcome outcome, RunOptions options, Host* host,
                   bool one_at_a_time)
    : outcome_(std::move(outcome)),
      options_(std::move(options)),
      host_(host),
      one_at_a_time_(one_at_a_time),
      threads_(std::clamp(host->threads(), 1, kMostSlots)),
      began_(Clock::now()) {}

int64_t RunState::NowNs() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() -
                                                              began_)
      .count();
}

void RunState::Begin() {
  if (outcome_.blueprint == nullptr) {
    outcome_.status = absl::InvalidArgumentError(outcome_.faults.Summary());
    done_.store(true, std::memory_order_release);
    return;
  }
  const Blueprint& b = *outcome_.blueprint;
  outcome_.states = std::make_unique<std::atomic<TaskState>[]>(b.size());
  if (options_.timings) outcome_.intervals.resize(b.size());
  open_ = std::make_unique_for_overwrite<std::atomic<uint32_t>[]>(b.size());
  slots_ = std::make_unique<Slot[]>(static_cast<size_t>(threads_));
  std::vector<TaskIndex> roots;
  for (TaskIndex task = 0; task < b.size(); ++task) {
    open_[task].store(b.need(task), std::memory_order_relaxed);
    if (b.need(task) == 0) roots.push_back(task);
  }
  unfinished_ = b.size();
  if (b.size() == 0) {
    done_.store(true, std::memory_order_release);
    return;
  }
  // Contiguous shares, so that each thread begins with its own part of memory.
  const size_t jobs = std::min<size_t>(roots.size(), threads_);
  for (size_t i = 0; i < jobs; ++i) {
    const size_t begin = roots.size() * i / jobs;
    const size_t end = roots.size() * (i + 1) / jobs;
    slots_[i].queue.Push(
        absl::MakeConstSpan(roots).subspan(begin, end - begin));
  }
  active_ = static_cast<int>(jobs);
  for (int i = threads_ - 1; i >= active_; --i) idle_.push_back(i);
  idle_count_.store(static_cast<int>(idle_.size()));
  const std::weak_ptr<Runner> weak = weak_from_this();
  const auto stop = [weak](const absl::Status& why) {
    if (const auto run = weak.lock()) static_cast<RunState&>(*run).Stop(why);
  };
  const absl::Duration deadline = options_.deadline;
  const auto too_late = [stop, deadline] {
    stop(absl::DeadlineExceededError(
        fmt::format("the run was stopped after its deadline of {}",
                    absl::FormatDuration(deadline))));
  };
  if (deadline <= absl::ZeroDuration()) {
    too_late();
  } else if (deadline < absl::InfiniteDuration()) {
    host_->PostAfter(deadline, too_late);
  }
  if (options_.stop.stop_possible()) {
    outer_stop_.emplace(options_.stop, [stop] {
      stop(absl::CancelledError("the run was stopped"));
    });
  }
  for (size_t i = 0; i < jobs; ++i) PostJob(static_cast<int>(i));
}

void RunState::Resume(uint32_t task, uint64_t wait) {
  int index = -1;
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    Node* node = outcome_.nodes[task];
    if (!node->functions->fiber(node)->EndWait(wait)) return;
    sleepers_.erase(task);
    resumed_.push_back(task);
    resumed_count_.store(resumed_.size(), std::memory_order_relaxed);
    index = ClaimIdleSlot();
  }
  if (index >= 0) PostJob(index);
}

void RunState::ResumeAfter(uint32_t task, uint64_t wait, absl::Duration delay) {
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    stopping = stopping_.load();
    if (!stopping) sleepers_[task] = wait;
  }
  if (stopping) return Resume(task, wait);
  host_->PostAfter(delay, [weak = weak_from_this(), task, wait] {
    if (const auto run = weak.lock()) run->Resume(task, wait);
  });
}

void RunState::Stop(absl::Status why) {
  std::vector<std::pair<TaskIndex, uint64_t>> sleepers;
  std::vector<TaskIndex> backing_off;
  {
    const std::lock_guard lock(mutex_);
    if (over_ || stopping_.load()) return;
    stopping_.store(true, std::memory_order_release);
    stop_status_ = std::move(why);
    sleepers.assign(sleepers_.begin(), sleepers_.end());
    backing_off.assign(backing_off_.begin(), backing_off_.end());
  }
  stop_.request_stop();
  std::sort(sleepers.begin(), sleepers.end());
  std::sort(backing_off.begin(), backing_off.end());
  for (const auto& [task, wait] : sleepers) Resume(task, wait);
  for (const TaskIndex task : backing_off) Requeue(task);
}

absl::Status RunState::FailureOf(uint32_t task) const {
  const std::lock_guard lock(mutex_);
  const auto it = outcome_.failures.find(task);
  return it == outcome_.failures.end() ? absl::OkStatus() : it->second;
}

void RunState::AwaitEnd() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return done(); });
}

Outcome RunState::TakeOutcome() {
  outer_stop_.reset();
  const std::lock_guard lock(mutex_);
  if (outcome_.blueprint == nullptr) return std::move(outcome_);
  for (int i = 0; i < threads_; ++i) {
    for (size_t state = 0; state < outcome_.counts.size(); ++state) {
      outcome_.counts[state] += slots_[i].counts[state];
    }
  }
  const size_t good =
      outcome_.counts[static_cast<size_t>(TaskState::kSucceeded)];
  if (good < outcome_.blueprint->size()) {
    if (!stop_status_.ok() || first_failure_ == kNoTask) {
      outcome_.status = stop_status_;
    } else {
      const absl::Status& first = outcome_.failures.at(first_failure_);
      const std::string message(first.message());
      outcome_.status = absl::Status(
          first.code(),
          fmt::format("task \"{}\": {}",
                      outcome_.blueprint->task_name(first_failure_), message));
    }
  }
  // A failure that a repetition made good is none.
  for (auto it = outcome_.failures.begin(); it != outcome_.failures.end();) {
    const bool failed = outcome_.states[it->first].load() == TaskState::kFailed;
    if (failed) {
      ++it;
    } else {
      outcome_.failures.erase(it++);
    }
  }
  return std::move(outcome_);
}

}  // namespace w2t::flow::internal
