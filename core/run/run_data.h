// What a run is made of, as plain data.
//
// RunData is everything that the facts about a run have made of it; whatever
// else a Run knows follows from this and its blueprint. A snapshot keeps it, so
// a field that is added here must be added to Run::Hash and to the snapshot's
// codec, too.
#ifndef W2T_CORE_RUN_RUN_DATA_H_
#define W2T_CORE_RUN_RUN_DATA_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "core/base/ids.h"
#include "core/run/task_state.h"
#include "w2t/graph.h"

namespace w2t {

// Where a task of a run stands. 64 bytes, because there are millions.
struct TaskRecord {
  TaskState state = TaskState::kWaiting;
  bool has_started : 1 = false;  // of a service: in this incarnation
  bool has_been_up : 1 = false;  // likewise
  bool stop_requested : 1 = false;
  bool restarting : 1 = false;  // held: to be stopped; else: waits for that
  bool ahead : 1 = false;  // leased before its dependencies held; not started
  uint8_t lost_attempts = 0;  // of those that count
  uint32_t satisfied = 0;     // edges
  uint32_t impossible = 0;    // edges
  uint32_t attempt = 0;       // latest; 0: none yet
  uint32_t excused = 0;       // attempts that count no more, beside lost ones
  WorkerNumber worker;        // of the latest attempt
  int32_t exit_code = 0;
  Fence fence;           // of the latest attempt
  int64_t start_us = 0;  // of the latest attempt; 0: not yet
  int64_t up_us = 0;     // when the latest attempt was ready; 0: not yet
  // End of the task, or of its latest attempt in backoff; of what is held, when
  // it was told to stop.
  int64_t end_us = 0;
};
static_assert(sizeof(TaskRecord) == 64);

// What only some tasks have.
struct TaskDetail {
  std::string message;
  uint32_t signal = 0;
  uint64_t cpu_us = 0;
  uint64_t max_rss_bytes = 0;
  std::string output;
};

// The details of a run's tasks. Most tasks that have ended have some.
class TaskDetails {
 public:
  TaskDetails() = default;
  TaskDetails(const TaskDetails& other);
  TaskDetails(TaskDetails&&) = default;
  TaskDetails& operator=(TaskDetails&&) = default;

  bool empty() const { return details_.empty(); }
  // Null: it has none.
  const TaskDetail* Find(TaskIndex task) const {
    return task < details_.size() ? details_[task].get() : nullptr;
  }
  // Made when there are none.
  TaskDetail& operator[](TaskIndex task) {
    if (task >= details_.size()) details_.resize(task + 1);
    if (details_[task] == nullptr) {
      details_[task] = std::make_unique<TaskDetail>();
    }
    return *details_[task];
  }
  void Erase(TaskIndex task) {
    if (task < details_.size()) details_[task].reset();
  }

 private:
  std::vector<std::unique_ptr<TaskDetail>> details_;  // by task
};

// Something that watchers are told. Its sequence number is its place.
struct RunEvent {
  int64_t time_us = 0;
  TaskIndex task = kNoTask;  // kNoTask: the run itself changed
  uint32_t attempt = 0;
  WorkerNumber worker;
  int32_t exit_code = 0;
  TaskState state = TaskState::kUnspecified;
};

// A restart that was asked for under a request id.
struct RestartRequest {
  std::string request_id;
  uint64_t content = 0;  // Run::RestartContent
};

struct RunData {
  RunState state = RunState::kRunning;
  bool stopping = false;
  bool failed = false;
  bool cancelled = false;  // before it was through
  bool fail_fast = false;  // a fail_run task failed
  uint64_t revision = 1;   // of its graph
  // Of the event with which that graph took effect; 0: it is the first one.
  uint64_t revised_seq = 0;
  uint64_t content = 0;  // ContentHash of the first definition; 0: the present
  int32_t exit_code = 0;
  std::string cancel_reason;
  std::vector<TaskIndex> failures;
  int64_t create_us = 0;
  int64_t end_us = 0;  // 0: not yet
  std::vector<TaskRecord> tasks;
  TaskDetails details;
  // When attempts ended that count, of tasks whose retries have a window.
  absl::btree_map<TaskIndex, std::vector<int64_t>> recent;
  std::deque<RestartRequest> restarts;  // the latest ones
  std::deque<RunEvent> events;          // likewise
  uint64_t last_seq = 0;  // of the last event; changes with every fact
};

// What is kept in memory of a run that has ended and lies in the store: enough
// to list it, to recognise its request, and to forget it in time.
struct RunSummary {
  RunNumber number;
  std::string run_id;
  std::string request_id;
  std::string name;  // of its graph
  bool hold = false;
  bool keep = false;
  RunState state = RunState::kUnspecified;
  int32_t exit_code = 0;
  std::string cancel_reason;
  int64_t create_us = 0;
  int64_t end_us = 0;
  uint64_t last_seq = 0;
  uint64_t revision = 1;
  std::array<uint32_t, kTaskStates> counts{};  // of tasks, by TaskState
  uint32_t removed = 0;  // of the cancelled ones: by revisions
  uint32_t dormant = 0;  // of the waiting ones: they undo what may yet fail
  uint32_t steps = 0;
  int64_t critical_path_us = 0;
  uint64_t content = 0;  // ContentHash of its first definition
  uint64_t hash = 0;     // Run::Hash
};

}  // namespace w2t

#endif  // W2T_CORE_RUN_RUN_DATA_H_
