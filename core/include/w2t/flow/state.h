// Where a task of a graph stands.
#ifndef W2T_FLOW_STATE_H_
#define W2T_FLOW_STATE_H_

#include <cstdint>
#include <string_view>

namespace w2t::flow {

enum class TaskState : uint8_t {
  kWaiting,    // not started; after the run: of a run that never began
  kSucceeded,  // its body returned a value, or just returned
  kFailed,     // its body returned an error or threw
  kSkipped,    // never started: what it waited for can no longer come
  kCancelled,  // never started: the run was stopped before it could
};

constexpr std::string_view ToWord(TaskState state) {
  switch (state) {
    case TaskState::kWaiting:
      return "waiting";
    case TaskState::kSucceeded:
      return "succeeded";
    case TaskState::kFailed:
      return "failed";
    case TaskState::kSkipped:
      return "skipped";
    case TaskState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace w2t::flow

#endif  // W2T_FLOW_STATE_H_
