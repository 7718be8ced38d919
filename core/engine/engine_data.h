// What the engine knows beside its runs, as plain data: what a snapshot keeps.
//
// A snapshot of an engine is this, the RunData of each run that has not ended,
// and the RunSummary of each that has. A field that is added here must be added
// to State::Hash and to the snapshot's codec, too.
#ifndef W2T_CORE_ENGINE_ENGINE_DATA_H_
#define W2T_CORE_ENGINE_ENGINE_DATA_H_

#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/fleet/worker_spec.h"

namespace w2t {

struct WorkerData {
  WorkerNumber number;
  WorkerSpec spec;
  bool draining = false;
};

struct EngineData {
  int64_t now_us = 0;  // of the latest step
  uint64_t epoch = 0;
  uint64_t max_lost_attempts = 0;  // of this epoch
  bool forgives_losses = false;    // likewise
  RunNumber next_run{1};
  WorkerNumber next_worker{1};
  Fence next_fence{1};
  std::vector<WorkerData> workers;  // what they hold is in the runs
  // What must be restored after this, in ascending order.
  std::vector<RunNumber> runs;   // those that have not ended
  std::vector<RunNumber> ended;  // those that have
};

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_ENGINE_DATA_H_
