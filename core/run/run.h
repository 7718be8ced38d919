// Run: one execution of a blueprint, as the fold of the facts about it.
//
// The functions that change a run are called for facts, live and in replay
// alike, and work out every consequence of a fact inside the run: dependents
// that become ready, are skipped or must wait again, the order in which things
// are stopped, the run's own end. What the scheduler must know is collected in
// a RunOutbox. Not thread-safe: owned by the engine's thread.
//
// A task waits while fewer edges are satisfied than it needs, and is skipped
// once too many are impossible (see EdgeState); edges that are a quorum count
// together, as one. A service's `started` and `ready` belong to one
// incarnation: they are taken back from dependents that have not started when
// it ends.
//
// A run is through when nothing moves any more: all tasks have ended and all
// services are up. A task that waits for the end of a service that is up does
// not keep the run from that; it is skipped when the services are stopped.
//
// Stopping (a cancelled run, a failed one that must not go on, or services that
// are no longer needed): whatever no worker has ends at once; whatever a worker
// has is stopped once all its dependents, direct or not, have ended. A failed
// run whose graph says so also undoes what had succeeded, in the same order: a
// task that is to be undone has ended for those it depends on only once it is.
//
// A restart is the same for some tasks only, its set: those that were asked
// for, or had a failed attempt, and all that follow them over edges that say
// so. What of the set is held is stopped in reverse order; what is not held
// waits, and does not start. When all of it waits, it waits for its
// dependencies alone, and so starts in order. A skipped task whose dependencies
// are open again waits again, too. There is one set at a time; what is added
// joins it.
//
// A revision restarts what it changes, and puts its graph in the place of the
// old one when all of that waits.
//
// A waiting task may be leased ahead to the worker that has all that it waits
// for: the worker starts it once that holds. When it cannot hold under those
// leases any more, the lease is taken back: the task is told to stop, and its
// attempt counts for nothing.
#ifndef W2T_CORE_RUN_RUN_H_
#define W2T_CORE_RUN_RUN_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/definition.h"
#include "core/base/ids.h"
#include "core/run/edge_state.h"
#include "core/run/lease.h"
#include "core/run/run_data.h"
#include "core/run/run_words.h"
#include "core/run/task_state.h"
#include "w2t/blueprint.h"
#include "w2t/limits.h"

namespace w2t {

class Run {
 public:
  struct Revision {
    std::shared_ptr<const Blueprint> blueprint;
    std::shared_ptr<const Definition> definition;
  };
  struct Spec {
    RunNumber number;
    std::string run_id;
    std::string request_id;
    bool hold = false;
    // Failures leave the rest up, as long as anything is. Only with `hold`.
    bool keep = false;
    std::shared_ptr<const Blueprint> blueprint;
    std::shared_ptr<const Definition> definition;
    Revision pending = {};  // what follows; null: nothing
  };

  Run(Spec spec, int64_t now_us, const Limits& limits);
  // A run as it was when `data` was taken from it. INTERNAL when they do not
  // fit each other.
  static absl::StatusOr<std::unique_ptr<Run>> Restore(Spec spec, RunData data,
                                                      const Limits& limits);

  // Facts. The engine makes them only when they are legal: Lease when
  // MayLease, Report when Accepts, Lose when Holds, RetryDue in backoff, Cancel
  // once and before stopping, Restart when CheckRestart, Revise when
  // CheckRevision is OK.
  void Begin(int64_t now_us, RunOutbox* out);
  void Lease(const LeaseRef& lease, WorkerNumber worker, int64_t now_us);
  // `detail` may be null.
  void Report(const LeaseRef& lease, TaskState state, int32_t exit_code,
              const ReportDetail* detail, int64_t now_us, RunOutbox* out);
  // `not_started`: it is certain that nothing was done under the lease.
  void Lose(const LeaseRef& lease, bool not_started, std::string_view reason,
            int64_t now_us, RunOutbox* out);
  void RetryDue(TaskIndex task, int64_t now_us, RunOutbox* out);
  void Cancel(std::string_view reason, int64_t now_us, RunOutbox* out);
  // `request_id`: under which it was asked for; empty: none.
  void Restart(absl::Span<const TaskIndex> tasks, std::string_view request_id,
               int64_t now_us, RunOutbox* out);
  // `changed`: beside those that come or go.
  void Revise(Revision revision, absl::Span<const TaskIndex> changed,
              int64_t now_us, RunOutbox* out);

