#include "core/run/task_state.h"

namespace w2t {

std::string_view Name(TaskState state) {
  switch (state) {
    case TaskState::kUnspecified:
      break;
    case TaskState::kWaiting:
      return "waiting";
    case TaskState::kReady:
      return "ready";
    case TaskState::kBackoff:
      return "backoff";
    case TaskState::kLeased:
      return "leased";
    case TaskState::kRunning:
      return "running";
    case TaskState::kUp:
      return "up";
    case TaskState::kSucceeded:
      return "succeeded";
    case TaskState::kFailed:
      return "failed";
    case TaskState::kTimedOut:
      return "timed_out";
    case TaskState::kLost:
      return "lost";
    case TaskState::kCancelled:
      return "cancelled";
    case TaskState::kSkipped:
      return "skipped";
  }
  return "unspecified";
}

std::string_view Name(RunState state) {
  switch (state) {
    case RunState::kUnspecified:
      break;
    case RunState::kRunning:
      return "running";
    case RunState::kUp:
      return "up";
    case RunState::kStopping:
      return "stopping";
    case RunState::kSucceeded:
      return "succeeded";
    case RunState::kFailed:
      return "failed";
    case RunState::kCancelled:
      return "cancelled";
  }
  return "unspecified";
}

}  // namespace w2t
