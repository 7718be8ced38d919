// EngineReferee: checks the promises that every change keeps, from the outside.
//
// It is told what workers reported and what each step of an engine gave, and
// works out for itself which leases live, which dependencies hold and what each
// worker has left. It takes from the engine only which tasks have ended, and
// checks that each such outcome follows from what was reported.
//
// A broken promise is told once for each step, with the step's number: as a
// failure of the test that runs (GoogleTest), unless somebody else listens.
#ifndef W2T_TESTS_SUPPORT_ENGINE_REFEREE_H_
#define W2T_TESTS_SUPPORT_ENGINE_REFEREE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/engine/action.h"
#include "core/engine/engine.h"
#include "core/engine/fact.h"

namespace w2t::testing {

class EngineReferee {
 public:
  using Listener = std::function<void(const std::string& fault)>;

  explicit EngineReferee(const Engine* engine, Listener listener = {})
      : engine_(engine), listener_(std::move(listener)) {}

  // The daemon was restarted: `engine` is what came out of the replay.
  void Restarted(const Engine* engine);
  // A stream broke, or its worker asked for no more offers.
  void Detached(SessionId session);
  void Leaving(SessionId session);
  // For those who do not see streams come and go: from now on it is the engine
  // that says which there are after a step.
  void TrustStreams() { trusts_streams_ = true; }
  // What a worker is about to say; only such reports may be recorded.
  void Reporting(const ReportColumns& reports);

  // A step that is durable, though the daemon died before it acted on it.
  void Missed(const FactBatch& facts);
  // Judges one step of the engine, whose state is the one after it.
  void Judge(const StepResult& result);

  // Steps that were judged.
  uint64_t steps() const { return steps_; }

 private:
  using TaskKey = std::pair<uint64_t, TaskIndex>;                // run, task
  using AttemptKey = std::tuple<uint64_t, TaskIndex, uint32_t>;  // and attempt

  struct Task {
    std::optional<LeaseRef> lease;  // live
    WorkerNumber worker;            // of the live lease
    uint32_t attempt = 0;           // latest
    bool started = false;  // ever; of a service, the present incarnation
    bool up = false;       // likewise
    TaskState reported = TaskState::kLeased;      // of the live lease
    TaskState last = TaskState::kUnspecified;     // end of the latest attempt
    bool not_started = false;                     // it was lost unstarted
    bool ended_well = false;                      // in this step
    TaskState outcome = TaskState::kUnspecified;  // as the engine says
    TaskState seen = TaskState::kWaiting;         // in the watch
  };
  struct RunBook {
    std::shared_ptr<const Blueprint> blueprint;
    std::shared_ptr<const Blueprint> next;  // waits for the set to stop
    std::vector<Task> tasks;
    std::set<TaskIndex> set;       // tasks that are being restarted
    int joined = 0;                // how often in this step the set grew
    std::set<TaskIndex> ahead;     // leased before their dependencies hold
    std::set<TaskIndex> recalled;  // of those: to be given back
    uint64_t revision = 1;
    bool keep = false;
    bool cancelled = false;
    bool restarts = false;  // outcomes may be taken back
    uint64_t seen_seq = 0;
    bool changed = false;  // in this step
    bool ended = false;    // an attempt of it, in this step
  };
  struct WorkerBook {
    WorkerSpec spec;
    bool draining = false;
    bool leaving = false;
    SessionId session;
    std::set<TaskKey> holds;
  };

  void Fault(std::string_view what, const LeaseRef& lease = {});
  void TakeStreams();

  void Fold(const Fact& fact);
  void FoldLeased(WorkerNumber worker, const LeaseRef& lease);
  void FoldReported(WorkerNumber worker, const LeaseRef& lease,
                    TaskState state);
  void FoldWorkerLeft(WorkerNumber worker);
  void EndAttempt(WorkerNumber worker, const LeaseRef& lease,
                  TaskState outcome);
  // Null, and a fault, unless `worker` holds it.
  Task* LiveTask(WorkerNumber worker, const LeaseRef& lease);
  WorkerBook* BySession(SessionId session);

