// What a Result is made of. Not for users.
#ifndef W2T_FLOW_INTERNAL_OUTCOME_H_
#define W2T_FLOW_INTERNAL_OUTCOME_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "w2t/blueprint.h"
#include "w2t/diagnostic.h"
#include "w2t/flow/internal/graph_data.h"
#include "w2t/flow/state.h"

namespace w2t::flow::internal {

// Nanoseconds since the run began.
struct Interval {
  int64_t start_ns = 0;
  int64_t end_ns = 0;
};

// Whether an edge is satisfied by how the task before it ended.
constexpr bool Holds(Condition condition, TaskState ended) {
  return condition == Condition::kFinished ||
         ended == (condition == Condition::kFailed ? TaskState::kFailed
                                                   : TaskState::kSucceeded);
}

struct Outcome {
  absl::Status status;
  Diagnostics faults;
  uint32_t graph = 0;  // number of the graph
  std::shared_ptr<const Blueprint> blueprint;
  Nodes nodes;
  std::unique_ptr<std::atomic<TaskState>[]> states;
  absl::flat_hash_map<TaskIndex, absl::Status> failures;
  std::array<size_t, 5> counts = {};
  absl::Duration wall_time;
  std::vector<Interval> intervals;  // empty without timings
};

}  // namespace w2t::flow::internal

#endif  // W2T_FLOW_INTERNAL_OUTCOME_H_