  // FAILED_PRECONDITION when the run stops or has ended, or one of them runs at
  // most once and may have started. INVALID_ARGUMENT for no task.
  absl::Status CheckRestart(absl::Span<const TaskIndex> tasks) const;
  // See ReviseEvent for what it refuses.
  absl::Status CheckRevision(const Revision& revision,
                             absl::Span<const TaskIndex> changed) const;
  // The restart that was asked for under this id, if it is among the latest
  // kMaxKnownRestarts. Null: none.
  static constexpr size_t kMaxKnownRestarts = 64;
  const RestartRequest* FindRestart(std::string_view request_id) const;
  // Of what is asked for in a restart.
  static uint64_t RestartContent(absl::Span<const TaskIndex> tasks);
  // What a restart of `tasks` restarts, in an order of the graph.
  std::vector<Restarting> RestartSet(absl::Span<const TaskIndex> tasks) const;

  // True when all that the pending revision changes has stopped: Swap is due,
  // before anything else. It is a consequence, and no fact: the caller then
  // looks at the blueprint anew.
  bool swap_due() const {
    return spec_.pending.blueprint != nullptr && lingering_ == 0;
  }
  void Swap(int64_t now_us, RunOutbox* out);

  LeaseStanding Standing(const LeaseRef& lease, WorkerNumber worker) const;
  // True when `lease` is the task's live lease, held by `worker`.
  bool Holds(const LeaseRef& lease, WorkerNumber worker) const {
    return Standing(lease, worker) == LeaseStanding::kHeld;
  }
  // True when a report of `state` would change anything.
  bool Accepts(const LeaseRef& lease, WorkerNumber worker,
               TaskState state) const;

  const Spec& spec() const { return spec_; }
  const Blueprint& blueprint() const { return *spec_.blueprint; }
  RunState state() const { return data_.state; }
  // Number of its graph, from 1.
  uint64_t revision() const { return data_.revision; }
  const TaskRecord& task(TaskIndex task) const { return data_.tasks[task]; }
  // Null when there is none.
  const TaskDetail* detail(TaskIndex task) const;
  uint32_t count(TaskState state) const {
    return counts_[static_cast<int>(state)];
  }
  // 0 unless the run failed.
  int32_t exit_code() const { return data_.exit_code; }
  // It ends as soon as what still runs has been stopped.
  bool stopping() const { return data_.stopping; }
  // Some of it is stopped to be started again.
  bool restarting() const { return !restarting_.empty(); }
  // It has a revision whose time has not come.
  bool revising() const { return spec_.pending.blueprint != nullptr; }
  // Watchers that know of no later event know another graph.
  uint64_t revised_seq() const { return data_.revised_seq; }
  // Attempts of a task that count against its RetryPolicy.
  uint32_t CountedAttempts(TaskIndex task) const;
  // How long a task in backoff waits from end_us of its record on.
  int64_t BackoffUs(TaskIndex task) const;
  // Tasks that did not end well by themselves, the earliest first; at most
  // kMaxFailures.
  static constexpr size_t kMaxFailures = 20;
  const std::vector<TaskIndex>& failures() const { return data_.failures; }
  const std::string& cancel_reason() const { return data_.cancel_reason; }
  int64_t create_us() const { return data_.create_us; }
  int64_t end_us() const { return data_.end_us; }

  // The events that are still kept: those with sequence numbers first_seq() to
  // last_seq(), counted from 1.
  const std::deque<RunEvent>& events() const { return data_.events; }
  uint64_t last_seq() const { return data_.last_seq; }
  uint64_t first_seq() const {
    return data_.last_seq + 1 - data_.events.size();
  }

