// What a Run tells of itself and of its tasks.
#ifndef W2T_CORE_RUN_RUN_WORDS_H_
#define W2T_CORE_RUN_RUN_WORDS_H_

#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/run/lease.h"
#include "w2t/graph.h"

namespace w2t {

// A task that waits for its next attempt.
struct Backoff {
  TaskIndex task;
  int64_t due_us;
};

// What a change of a run means for the rest of the engine. Cleared by its
// reader.
struct RunOutbox {
  std::vector<TaskIndex> ready;    // may be leased now
  std::vector<Backoff> backoff;    // become due later
  std::vector<TaskIndex> stop;     // held tasks that must now be stopped
  std::vector<LeaseRef> released;  // leases that ended

  void Clear() {
    ready.clear();
    backoff.clear();
    stop.clear();
    released.clear();
  }
};

// What a lease that somebody speaks of is to its task.
enum class LeaseStanding : uint8_t {
  kHeld,      // its live lease
  kRecorded,  // its latest lease, whose end was reported
  kOld,       // neither: it was lost, or is another worker's
};

// What keeps a task from going on, where that is a matter of other tasks.
enum class WaitKind : uint8_t {
  kNone,          // no other task
  kDependencies,  // its dependencies do not hold, or, when skipped, never can
  kRestart,       // it is restarted: others have to stop before
  kRevision,      // likewise, and then the next graph takes effect
  kToBeStopped,   // a worker has it, and others have to stop before it
  kUndo,     // it undoes something: others have to stop or be undone before
  kDormant,  // it undoes something, and the run has not failed
};

// A task that is restarted, and the one that it follows; kNoTask: none.
struct Restarting {
  TaskIndex task = kNoTask;
  TaskIndex follows = kNoTask;

  bool operator==(const Restarting&) const = default;
};

}  // namespace w2t

#endif  // W2T_CORE_RUN_RUN_WORDS_H_
