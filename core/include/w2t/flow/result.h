// Result: what became of a run.
//
//   const Result result = Executor(2).Run(std::move(graph));
//   absl::StatusOr<double> answer = result[join];
//   for (const TaskResult& task : result.failures()) ...
#ifndef W2T_FLOW_RESULT_H_
#define W2T_FLOW_RESULT_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "w2t/blueprint.h"
#include "w2t/diagnostic.h"
#include "w2t/flow/internal/graph_data.h"
#include "w2t/flow/internal/outcome.h"
#include "w2t/flow/mistakes.h"
#include "w2t/flow/state.h"
#include "w2t/flow/task.h"

namespace w2t::flow {

// One task of a run.
struct TaskResult {
  TaskIndex index;
  std::string_view name;
  TaskState state;
  absl::Status status;  // why it failed, or has not run
};

// Owns the values, and the bodies. Immutable but for Take, so that any number
// of threads may read one.
class Result {
 public:
  explicit Result(internal::Outcome outcome);
  Result(Result&&) noexcept;
  Result& operator=(Result&&) noexcept;
  ~Result();

  // OK when no task failed or was cancelled; else the first failure, CANCELLED or
  // DEADLINE_EXCEEDED when the run was stopped, or INVALID_ARGUMENT when the
  // graph has faults, and nothing was run.
  const absl::Status& status() const { return outcome_.status; }
  bool ok() const { return status().ok(); }
  const Diagnostics& faults() const { return outcome_.faults; }

  // Counts of tasks. All are 0 when the graph has faults.
  size_t total() const;
  size_t succeeded() const { return Count(TaskState::kSucceeded); }
  size_t failed() const { return Count(TaskState::kFailed); }
  size_t skipped() const { return Count(TaskState::kSkipped); }
  size_t cancelled() const { return Count(TaskState::kCancelled); }
  // The depth of the graph. No step waited for another.
  uint32_t steps() const;
  // From the beginning to the end of the run.
  absl::Duration wall_time() const { return outcome_.wall_time; }

  // What became of one task, with a copy of its value.
  template <std::copy_constructible T>
  absl::StatusOr<T> operator[](const Task<T>& task) const {
    if (const T* value = Get(task)) return *value;
    return StatusOf(task);
  }
  // An error: see Get and Take.
  template <typename T>
  NotCopyable<T> operator[](const Task<T>& task) const;
  absl::Status operator[](const Task<void>& task) const {
    return StatusOf(task);
  }
  // Its value, or null.
  template <typename T>
  const T* Get(const Task<T>& task) const {
    if (state(task) != TaskState::kSucceeded) return nullptr;
    const auto& value = internal::Access::NodeOf(task)->value;
    return value.has_value() ? &*value : nullptr;
  }
  // Moves its value out. Once.
  template <typename T>
  absl::StatusOr<T> Take(const Task<T>& task) {
    if (Get(task) == nullptr) return StatusOf(task);
    return *std::exchange(internal::Access::NodeOf(task)->value, std::nullopt);
  }

  // A handle of another graph counts as waiting.
  TaskState state(const AnyTask& task) const;
  TaskState state(TaskIndex task) const;
  // Why it failed, or has not run; OK when it succeeded.
  absl::Status StatusOf(const AnyTask& task) const;
  absl::Status StatusOf(TaskIndex task) const;
  // The task whose end a skipped one goes back to; else kNoTask.
  TaskIndex CauseOf(TaskIndex skipped) const;

  TaskResult at(TaskIndex task) const;
  // By index.
  std::vector<TaskResult> successes() const;
  std::vector<TaskResult> failures() const;

  // Null when the graph has faults.
  const Blueprint* blueprint() const { return outcome_.blueprint.get(); }

  // With RunOptions::timings: when a task ran, from the beginning of the run.
  // Both are zero when it did not.
  struct Span {
    absl::Duration start;
    absl::Duration end;
  };
  Span span(TaskIndex task) const;
  // With RunOptions::timings: the chain of tasks that the run's length came
  // from: the last to end, before it the one among its dependencies that ended
  // last, and so on; in order. Else empty.
  std::vector<TaskIndex> CriticalPath() const;

 private:
  size_t Count(TaskState state) const {
    return outcome_.counts[static_cast<size_t>(state)];
  }

  internal::Outcome outcome_;
};

}  // namespace w2t::flow

#endif  // W2T_FLOW_RESULT_H_