  // True when `task` may start now.
  bool IsReady(TaskIndex task) const {
    return data_.tasks[task].state == TaskState::kReady;
  }
  // True when it may be leased: a waiting one is leased ahead, unless it undoes
  // something. To which is a decision, see AheadWorker.
  bool MayLease(TaskIndex task) const {
    const TaskRecord& record = data_.tasks[task];
    return IsReady(task) ||
           (record.state == TaskState::kWaiting && !record.restarting &&
            !data_.stopping && !blueprint().is_undo(task));
  }
  // The worker to which a waiting task may be leased ahead: the one that has
  // all that it waits for. None: there is none.
  WorkerNumber AheadWorker(TaskIndex task) const;
  // What the worker of a task that is leased ahead waits for.
  std::vector<Awaited> AwaitedBy(TaskIndex task) const;
  // False when somebody else than `worker` waits for what becomes of `task`, or
  // many do.
  bool IsAwaitedOnlyBy(TaskIndex task, WorkerNumber worker) const;
  // True when `lease` is the latest of its task, and ahead.
  bool IsAhead(const LeaseRef& lease) const {
    return lease.task < data_.tasks.size() && data_.tasks[lease.task].ahead &&
           data_.tasks[lease.task].fence == lease.fence;
  }
  // True when it is leased ahead and not all that it waits for holds.
  bool Waits(TaskIndex task) const;
  // Tasks that are leased ahead and have not started.
  uint32_t ahead() const { return ahead_; }
  WaitKind KindOfWait(TaskIndex task) const;
  // The tasks that KindOfWait speaks of, at most `most`.
  std::vector<TaskIndex> Blockers(TaskIndex task, size_t most) const;

  // Everything that Restore needs beside the spec.
  const RunData& data() const { return data_; }
  // What is told of a run in a list, all of it known without its tasks. The two
  // hashes are left out.
  RunSummary Summary() const;

  // Of the durable state: equal after live steps, after replay and when
  // restored.
  uint64_t Hash() const;

 private:
  Run(Spec spec, RunData data, const Limits& limits);

  // run_data.cc: what follows from the data.
  absl::Status CheckData() const;
  void Count();
  std::vector<uint32_t> OpenDependents() const;

  // run.cc: attempts and their ends.
  void EndAttempt(TaskIndex task, TaskState outcome);
  TaskState Judge(TaskIndex task, TaskState reported);
  void EndTask(TaskIndex task, TaskState outcome);
  // Takes an outcome back; the caller moves the task.
  void Reopen(TaskIndex task);
  void ListFailures();
  void EndLost(TaskIndex task, bool not_started, std::string_view reason);
  void UpdateRunState();
  void SetState(RunState state);
  void Enter(int64_t now_us, RunOutbox* out);
  void Leave();

  // run_retry.cc: what is tried again, and when.
  bool WantsRetry(TaskIndex task, TaskState outcome) const;
  void Requeue(TaskIndex task);
  bool WasStable(TaskIndex task) const;
  // Losses never end it.
  bool ForgivesLosses(TaskIndex task) const;
  // An attempt that counts has ended.
  void CountAttempt(TaskIndex task);
  // No attempt up to this one counts any more.
  void ForgetAttempts(TaskIndex task, uint32_t through);

  // run_edges.cc: every change of a task, and what it means for others.
  // What is known of a quorum's edges.
  struct QuorumCount {
    uint32_t satisfied = 0;
    uint32_t impossible = 0;
  };
  // Of a quorum, counted from 1.
  EdgeState EvaluateQuorum(uint32_t quorum) const;
  // Adds `by` edges of this state.
  void CountInQuorum(uint32_t quorum, EdgeState state, uint32_t by);
  // Something will happen to it by itself: it neither waits nor has ended, and
  // is no service that is up.
  bool IsMoving(TaskIndex task) const;
  void Move(TaskIndex task, const EdgeSource& to);
  // This incarnation of it, if it is a service, is over.
  void MoveOn(TaskIndex task, TaskState state);
  // Without a change of state.
  void MarkStarted(TaskIndex task);
  void UpdateEdges(TaskIndex task, const EdgeSource& before,
                   const EdgeSource& after);
  void SettleAll();
  void Settle(TaskIndex task);
  // Of all tasks, from scratch.
  void CountEdges();
  void AddEvent(TaskIndex task);

