// EngineEnv: an engine with clients and workers around it, driven by verbs.
//
//   EngineEnv env;
//   env.Hello("w1", {.slots = 2});
//   env.Submit(GraphBuilder().Task("a").Task("b", {"a"}));
//   env.Succeed("a");
//   EXPECT_EQ(env.State("b"), TaskState::kLeased);
//
// Tasks go by name and belong to the run submitted last, unless Use says
// otherwise. Each verb is one step of the engine. The environment keeps every
// batch of facts as a journal; after each step it lets an EngineReferee judge
// and checks that three other engines have the same hash: one that is only ever
// fed the journal, one that is restored from a snapshot taken now, and one that
// was restored from the last Snapshot and fed the journal since. Time stands
// still except in Advance. No process, socket, file or clock.
#ifndef W2T_TESTS_SUPPORT_ENGINE_ENV_H_
#define W2T_TESTS_SUPPORT_ENGINE_ENV_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/engine/engine.h"
#include "tests/support/engine_referee.h"
#include "w2t/graph.h"

namespace w2t {

// For GoogleTest, found by argument-dependent lookup.
inline void PrintTo(TaskState state, std::ostream* out) { *out << Name(state); }
inline void PrintTo(RunState state, std::ostream* out) { *out << Name(state); }

}  // namespace w2t

namespace w2t::testing {

struct WorkerOptions {
  uint32_t slots = 1;  // cpus
  std::vector<std::pair<std::string, std::string>> labels = {};
  std::vector<Resource> resources = {};  // beside the cpus
  std::vector<std::string> capabilities = {kExecCapability};
  uint32_t max_leases = 65'536;
  std::string instance = "1";
  bool counts_streams = true;  // in its Hello
  bool waits = false;          // likewise
};

struct SubmitOptions {
  std::string request_id = {};
  bool hold = false;
  bool unique_name = false;
};

// What a worker knows of itself.
struct FakeWorker {
  WorkerSpec spec;
  SessionId session;  // none: its stream is broken
  uint64_t last_seq = 0;
  std::vector<LeaseRef> held;     // its offers, the oldest first
  std::vector<LeaseRef> to_stop;  // it was told to stop these, in this order
  std::vector<std::pair<uint64_t, ReportColumns>> unacked;
  std::vector<HeldVerdict> verdicts;  // of the last Welcome
  LeaseColumns refused;               // by the last acknowledgement
  std::vector<Fence> unhurried;  // that it was told of
  uint64_t last_ack = 0;
  int pings = 0;
  bool pinged = false;  // and has not answered
  bool told_to_drain = false;
  absl::Status closed;          // why the daemon ended its last stream
  bool answers_pings = true;    // off: it has become silent
  bool receives_offers = true;  // off: they are lost on the way
  bool counts_streams = true;
  bool restarted = false;  // in its Hello
  bool waits = false;      // likewise
};

class EngineEnv {
 public:
  explicit EngineEnv(const EngineOptions& options = {}, bool cheap = false);
  // Replays the whole journal into a fresh engine, which must agree.
  ~EngineEnv();

  // Clients.
  // The run's id. It must be accepted.
  std::string Submit(const Graph& graph, const SubmitOptions& options = {});
  SubmitReply TrySubmit(const Graph& graph, const SubmitOptions& options = {});
  // The present run, or another one.
  absl::Status Cancel(std::string_view run_id = {});
  absl::Status RestartTasks(std::vector<std::string> tasks,
                            std::string request_id = "");
  // The present run goes on under `graph`; `base_revision` 0: its own.
  absl::Status Revise(const Graph& graph,
                      const std::vector<std::string>& changed,
                      uint64_t base_revision = 0);
  absl::Status DrainWorker(const std::string& worker, bool undo = false);
  void DrainServer();
  // Lets task names speak of `run_id` from now on.
  void Use(std::string_view run_id);

  // Workers.
  // A new process dials; false when the daemon closes the stream.
  bool Hello(const std::string& worker, const WorkerOptions& options = {});
  // The stream breaks; the process goes on.
  void Disconnect(const std::string& worker);
  // The same process dials again with what it holds, and repeats what was not
  // acknowledged.
  bool Reattach(const std::string& worker, bool receives_offers = true);
  void Leave(const std::string& worker);
  // The whole process is gone, and with it all that it held.
  void Kill(const std::string& worker);

