// Snapshots: takes the loop's state to the journal's snapshot and back.
//
// A snapshot writes those runs only that have changed since the one before; of
// a run that has ended its state is written once, and its graph is written once
// in any case, and again when a revision has changed it. Not thread-safe: owned
// by the loop.
#ifndef W2T_SERVER_LOOP_SNAPSHOTS_H_
#define W2T_SERVER_LOOP_SNAPSHOTS_H_

#include <cstdint>
#include <memory>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "server/journal/journal.h"
#include "server/loop/worker_names.h"

namespace w2t::server {

// A run as the snapshot has it, whether it has ended or not. `limits` must
// outlive it. DATA_LOSS or INTERNAL name the part at fault.
absl::StatusOr<std::unique_ptr<Run>> RestoreRun(PartReader& reader,
                                                RunNumber number,
                                                const Limits& limits);

class Snapshots {
 public:
  explicit Snapshots(Journal* journal) : journal_(journal) {}

  // Puts the snapshot into a fresh engine; nothing when there is none. Of runs
  // that have ended only the summaries are read. DATA_LOSS or INTERNAL name the
  // part at fault.
  absl::Status Restore(Engine* engine, WorkerNames* workers);

  // Makes a snapshot of what is durable, which must be all that `engine` has
  // made of its events. After that the engine keeps only summaries of the runs
  // that have ended. Errors as of Journal::WriteSnapshot.
  absl::Status Write(Engine* engine, const WorkerNames& workers);

 private:
  // Those in the journal's snapshot, each with its last event's sequence
  // number, which changes with every fact about the run, and its revision.
  struct Saved {
    uint64_t last_seq;
    uint64_t revision;
  };
  using SavedRuns = absl::btree_map<RunNumber, Saved>;

  absl::Status RestoreRuns(const EngineData& data, PartReader& reader,
                           Engine* engine);
  absl::Status RestoreEnded(const EngineData& data, PartReader& reader,
                            Engine* engine);
  absl::Status PutRuns(const Engine& engine, PartWriter& writer,
                       SavedRuns* saved) const;
  absl::Status EraseForgotten(const Engine& engine, PartWriter& writer,
                              SavedRuns* saved) const;

  Journal* const journal_;
  SavedRuns saved_;
  WorkerNumber named_;  // the last one whose name is in the snapshot
};

}  // namespace w2t::server

#endif  // W2T_SERVER_LOOP_SNAPSHOTS_H_
