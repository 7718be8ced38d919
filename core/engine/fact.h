// Facts: what the engine made of its events. They are what the journal keeps;
// the durable state is the fold of all facts, in order.
//
// Decisions (which worker, which fence) are facts, so a later version of the
// scheduler replays an old journal to the same state. Consequences that follow
// from a fact alone (dependents made ready or skipped, a run that ends) are
// not: the fold works them out again.
#ifndef W2T_CORE_ENGINE_FACT_H_
#define W2T_CORE_ENGINE_FACT_H_

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/base/definition.h"
#include "core/base/ids.h"
#include "core/fleet/worker_spec.h"
#include "core/run/lease.h"
#include "w2t/blueprint.h"

namespace w2t {

// Limits that decide what a later fact means are facts themselves, so that a
// daemon with other ones still reads the journal.
struct EpochStarted {
  uint64_t epoch = 0;
  uint64_t max_lost_attempts = 0;  // 0, of old journals: the reader's own
  bool forgives_losses = false;    // true of all but old journals
};

struct RunAccepted {
  RunNumber run;
  std::string run_id;
  std::string request_id;
  bool hold = false;
  bool keep = false;  // Run::Spec::keep
  std::shared_ptr<const Blueprint> blueprint;
  std::shared_ptr<const Definition> definition;
};

// Tasks are to be stopped and started again.
struct TasksRestarted {
  RunNumber run;
  std::vector<TaskIndex> tasks;  // as asked for
  std::string request_id;        // empty: none
};

// A run is to go on under another graph.
struct RunRevised {
  RunNumber run;
  uint64_t revision = 0;
  std::shared_ptr<const Blueprint> blueprint;
  std::shared_ptr<const Definition> definition;
  std::vector<TaskIndex> changed;  // beside those that come or go
};

struct RunCancelled {
  RunNumber run;
  std::string reason;
};

struct RunEvicted {
  RunNumber run;
};

struct WorkerJoined {
  WorkerNumber worker;
  WorkerSpec spec;
};

// A known worker opened another stream.
struct WorkerDialled {
  WorkerNumber worker;
  uint64_t stream = 0;  // WorkerSpec::stream
};

// What it held is lost.
struct WorkerLeft {
  WorkerNumber worker;
  std::string reason;
};

struct WorkerDrained {
  WorkerNumber worker;
  bool draining = false;
};

// Attempts were given to workers, in this order.
struct Leased {
  std::vector<uint32_t> worker;  // one for each lease
  LeaseColumns leases;
};

struct Reported {
  WorkerNumber worker;
  ReportColumns reports;
};

// Attempts that are lost while their worker lives.
struct LeasesLost {
  WorkerNumber worker;
  LeaseColumns leases;
  std::string reason;
  bool not_started = false;  // it is certain that none of them was
};

struct RetriesDue {
  std::vector<uint64_t> run;
  std::vector<uint32_t> task;
};

using Fact =
    std::variant<EpochStarted, RunAccepted, RunCancelled, RunEvicted,
                 WorkerJoined, WorkerDialled, WorkerLeft, WorkerDrained, Leased,
                 Reported, LeasesLost, RetriesDue, TasksRestarted, RunRevised>;

// The facts of one step. One row of the journal.
struct FactBatch {
  absl::Time now;
  std::vector<Fact> facts;
};

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_FACT_H_
