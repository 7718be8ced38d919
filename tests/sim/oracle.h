// Oracle: knows what was promised, and finds out what was not kept.
//
// It sees the journal's batches as bytes, each step of the loop with its
// actions, and what workers and clients do and hear; it keeps books of its own
// about all of that, across the daemon's crashes. The first promise that is
// broken ends the simulation.
#ifndef W2T_TESTS_SIM_ORACLE_H_
#define W2T_TESTS_SIM_ORACLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/worker/session/lease.h"
#include "core/engine/engine.h"
#include "fmt/format.h"
#include "server/loop/inbox.h"
#include "tests/sim/clock.h"
#include "tests/sim/random.h"
#include "tests/support/engine_referee.h"
#include "w2t/v1/run_service.pb.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::sim {

class Oracle {
 public:
  Oracle(const SimClock* clock, const EngineOptions& options, bool verbose);

  // The first broken promise.
  const std::optional<std::string>& fault() const { return fault_; }
  void Fault(std::string what);
  // Tells of what happens, when somebody wants to read it.
  template <typename... Args>
  void Tell(fmt::format_string<Args...> format, Args&&... args) {
    if (verbose_) Say(fmt::format(format, std::forward<Args>(args)...));
  }
  // Of everything that became durable, and when: two plays of one seed agree.
  uint64_t trace() const { return trace_; }
  uint64_t batches() const { return batches_.size(); }

  // The journal. `bytes` are about to be appended, or have been.
  void Appending(std::string_view bytes);
  void Appended();
  // Read again after a crash, in order, the first one being that behind the
  // snapshot; then the end.
  void Read(uint64_t number, std::string_view bytes);
  void ReadAll(uint64_t last);

  // The loop has performed a step.
  void Stepped(const server::View& view, std::vector<Action> actions);

  // Workers. `process` is unique to a process of a worker.
  void Leaves(const std::string& worker) { leaving_.insert(worker); }
  void Says(const v1::ReportBatch& reports);
  void Starts(uint64_t process, const worker::Lease& lease);
  void ComesUp(const worker::Lease& lease);
  void Ends(const worker::Lease& lease, v1::TaskState state);
  // But for services that outlive it.
  void Dies(uint64_t process, const std::set<uint64_t>& survivors);
  // Goes on with what an earlier process of the worker has started.
  void Adopts(uint64_t process, const worker::Lease& lease);
  // When all has ended, and no worker holds anything.
  void CheckNothingRuns();
  // What is said of it may be believed, and nobody knows the truth.
  void GoesToALiar(uint64_t run, uint32_t task) {
    truth_[{run, task}].murky = true;
  }
  // One that was granted, to lie about.
  std::optional<LeaseRef> AnyLease(Random& random) const;
  // A DurableAck has covered these.
  void HearsAck(const v1::ReportBatch& reports);

  // Clients.
  void HearsSubmitted(const std::string& request_id, const std::string& run_id);
  void HearsCancelled(const std::string& run_id) { cancelled_.insert(run_id); }
  // A restart, or a revision, was acknowledged.
  void HearsRestarted(const std::string& request_id);
  void HearsRevised(const std::string& run_id);
  void HearsNoSuchRun(const std::string& run_id);
  // What a watcher heard of `run_id` that has sequence number `seq`.
  void HearsEvent(const std::string& run_id, uint64_t seq, std::string event);
  // The daemon of `view` must know all that it has acknowledged.
  void CheckPromises(const server::View& view);

 private:
  struct Ending {
    TaskState state = TaskState::kUnspecified;
    int32_t exit_code = 0;
  };
  // What is durable about a lease.
  struct Granted {
    LeaseRef lease;
    WorkerNumber worker;
    std::optional<Ending> ending;
    std::shared_ptr<const Blueprint> blueprint;  // as it was granted
  };
  // What really happened to a task, seen from the workers.
  struct Truth {
    bool ever_started = false;
    // Of the present incarnation.
    uint32_t attempt = 0;       // the latest that started
    uint64_t forgotten_at = 0;  // leases up to this fence saw an earlier one
    bool started = false;
    bool up = false;
    bool succeeded = false;
    bool failed = false;
    bool murky = false;
    std::set<std::pair<uint64_t, uint64_t>> running;  // process, fence
  };
  using TaskKey = std::pair<uint64_t, uint32_t>;

  void Say(const std::string& what);
  static std::string NameOf(const LeaseRef& lease);
  void Fold(const FactBatch& batch);
  void CheckUnique(const RunAccepted& fact);
  void ForgetIncarnations();
  void FoldWorkerLeft(const FactBatch& batch, WorkerNumber worker);
  void EndLease(uint64_t fence, Ending ending);
  // That the parts of a snapshot, made now, lead to the same state.
  void CheckSnapshot(const Engine& engine);
  void FoldReported(const Reported& fact);
  void CheckLost(const LeasesLost& fact);
  // The losses so far of what only waited on its worker, and now ends there.
  std::map<TaskKey, uint8_t> LossesOfWaiting(const FactBatch& batch) const;
  void CheckLossesOfWaiting(const std::map<TaskKey, uint8_t>& before);
  void CheckVerdicts(const WelcomeWorker& welcome);
  void CheckDependencies(const LeaseRef& lease);
  bool Held(const Blueprint::Edge& edge, const LeaseRef& lease, TaskKind kind);

  const SimClock* const clock_;
  const EngineOptions options_;
  const bool verbose_;
  std::optional<std::string> fault_;
  uint64_t trace_ = 0xcbf29ce484222325u;

  std::vector<std::string> batches_;  // durable
  std::string appending_;
  FactBatch facts_;                 // durable, and not acted upon yet
  std::unique_ptr<Engine> shadow_;  // fed by the journal alone
  const Engine* engine_ = nullptr;  // of the present daemon
  uint64_t steps_ = 0;              // of it
  testing::EngineReferee referee_;

  std::map<uint64_t, Granted> granted_;  // by fence
  uint64_t last_fence_ = 0;
  std::map<uint32_t, std::set<uint64_t>> live_;  // fences, by worker
  struct Attached {
    std::string name;
    std::string instance;
    absl::Time last;  // known to have a stream
  };
  std::map<uint32_t, Attached> attached_;  // by worker
  std::set<std::string> leaving_;          // workers that ever wanted to
  absl::Time daemon_now_ = absl::InfinitePast();
  std::set<TaskKey> lost_;  // an attempt of it was
  std::map<TaskKey, Truth> truth_;
  std::set<uint64_t> started_;  // fences
  std::set<uint64_t> came_up_;  // likewise
  std::set<uint64_t> told_up_;  // of which that is durable
  std::set<std::string> forgotten_;
  std::map<uint64_t, std::string> run_ids_;
  std::map<std::string, std::string> submitted_;  // run id, by request id
  std::set<std::string> cancelled_;
  std::set<std::string> restarts_;  // by request id
  // By run id: that are durable, and acknowledged.
  std::map<std::string, uint64_t> revisions_;
  std::map<std::string, uint64_t> heard_revisions_;
  std::map<std::string, std::map<uint64_t, std::string>> events_;  // by run id
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_ORACLE_H_