  // engine_referee_ahead.cc: what is leased before its dependencies hold.
  bool Holds(const RunBook& book, const Blueprint::Edge& edge) const;
  // True when its worker may yet see all that `task` waits for.
  bool CanAwait(const RunBook& book, TaskIndex task, WorkerNumber worker) const;
  // Of a step that was not judged: as the engine says.
  void TakeMissedAhead();
  void CheckGrantedAhead(WorkerNumber worker, const LeaseRef& lease);
  void CheckConditions(const OfferLeases& action);
  void StartAhead(RunBook& book, const LeaseRef& lease, TaskState state);
  // After each report: what holds now need not hold any more.
  void UpdateAhead(RunBook& book);
  void CheckAhead(RunBook& book, const Run& run);

  void CheckActions(const StepResult& result);
  void CheckCancels(const CancelLeases& action);
  void CheckStarts();
  void CheckCapacity();
  void CheckRun(uint64_t number, RunBook& book, const Run& run);
  void CheckTask(uint64_t number, RunBook& book, const Run& run,
                 TaskIndex index);
  void CheckOutcome(const RunBook& book, const Run& run, TaskIndex index);
  void CheckUnheld(const RunBook& book, const Run& run, TaskIndex index);
  void CheckWatch(uint64_t number, RunBook& book, const Run& run);
  void CheckNothingIdles();
  bool HasRoom(const WorkerBook& worker, const Demand& demand) const;
  uint64_t Used(const WorkerBook& worker, std::string_view resource) const;
  static bool MayRun(const WorkerSpec& spec, const Demand& demand);

  // engine_referee_restart.cc: tasks that start again.
  void FoldRestarted(RunBook& book, const std::vector<TaskIndex>& tasks);
  void FoldRevised(const RunRevised& fact);
  // The attempt of `lease` has ended; if another follows, so do its followers.
  void FoldCrash(RunBook& book, const LeaseRef& lease);
  bool IsSpent(const RunBook& book, TaskIndex task) const;
  void Join(RunBook& book, const std::vector<TaskIndex>& roots, bool anew);
  static void Reset(Task& task);
  void LeaveSet(RunBook& book);
  void CheckSet(RunBook& book, const Run& run);
  // Whether `outcome` may have come in the place of another one.
  static bool MayReplace(const RunBook& book, const Run& run, TaskState was,
                         TaskState is);

  // engine_referee_undo.cc: what a failed run undoes.
  static bool Undoes(const RunBook& book, const Run& run);
  static bool IsUndone(const RunBook& book, TaskIndex task);
  // Whether nothing that depends on `task` is held, of `all` or of the set, or
  // is to be undone, when the run `undoes`.
  static bool HasClosed(const RunBook& book, TaskIndex task, bool undoes,
                        bool all);
  void CheckUndo(const RunBook& book, const Run& run, TaskIndex undo);

  // How many dependencies of `task` hold, and how many never can.
  std::pair<uint32_t, uint32_t> Edges(const RunBook& book,
                                      TaskIndex task) const;

  const Engine* engine_;
  const Listener listener_;
  uint64_t steps_ = 0;
  bool faulted_ = false;  // in this step
  bool trusts_streams_ = false;
  // Not looked at before there is an engine that has folded them, too.
  std::vector<FactBatch> missed_batches_;
  bool missed_ = false;  // since the last step that was judged
  std::map<uint64_t, RunBook> runs_;
  std::map<uint32_t, WorkerBook> workers_;
  std::set<AttemptKey> ended_;
  // Reports that were sent: attempt, fence, state.
  std::set<std::tuple<uint64_t, TaskIndex, uint32_t, uint64_t, TaskState>>
      sent_;
  uint64_t last_fence_ = 0;
  // In this step.
  std::vector<std::pair<WorkerNumber, LeaseRef>> granted_;
  std::set<uint64_t> ended_fences_;
};

}  // namespace w2t::testing

#endif  // W2T_TESTS_SUPPORT_ENGINE_REFEREE_H_
