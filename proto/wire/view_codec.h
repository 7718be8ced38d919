// What clients are shown of runs, tasks, events and workers.
#ifndef W2T_PROTO_WIRE_VIEW_CODEC_H_
#define W2T_PROTO_WIRE_VIEW_CODEC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "core/fleet/fleet.h"
#include "core/run/run.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "w2t/v1/admin_service.pb.h"
#include "w2t/v1/event.pb.h"
#include "w2t/v1/graph.pb.h"
#include "w2t/v1/run.pb.h"

namespace w2t::wire {

// The name of a worker by number; empty when it is not known any more.
using WorkerNamer = absl::FunctionRef<std::string_view(WorkerNumber)>;

// Microseconds since 1970-01-01 UTC; leaves `out` unset for 0.
google::protobuf::Timestamp TimestampOf(int64_t micros);
google::protobuf::Duration DurationOf(int64_t micros);
v1::Condition ToProto(Condition condition);

// Everything but the failures.
void FillRun(const RunSummary& run, v1::Run* out);
void FillRun(const Run& run, v1::Run* out);
// All of it.
void FillRunWithFailures(const Run& run, WorkerNamer name_of, v1::Run* out);

// Everything but the reason why a task without pending dependencies makes
// others wait, which takes the engine to tell.
void FillTask(const Run& run, TaskIndex task, WorkerNamer name_of,
              v1::TaskStatus* out);

// The columns of a run's tasks as they were at one moment, for a snapshot that
// is sent in parts later on.
struct TaskColumns {
  struct Detail {
    TaskIndex task = kNoTask;
    int32_t exit_code = 0;
    uint32_t signal = 0;
    std::string message;
    std::string worker;
  };
  static constexpr size_t kMaxDetails = 10'000;
  static constexpr size_t kMaxMessageBytes = 256;

  std::shared_ptr<const Blueprint> blueprint;
  std::vector<TaskState> states;
  std::vector<uint32_t> attempts;
  // Sorted by task. Those of tasks that did not end well come in first.
  std::vector<Detail> details;

  static TaskColumns Of(const Run& run, WorkerNamer name_of);
  uint32_t size() const { return static_cast<uint32_t>(states.size()); }
  // What it takes in memory, roughly.
  size_t bytes() const;
};
// Tasks first to first + count - 1. Sets all but run, seq and last.
void FillSnapshot(const TaskColumns& tasks, uint32_t first, uint32_t count,
                  v1::RunSnapshot* out);

// Events first_seq to last_seq, which the run must still keep.
void FillEvents(const Run& run, uint64_t first_seq, uint64_t last_seq,
                WorkerNamer name_of, v1::EventBatch* out);

// `used` is in the order of the worker's resources.
void FillWorker(const Worker& worker, absl::Span<const uint64_t> used_milli,
                v1::Worker* out);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_VIEW_CODEC_H_
