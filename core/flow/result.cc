#include "w2t/flow/result.h"

#include <algorithm>
#include <string>
#include <utility>

#include "fmt/format.h"

namespace w2t::flow {

Result::Result(internal::Outcome outcome) : outcome_(std::move(outcome)) {}
Result::Result(Result&&) noexcept = default;
Result& Result::operator=(Result&&) noexcept = default;
Result::~Result() = default;

size_t Result::total() const {
  return blueprint() == nullptr ? 0 : blueprint()->size();
}

uint32_t Result::steps() const {
  return blueprint() == nullptr ? 0 : blueprint()->steps();
}

TaskState Result::state(const AnyTask& task) const {
  const bool own = internal::Access::GraphOf(task) == outcome_.graph;
  return own ? state(task.index()) : TaskState::kWaiting;
}

TaskState Result::state(TaskIndex task) const {
  if (task >= total()) return TaskState::kWaiting;
  return outcome_.states[task].load(std::memory_order_acquire);
}

absl::Status Result::StatusOf(const AnyTask& task) const {
  if (internal::Access::GraphOf(task) != outcome_.graph) {
    return absl::InvalidArgumentError(
        fmt::format("the handle of task {} is of another graph", task.index()));
  }
  return StatusOf(task.index());
}

absl::Status Result::StatusOf(TaskIndex task) const {
  switch (state(task)) {
    case TaskState::kSucceeded:
      return absl::OkStatus();
    case TaskState::kFailed:
      return outcome_.failures.at(task);
    case TaskState::kSkipped: {
      const TaskIndex cause = CauseOf(task);
      return absl::CancelledError(fmt::format("skipped, because \"{}\" {}",
                                              blueprint()->task_name(cause),
                                              ToWord(state(cause))));
    }
    case TaskState::kCancelled:
      return absl::CancelledError("the run was stopped before it could start");
    case TaskState::kWaiting:
      break;
  }
  return absl::FailedPreconditionError("it was never run");
}

TaskIndex Result::CauseOf(TaskIndex skipped) const {
  if (state(skipped) != TaskState::kSkipped) return kNoTask;
  TaskIndex at = skipped;
  // Each turn goes one edge back, so this ends.
  while (state(at) == TaskState::kSkipped) {
    TaskIndex cause = kNoTask;
    for (const Blueprint::Edge& edge : blueprint()->predecessors(at)) {
      if (internal::Holds(edge.condition, state(edge.task))) continue;
      // What failed explains more than what was skipped itself.
      if (cause == kNoTask || state(cause) == TaskState::kSkipped) {
        cause = edge.task;
      }
    }
    at = cause;
  }
  return at;
}

TaskResult Result::at(TaskIndex task) const {
  return {task, blueprint()->task_name(task), state(task), StatusOf(task)};
}

std::vector<TaskResult> Result::successes() const {
  std::vector<TaskResult> found;
  for (TaskIndex task = 0; task < total(); ++task) {
    if (state(task) == TaskState::kSucceeded) found.push_back(at(task));
  }
  return found;
}

std::vector<TaskResult> Result::failures() const {
  std::vector<TaskResult> found;
  for (TaskIndex task = 0; task < total(); ++task) {
    if (state(task) == TaskState::kFailed) found.push_back(at(task));
  }
  return found;
}

Result::Span Result::span(TaskIndex task) const {
  if (task >= outcome_.intervals.size()) return {};
  const internal::Interval& interval = outcome_.intervals[task];
  return {absl::Nanoseconds(interval.start_ns),
          absl::Nanoseconds(interval.end_ns)};
}

std::vector<TaskIndex> Result::CriticalPath() const {
  const auto& intervals = outcome_.intervals;
  std::vector<TaskIndex> path;
  TaskIndex last = kNoTask;
  const auto later = [&](TaskIndex task) {
    return intervals[task].end_ns > 0 &&
           (last == kNoTask || intervals[task].end_ns > intervals[last].end_ns);
  };
  for (TaskIndex task = 0; task < intervals.size(); ++task) {
    if (later(task)) last = task;
  }
  while (last != kNoTask) {
    path.push_back(last);
    const TaskIndex at = std::exchange(last, kNoTask);
    for (const Blueprint::Edge& edge : blueprint()->predecessors(at)) {
      // What ended after its start did not hold it up.
      const bool before = intervals[edge.task].end_ns <= intervals[at].start_ns;
      if (before && later(edge.task)) last = edge.task;
    }
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace w2t::flow
