// EdgeState: what a dependency has come to, as a function of its condition and
// of the task it comes from.
#ifndef W2T_CORE_RUN_EDGE_STATE_H_
#define W2T_CORE_RUN_EDGE_STATE_H_

#include <cstdint>

#include "core/run/run_data.h"
#include "core/run/task_state.h"
#include "w2t/graph.h"

namespace w2t {

enum class EdgeState : uint8_t { kPending, kSatisfied, kImpossible };

// What the state of a task's outgoing edges depends on.
struct EdgeSource {
  TaskState state;
  bool has_started;
  bool has_been_up;
  bool operator==(const EdgeSource&) const = default;
};
inline constexpr EdgeSource kNeverStarted = {TaskState::kWaiting, false, false};

inline EdgeSource SourceOf(const TaskRecord& record) {
  return {record.state, record.has_started, record.has_been_up};
}

inline EdgeState Evaluate(Condition condition, const EdgeSource& source) {
  const bool ended = IsOutcome(source.state);
  bool holds = false;
  switch (condition) {
    case Condition::kDefault:  // a blueprint has none
    case Condition::kSucceeded:
      holds = source.state == TaskState::kSucceeded;
      break;
    case Condition::kFinished:
      holds = ended;
      break;
    case Condition::kFailed:
      holds = IsFailure(source.state);
      break;
    case Condition::kStarted:
      holds = source.has_started;
      break;
    case Condition::kReady:
      holds = source.has_been_up;
      break;
  }
  if (holds) return EdgeState::kSatisfied;
  return ended ? EdgeState::kImpossible : EdgeState::kPending;
}

}  // namespace w2t

#endif  // W2T_CORE_RUN_EDGE_STATE_H_