  // Attempts, as reported by the worker that holds the task.
  void Start(std::string_view task);
  void Ready(std::string_view task);
  void Succeed(std::string_view task);
  void Fail(std::string_view task, int32_t exit_code = 1);
  void TimeOut(std::string_view task);
  // What was told to stop has stopped.
  void Stopped(std::string_view task);
  // Any report, from any worker, true or not.
  void Report(const std::string& worker, const LeaseRef& lease, TaskState state,
              int32_t exit_code = 0);
  // Several reports in one batch.
  void Report(const std::string& worker, const ReportColumns& reports);

  // Time, in steps at each wakeup that the engine asks for.
  void Advance(absl::Duration duration);
  // A snapshot becomes the beginning of the journal, and ended runs are
  // archived.
  void Snapshot();
  // The daemon dies and comes back with its journal; all streams are broken.
  // What comes out of the last snapshot goes on, and every later step must be
  // that of an engine that comes out of the whole journal.
  void Restart();
  // Everything goes well from here: whatever is held ends, whatever is told to
  // stop stops, until nothing moves any more.
  void Finish();
  // One step with `events`, as they are.
  StepResult Step(std::vector<Event> events);
  // Between the two, verbs are gathered; then all of them are one step. Only
  // for Report, Cancel, RestartTasks, Revise and Disconnect, which then see no
  // answer.
  void BeginTogether() { together_.emplace(); }
  void EndTogether();

  // What can be seen.
  const Engine& engine() const { return *engine_; }
  const Run& run() const;
  const Run* FindRun(std::string_view run_id) const {
    return engine_->FindRun(run_id);
  }
  TaskState State(std::string_view task) const;
  RunState EndState() const { return run().state(); }
  TaskIndex Index(std::string_view task) const;
  const TaskRecord& Record(std::string_view task) const;
  // The task's latest lease, live or not.
  LeaseRef LeaseOf(std::string_view task) const;
  std::string WorkerOf(std::string_view task) const;
  std::string Why(std::string_view task) const;
  FakeWorker& worker(const std::string& name) { return workers_.at(name); }
  std::map<std::string, FakeWorker>& workers() { return workers_; }
  // Names of the present run's tasks, in the order in which they were offered,
  // since the last call.
  std::vector<std::string> TakeOffered();
  // Names of the tasks told to stop, in order, since the last call.
  std::vector<std::string> TakeStopped();
  absl::Time now() const { return now_; }
  const std::vector<FactBatch>& journal() const { return journal_; }
  const std::vector<RunForgotten>& forgotten() const { return forgotten_; }
  // Why the daemon ended a stream; OK when it did not.
  absl::Status closed(SessionId session) const;
  // Why the daemon refused the last Hello that it refused.
  const absl::Status& refused() const { return refused_; }

 private:
  void Perform(const Action& action);
  void PerformOffer(const OfferLeases& action);
  void PerformCancel(const CancelLeases& action);
  void Append(const FactBatch& batch);
  HelloEvent Dialled(FakeWorker& worker);
  void Welcomed(FakeWorker& worker, const WelcomeWorker& action);
  void SendReport(FakeWorker& worker, uint64_t seq, ReportColumns reports);
  void ReportHeld(std::string_view task, TaskState state, int32_t exit_code);
  FakeWorker* BySession(SessionId session);
  void AnswerPings();
  bool AllSettled() const;
  bool FinishRound();
  std::vector<std::string> NamesOf(std::vector<LeaseRef> leases) const;
  void CheckHashes();
  absl::StatusOr<std::unique_ptr<Engine>> Replayed() const;

  const EngineOptions options_;
  const bool cheap_;  // no referee, no second engine: for scale
  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> shadow_;  // fed with the journal alone
  std::unique_ptr<Engine> tail_;    // with that since the last snapshot
  std::unique_ptr<Engine> twin_;    // since a restart: fed with the same events
  std::unique_ptr<EngineReferee> referee_;
  std::vector<FactBatch> journal_;
  std::map<std::string, FakeWorker> workers_;
  std::optional<FakeWorker> dialling_;  // a new process, not welcomed yet
  absl::Status refused_;
  std::map<SessionId, absl::Status> closed_;
  uint64_t next_session_ = 1;
  uint64_t next_token_ = 1;
  std::string run_id_;
  uint64_t steps_ = 0;
  std::optional<std::vector<Event>> together_;
  std::map<uint64_t, SubmitReply> submit_replies_;
  std::map<uint64_t, absl::Status> status_replies_;
  std::vector<LeaseRef> offered_;
  // Tasks that are to run at most once, and that a worker has been given.
  std::set<std::pair<uint64_t, TaskIndex>> received_once_;
  std::vector<LeaseRef> stopping_;
  std::vector<RunForgotten> forgotten_;
};

}  // namespace w2t::testing

#endif  // W2T_TESTS_SUPPORT_ENGINE_ENV_H_
