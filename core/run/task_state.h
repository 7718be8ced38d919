// Where a task of a run stands. The values are those of w2t.v1.TaskState.
//
//   waiting -> ready -> leased -> running -> up -> an outcome
//                ^                  |
//                +---- backoff <----+  (failed, and may be tried again)
#ifndef W2T_CORE_RUN_TASK_STATE_H_
#define W2T_CORE_RUN_TASK_STATE_H_

#include <cstdint>
#include <string_view>

namespace w2t {

enum class TaskState : uint8_t {
  kUnspecified = 0,
  kWaiting = 1,  // dependencies do not hold yet
  kReady = 2,    // may start; no worker has it
  kBackoff = 3,  // waits for its next attempt
  kLeased = 4,   // a worker has it, and has not reported its start
  kRunning = 5,  // started
  kUp = 6,       // started, and its probe has passed
  // Outcomes.
  kSucceeded = 10,
  kFailed = 11,
  kTimedOut = 12,
  kLost = 13,
  kCancelled = 14,
  kSkipped = 15,
};
inline constexpr int kTaskStates = 16;

inline bool IsOutcome(TaskState state) {
  return state >= TaskState::kSucceeded;
}
// Ran, and did not end well.
inline bool IsFailure(TaskState state) {
  return state == TaskState::kFailed || state == TaskState::kTimedOut ||
         state == TaskState::kLost;
}
// A worker has it.
inline bool IsHeld(TaskState state) {
  return state >= TaskState::kLeased && state <= TaskState::kUp;
}

// Where a run stands. The values are those of w2t.v1.RunState.
enum class RunState : uint8_t {
  kUnspecified = 0,
  kRunning = 1,
  kUp = 2,
  kStopping = 3,
  kSucceeded = 4,
  kFailed = 5,
  kCancelled = 6,
};

inline bool IsEnded(RunState state) { return state >= RunState::kSucceeded; }

// Lower-case words: "timed_out", "running".
std::string_view Name(TaskState state);
std::string_view Name(RunState state);

}  // namespace w2t

#endif  // W2T_CORE_RUN_TASK_STATE_H_
