// Engine: the daemon's whole mind, as a pure state machine.
//
//   StepResult result = engine.Step(events, now);
//   journal.Append(result.facts);        // durable first
//   Perform(result.actions);
//
// Step checks each event against the state, turns it into facts, folds the
// facts into the state, and then places whatever is ready on whatever is free.
// After a restart, Replay folds the journaled facts in order, which leads to
// the same durable state (Hash) as the steps that made them.
//
// A snapshot is a shortcut for that: Data, with the data of each run and the
// summary of each run that has ended. Restored into a fresh engine it leads to
// the same state, and Replay goes on from there.
//
// The engine reads no clock: time is what Step is told, and never runs
// backwards (an earlier `now` counts as the latest one). Not thread-safe.
#ifndef W2T_CORE_ENGINE_ENGINE_H_
#define W2T_CORE_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/engine/action.h"
#include "core/engine/engine_data.h"
#include "core/engine/event.h"
#include "core/engine/fact.h"
#include "core/fleet/fleet.h"
#include "core/run/run.h"
#include "w2t/limits.h"

namespace w2t {

struct EngineOptions {
  Limits limits;
  absl::Duration ping_interval = absl::Seconds(2);
  // A worker that is silent for this long is taken for unreachable.
  absl::Duration lease_ttl = absl::Seconds(10);
  // How long an unreachable worker's attempts are kept for it.
  absl::Duration reattach_window = absl::Seconds(10);
  // How long a run is remembered after its end, unless max_runs is met before.
  absl::Duration retention = absl::Hours(7 * 24);
};

struct StepResult {
  FactBatch facts;  // empty: nothing to journal
  std::vector<Action> actions;
};

class Engine {
 public:
  explicit Engine(const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Folds one journaled batch. INTERNAL when it does not fit the state, which
  // means that the journal is not this engine's.
  absl::Status Replay(const FactBatch& batch);
  // Before the first Replay: first this, then each run that it names.
  // INTERNAL when something does not fit.
  absl::Status Restore(const EngineData& data);
  absl::Status Restore(Run::Spec spec, RunData data);
  absl::Status Restore(RunSummary summary);
  // After the last Replay, or at once on an empty journal: takes over. Every
  // known worker then has the re-attach window to dial. Returns the facts to
  // journal.
  StepResult Start(absl::Time now);

  StepResult Step(absl::Span<Event> events, absl::Time now);
  // When Step must be called even if no event comes.
  absl::Time NextWakeup() const;

  // Null when there is none, or only its summary.
  const Run* FindRun(std::string_view run_id) const;
  const Run* FindRun(RunNumber number) const;
  // None when there is not even a summary.
  RunNumber FindId(std::string_view run_id) const;
  // By number, so the newest is the last. A run is in one of the two.
  const absl::btree_map<RunNumber, std::unique_ptr<Run>>& runs() const;
  const absl::btree_map<RunNumber, RunSummary>& archived() const;
  const Fleet& fleet() const;
  const EngineOptions& options() const { return options_; }
  uint64_t epoch() const;
  // True once DrainServerEvent has come.
  bool draining() const;
  // True when no worker holds anything.
  bool idle() const;
  // Why a ready task has not been leased, in words: "no worker has label
  // role=db", "2 of 2 workers are full".
  std::string WhyReady(const Run& run, TaskIndex task) const;

  EngineData Data() const;
  static RunSummary SummaryOf(const Run& run);
  // Keeps only the summaries of runs that have ended. To be called when all
  // of them lie in a snapshot.
  void Archive();

  // Of the durable state, archived or not.
  uint64_t Hash() const;

 private:
  class Impl;
  EngineOptions options_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_ENGINE_H_