  // run_ahead.cc: what is leased before its dependencies hold.
  // All that `task` waits for may come to hold by what `worker` has.
  bool CanAwait(TaskIndex task, WorkerNumber worker) const;
  bool CanAwait(const Blueprint::Edge& edge, WorkerNumber worker) const;
  void SetAhead(TaskIndex task, bool ahead);
  void SettleAhead(TaskIndex task);
  void UnsettleAhead(TaskIndex source);
  // Its lease was taken back, or lost before its dependencies held.
  void GiveBack(TaskIndex task);

  // run_stop.cc: ending what still runs, in reverse order.
  void StartStopping();
  // What becomes of that which has not started when the run stops.
  TaskState UnstartedOutcome() const;
  // Held, and to be stopped, or to be undone.
  bool Lingers(TaskIndex task) const;
  void StopInOrder();
  void EndStopped(TaskIndex task);
  void Close(TaskIndex task);
  // Stops what a worker has, and undoes what has ended.
  void RequestStop(TaskIndex task);

  // run_undo.cc: undoing what had succeeded, on the way back.
  bool undoing() const;
  // The run stops, and so does the task: it does not undo anything.
  bool MustWindDown(TaskIndex task) const;
  // It has succeeded, and is to be undone before it has closed.
  bool OwesUndo(TaskIndex task) const;
  // All that depends on what `undo` undoes has closed.
  bool IsUndoDue(TaskIndex undo) const;
  // Ends what will undo nothing.
  void SkipUndos();

  // run_waits.cc: what a task waits for.
  std::vector<TaskIndex> BlockingDependencies(TaskIndex task,
                                              size_t most) const;
  std::vector<TaskIndex> LingeringOfSet(size_t most) const;
  // What depends on `task`, directly or behind others, and has to stop, or to
  // be undone (then: what undoes it), before.
  std::vector<TaskIndex> LingeringBehind(TaskIndex task, size_t most) const;

  // run_restart.cc: what is stopped to be started again.
  // It runs at most once, and may have started.
  bool IsSpent(TaskIndex task) const;
  // `forgive`: their attempts count from the first again.
  void JoinRestart(const std::vector<Restarting>& set, bool forgive);
  void Join(TaskIndex task, bool forgive);
  void RestartFollowers(TaskIndex task);
  void Park(TaskIndex task, const EdgeSource& to);
  void EndMember(TaskIndex task);
  void SetRestarting(TaskIndex task, bool restarting);
  // Lets go of the set; returns it in an order of the graph.
  std::vector<TaskIndex> TakeSet();

  Spec spec_;
  const Limits& limits_;
  RunData data_;

  // What follows from the data and the blueprint.
  std::array<uint32_t, kTaskStates> counts_{};
  uint32_t tasks_open_ = 0;     // of kind task, without an outcome
  uint32_t services_open_ = 0;  // likewise
  uint32_t moving_ = 0;
  uint32_t ahead_ = 0;
  std::vector<TaskIndex> restarting_;  // the set, in no order
  uint32_t lingering_ = 0;             // of the set
  // While something is to be stopped in order: how many dependents of each task
  // have not closed. A task has closed when it does not linger and all its
  // dependents have closed.
  std::vector<uint32_t> open_dependents_;
  std::vector<QuorumCount> quorums_;  // of the blueprint's

  // Valid during one call.
  int64_t now_us_ = 0;
  RunOutbox* out_ = nullptr;
  std::vector<TaskIndex> unsettled_;  // whose edges changed
  bool list_failures_ = false;        // a failure was taken back
};

}  // namespace w2t

#endif  // W2T_CORE_RUN_RUN_H_
