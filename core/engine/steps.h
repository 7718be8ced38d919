// Steps: turns events into facts and actions, on top of State. The engine's
// inner half; see engine.h for what it promises.
#ifndef W2T_CORE_ENGINE_STEPS_H_
#define W2T_CORE_ENGINE_STEPS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/engine/engine.h"
#include "core/engine/state.h"

namespace w2t {

class Steps {
 public:
  explicit Steps(const EngineOptions& options)
      : options_(options), state_(options.limits) {}

  absl::Status Replay(const FactBatch& batch);
  StepResult Start(absl::Time now);
  StepResult Step(absl::Span<Event> events, absl::Time now);
  absl::Time NextWakeup() const;

  EngineData Data() const;
  absl::Status Restore(const EngineData& data);

  const State& state() const { return state_; }
  State& state() { return state_; }
  bool draining() const { return draining_; }

 private:
  // changes.cc: what clients ask of a run that was accepted.
  void Handle(CancelEvent& event);
  void Handle(RestartEvent& event);
  void Handle(ReviseEvent& event);
  const Run* Lookup(std::string_view run_id, StatusReply* reply) const;
  void Restart(const Run& run, const RestartEvent& event, StatusReply* reply);
  void Revise(const Run& run, ReviseEvent& event, StatusReply* reply);

  // steps.cc: runs, and what a step is made of.
  void Handle(SubmitEvent& event);
  void Handle(DrainServerEvent& event);
  void Repeat(const SubmitEvent& event, RunNumber known, SubmitReply* reply);
  // The run that has the name of `event`, if its name is to be unique.
  const Run* Namesake(const SubmitEvent& event) const;
  absl::Status Admit(const SubmitEvent& event, Diagnostics* faults);
  void Record(Fact fact);
  // When a run that ended at `end_us` is to be forgotten.
  int64_t ExpiryUs(int64_t end_us) const;
  int64_t NextExpiryUs() const;
  void EvictExpired();
  void Place();
  void CollectEffects();
  void CollectStops(const LeaseColumns& stops);
  StepResult Finish();

  // sessions.cc: workers and their streams.
  void Handle(DrainWorkerEvent& event);
  void Handle(HelloEvent& event);
  void Handle(AliveEvent& event);
  void Handle(ReportsEvent& event);
  void Handle(LeaveEvent& event);
  void Handle(SessionClosedEvent& event);
  Worker* Register(HelloEvent& event);
  // `proven`: what `held` does not name never reached the worker.
  void Welcome(Worker& worker, const LeaseColumns& held, bool proven);
  void CheckLiveness();
  void Refuse(SessionId session, absl::Status status);
  void Detach(Worker& worker);
  HeldVerdict Judge(const LeaseRef& lease, WorkerNumber worker) const;

  const EngineOptions& options_;
  State state_;
  bool draining_ = false;
  int64_t now_us_ = 0;
  int64_t next_liveness_us_ = INT64_MAX;
  int64_t next_expiry_us_ = INT64_MAX;
  absl::flat_hash_set<uint64_t> told_stops_;  // fences, in this step
  StepResult result_;
};

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_STEPS_H_
