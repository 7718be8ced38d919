// RunView: a run as its watcher knows it, kept up to date from what Watch
// tells.
//
// Turns snapshots and events into changes of tasks, which is what people are
// shown. A snapshot counts as the changes from what was known before, so
// nothing is lost when a watch had to start anew. An attempt whose start was
// never reported, as it ended at once, starts when its end is told. Not
// thread-safe.
#ifndef W2T_CLIENT_CLI_RUN_VIEW_H_
#define W2T_CLIENT_CLI_RUN_VIEW_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::cli {

// A task went from one state to another.
struct TaskChange {
  uint32_t task = 0;
  uint32_t attempt = 0;
  v1::TaskState before = v1::TASK_STATE_UNSPECIFIED;
  v1::TaskState after = v1::TASK_STATE_UNSPECIFIED;
  int32_t exit_code = 0;
  uint32_t signal = 0;
  std::string message;
  std::string worker;
  // How long the attempt had lasted. Negative when that is not known.
  absl::Duration elapsed = -absl::InfiniteDuration();
  bool from_snapshot = false;
};

// Whether its attempt is over, and will print no more.
bool EndsOutput(const TaskChange& change);

class RunView {
 public:
  // What a display needs to know about one task.
  struct Task {
    std::string name;
    v1::TaskState state = v1::TASK_STATE_WAITING;
    uint32_t attempt = 0;
    bool service = false;
    // When the attempt was started, or given to a worker; by the daemon's
    // clock.
    absl::Time since = absl::InfinitePast();
  };

  std::vector<TaskChange> Apply(const v1::WatchRunResponse& item);

  // True once a whole snapshot has come.
  bool complete() const { return complete_; }
  // As told by the latest snapshot, or by the end.
  const v1::Run& run() const { return run_; }
  v1::RunState state() const { return run_.state(); }
  bool ended() const { return ended_; }

  const std::vector<Task>& tasks() const { return tasks_; }
  uint32_t count(v1::TaskState state) const { return counts_[state]; }
  // Tasks that have an outcome.
  uint32_t done() const;
  // Tasks that a worker has, by index.
  const std::set<uint32_t>& active() const { return active_; }
  // The daemon's time at the latest event. The infinite past before the first.
  absl::Time latest() const { return latest_; }

 private:
  void ApplySnapshot(const v1::RunSnapshot& snapshot,
                     std::vector<TaskChange>* changes);
  void ApplyEvents(const v1::EventBatch& events,
                   std::vector<TaskChange>* changes);
  void Move(uint32_t index, v1::TaskState state);

  v1::Run run_;
  std::vector<Task> tasks_;
  uint32_t counts_[v1::TaskState_ARRAYSIZE] = {};
  std::set<uint32_t> active_;
  absl::Time latest_ = absl::InfinitePast();
  bool complete_ = false;
  bool ended_ = false;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_RUN_VIEW_H_
