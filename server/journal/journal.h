// Journal: the durable, ordered batches of facts. A daemon's state is the fold
// of all of them.
//
//   auto journal = Journal::Open({.directory = "/var/lib/w2t"});
//   (*journal)->Replay([&](uint64_t batch, std::string_view bytes) { ... });
//   (*journal)->Append(epoch, bytes);  // returns once it is durable
//
// So that it does not grow for ever, a snapshot takes the place of the batches
// that it sums up. It is made of parts, each kept until it is replaced, so that
// a snapshot writes only what has changed since the one before.
//
// The interface is what a store must offer; Open gives the embedded one, SQLite
// in WAL mode with synchronous=FULL, one row for each batch and each part. What
// is in them is their user's affair.
//
// Not thread-safe: one thread, the daemon's loop, uses it. Housekeeping goes on
// in a thread of its own, away from Append.
#ifndef W2T_SERVER_JOURNAL_JOURNAL_H_
#define W2T_SERVER_JOURNAL_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace w2t {

struct JournalOptions {
  // Made when it is missing, for its owner only. Holds journal.db with SQLite's
  // two companions, and journal.lock.
  std::string directory;
  // Largest batch.
  uint64_t max_batch_bytes = 512 * 1024 * 1024;
  // Size of the write-ahead log from which on it is moved into the database, in
  // the background. The file is made this large at once.
  uint64_t checkpoint_bytes = 4 * 1024 * 1024;
  // Size of the write-ahead log at which Append itself waits for that.
  uint64_t max_wal_bytes = 64 * 1024 * 1024;
  // Bytes of batches from which on a snapshot is due; or as many as the latest
  // snapshot wrote, if that is more, so that snapshots at most double what is
  // written.
  uint64_t snapshot_bytes = 4 * 1024 * 1024;
  // Name of a registered SQLite VFS that holds the files. Empty: the system
  // does. With another one nothing else is used, neither the directory, nor a
  // lock, nor a thread: what happens follows from the calls alone.
  std::string vfs;
};

// The name of a part. No two parts of a snapshot share one.
struct PartName {
  enum class Kind : uint8_t {
    kEngine = 1,   // what is known beside the runs; number 0
    kWorkers = 2,  // names of workers; number 0
    kEnded = 3,    // summary of a run that has ended, by its number
    kRun = 4,      // state of a run, by its number
    kGraph = 5,    // definition of a run, by its number
  };
  Kind kind;
  uint64_t number = 0;  // below 2^56

  // "the graph of run 7"
  std::string ToString() const;
};

// Changes the parts of a snapshot that is being written. An error is also that
// of the snapshot.
class PartWriter {
 public:
  virtual ~PartWriter() = default;
  virtual absl::Status Put(PartName name, std::string_view bytes) = 0;
  // Nothing happens when there is none.
  virtual absl::Status Erase(PartName name) = 0;
};

// Reads parts of the latest snapshot. One thread at a time, which need not be
// the journal's. DATA_LOSS naming the part that is damaged.
class PartReader {
 public:
  using Visitor =
      absl::FunctionRef<absl::Status(uint64_t number, std::string_view bytes)>;

  virtual ~PartReader() = default;
  // DATA_LOSS also when there is none.
  virtual absl::StatusOr<std::string> Read(PartName name) = 0;
  // Shows all parts of a kind, in the order of their numbers; `bytes` are valid
  // during the call. Also the first error that `visit` returned.
  virtual absl::Status ReadAll(PartName::Kind kind, Visitor visit) = 0;
};

class Journal {
 public:
  // Numbers of batches count up from 1.
  using Visitor =
      absl::FunctionRef<absl::Status(uint64_t batch, std::string_view bytes)>;

  // Takes the journal in `directory` for this process until it is destroyed.
  // FAILED_PRECONDITION when another process has it, which is then named, or
  // when a newer version made it; DATA_LOSS when it is no journal;
  // RESOURCE_EXHAUSTED when the disk is full; UNAVAILABLE for other errors of
  // the system.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(
      const JournalOptions& options);

  virtual ~Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Shows every batch behind the snapshot to `visit`, in order; `bytes` are
  // valid during the call.
  // DATA_LOSS naming the batch that is damaged or missing; else the first error
  // that `visit` returned.
  virtual absl::Status Replay(Visitor visit) = 0;

  // Makes a batch durable. `epoch` counts the starts of daemons on this journal
  // and never falls: FAILED_PRECONDITION for one that is below the latest,
  // because another daemon has taken over.
  // RESOURCE_EXHAUSTED when the disk is full, UNAVAILABLE when writing or
  // syncing failed: the batch is not a part of the journal, though a crash may
  // make it one. The only batch to append next is the same one.
  // INTERNAL when the batch is too large.
  virtual absl::Status Append(uint64_t epoch, std::string_view bytes) = 0;

  // Makes a snapshot that sums up all batches so far, which are then removed.
  // `fill` replaces those parts that have changed. All of this becomes durable
  // at once or not at all. Errors as of Append, after which the journal is as
  // it was before; or the first error of `fill`.
  virtual absl::Status WriteSnapshot(
      uint64_t epoch, absl::FunctionRef<absl::Status(PartWriter&)> fill) = 0;
  // Whether the batches behind the snapshot are many enough for another one.
  virtual bool snapshot_due() const = 0;
  // The parts as they are in the store, also later on. UNAVAILABLE when they
  // cannot be read. Must not outlive the journal.
  virtual absl::StatusOr<std::unique_ptr<PartReader>> OpenReader() = 0;

  // Number of the latest batch that the snapshot sums up. 0: there is none.
  virtual uint64_t snapshot_batch() const = 0;
  // Number of the latest batch. 0: none.
  virtual uint64_t last_batch() const = 0;
  // Epoch of the latest batch. 0: none.
  virtual uint64_t last_epoch() const = 0;

 protected:
  Journal() = default;
};

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_JOURNAL_H_
