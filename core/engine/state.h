// State: everything that the engine knows, and the fold that changes it.
//
// Facts go in through Apply, live and in replay alike, and nothing else changes
// what is durable. What a fact means for the world outside is collected in
// Effects, which replay throws away. Not thread-safe.
#ifndef W2T_CORE_ENGINE_STATE_H_
#define W2T_CORE_ENGINE_STATE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/engine/action.h"
#include "core/engine/engine_data.h"
#include "core/engine/fact.h"
#include "core/fleet/fleet.h"
#include "core/run/run.h"
#include "core/schedule/scheduler.h"
#include "w2t/limits.h"

namespace w2t {

// Consequences of facts that somebody outside must hear of.
struct Effects {
  std::vector<RunNumber> changed;  // runs with new events, each once
  LeaseColumns stop;               // held attempts that must be stopped
  LeaseColumns ended;              // attempts that ended
  std::vector<RunForgotten> forgotten;
};

class State {
 public:
  explicit State(const Limits& limits);

  // Folds one fact. INTERNAL when it does not fit, and then nothing is changed
  // that matters: the caller gives up.
  absl::Status Apply(const Fact& fact, int64_t now_us);
  Effects TakeEffects();

  // Replay does not keep the queues of what is ready and what is in backoff;
  // this fills them from the runs.
  void FillQueues();
  // Places ready tasks: takes, leases, and returns the fact, already folded.
  Leased Place(int64_t now_us);
  // The tasks whose backoff is over, as a fact that is not folded yet.
  RetriesDue TakeDue(int64_t now_us);
  // When the next backoff is over; INT64_MAX when there is none.
  int64_t next_due_us() const;

  // Null when it is archived or not known.
  Run* FindRun(RunNumber number);
  const Run* FindRun(RunNumber number) const;
  const Run* FindRun(std::string_view run_id) const;
  // None when it is not known; archived or not.
  RunNumber FindId(std::string_view run_id) const;
  RunNumber FindRequest(std::string_view request_id) const;
  RunNumber OldestEnded() const;
  // Each run that has ended, archived or not.
  void VisitEnded(
      absl::FunctionRef<void(RunNumber, int64_t end_us)> visit) const;
  const absl::btree_map<RunNumber, std::unique_ptr<Run>>& runs() const {
    return runs_;
  }
  const absl::btree_map<RunNumber, RunSummary>& archived() const {
    return archived_;
  }
  Fleet& fleet() { return fleet_; }
  const Fleet& fleet() const { return fleet_; }
  uint64_t epoch() const { return epoch_; }
  RunNumber next_run() const { return next_run_; }
  WorkerNumber next_worker() const { return next_worker_; }
  // Tasks of all runs that have not ended.
  uint64_t live_tasks() const { return live_tasks_; }
  uint64_t Hash() const;

  // restore.cc: see Engine.
  EngineData Data() const;
  absl::Status Restore(const EngineData& data);
  absl::Status Restore(Run::Spec spec, RunData data);
  absl::Status Restore(RunSummary summary);
  void Archive();
  static RunSummary SummaryOf(const Run& run);

 private:
  // Of one run: what was leased, and whose dependents have not been looked at
  // since; each once.
  struct Sources {
    std::deque<TaskIndex> queue;
    absl::flat_hash_set<TaskIndex> queued;

    void Add(TaskIndex task) {
      if (queued.insert(task).second) queue.push_back(task);
    }
  };
  struct Due {
    int64_t due_us;
    RunNumber run;
    TaskIndex task;
    // std::priority_queue keeps the greatest in front: the earliest.
    bool operator<(const Due& other) const {
      if (due_us != other.due_us) return due_us > other.due_us;
      if (run != other.run) return run > other.run;
      return task > other.task;
    }
  };

  absl::Status Fold(const EpochStarted& fact);
  absl::Status Fold(const RunAccepted& fact);
  absl::Status Fold(const RunCancelled& fact);
  absl::Status Fold(const TasksRestarted& fact);
  absl::Status Fold(const RunRevised& fact);
  absl::Status Fold(const RunEvicted& fact);
  absl::Status Fold(const WorkerJoined& fact);
  absl::Status Fold(const WorkerDialled& fact);
  absl::Status Fold(const WorkerLeft& fact);
  absl::Status Fold(const WorkerDrained& fact);
  absl::Status Fold(const Leased& fact);
  absl::Status Fold(const Reported& fact);
  absl::Status Fold(const LeasesLost& fact);
  absl::Status Fold(const RetriesDue& fact);

  void Lease(Worker& worker, Run& run, const LeaseRef& lease);
  // Leases, and adds to `leased`.
  void Grant(Worker& worker, Run& run, TaskIndex task, Leased* leased);
  // state_ahead.cc: what waits for tasks that were leased.
  void AddSources(const Leased& leased);
  void GrantAhead(Leased* leased);
  void GrantAhead(Run& run, Sources* sources, Leased* leased);
  // Of each shape, until the next lease.
  using BestWorkers = absl::flat_hash_map<ShapeId, Worker*>;
  Worker* AheadWorker(const Run& run, TaskIndex task, BestWorkers* known);
  void Lose(Worker& worker, const LeaseRef& lease, bool not_started,
            std::string_view reason);
  // What follows from a fact about a run: its outbox goes to queues, fleet and
  // effects, and its next graph takes effect when it is time.
  void Deliver(Run& run);
  void EmptyOutbox(Run& run);
  void Swap(Run& run);
  void PushReady(const Run& run, TaskIndex task);
  void AddShapes(const Run& run);
  void Forget(RunNumber run, const std::string& run_id,
              const std::string& request_id);
  absl::Status AddName(RunNumber number, const std::string& run_id,
                       const std::string& request_id);
  const Shape& ShapeOf(const Run& run, TaskIndex task);
  ShapeId ShapeIdOf(const Run& run, TaskIndex task);
  static bool IsDue(const Run& run, const Due& due);

  Limits limits_;  // those that facts speak of are as the facts say
  absl::btree_map<RunNumber, std::unique_ptr<Run>> runs_;
  absl::btree_map<RunNumber, RunSummary> archived_;  // not in runs_
  absl::flat_hash_map<std::string, RunNumber> by_id_;
  absl::flat_hash_map<std::string, RunNumber> by_request_;
  absl::btree_map<RunNumber, std::vector<ShapeId>>
      shapes_;  // of the demands of runs that have not ended
  Fleet fleet_;
  Scheduler scheduler_;
  std::priority_queue<Due> due_;
  uint64_t epoch_ = 0;
  RunNumber next_run_{1};
  WorkerNumber next_worker_{1};
  Fence next_fence_{1};
  uint64_t live_tasks_ = 0;
  // Not durable:
  absl::flat_hash_set<RunNumber>
      undemanding_;  // with tasks that demand nothing
  absl::btree_map<RunNumber, Sources> sources_;  // none is empty
  bool queues_filled_ = false;
  Effects effects_;
  RunOutbox outbox_;
  int64_t now_us_ = 0;
  Run* last_run_ = nullptr;  // found last; batches speak of one run mostly
};

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_STATE_H_
