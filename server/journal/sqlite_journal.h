// The embedded journal: see Journal::Open.
#ifndef W2T_SERVER_JOURNAL_SQLITE_JOURNAL_H_
#define W2T_SERVER_JOURNAL_SQLITE_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/checkpointer.h"
#include "server/journal/journal.h"
#include "server/journal/lock_file.h"
#include "server/journal/sqlite.h"
#include "server/journal/sqlite_parts.h"

namespace w2t {

class SqliteJournal : public Journal {
 public:
  // Takes over `lock`, which guards the directory, if there is one.
  static absl::StatusOr<std::unique_ptr<SqliteJournal>> Open(
      const JournalOptions& options, std::optional<LockFile> lock);
  ~SqliteJournal() override;

  absl::Status Replay(Visitor visit) override;
  absl::Status Append(uint64_t epoch, std::string_view bytes) override;
  absl::Status WriteSnapshot(
      uint64_t epoch,
      absl::FunctionRef<absl::Status(PartWriter&)> fill) override;
  bool snapshot_due() const override;
  absl::StatusOr<std::unique_ptr<PartReader>> OpenReader() override;
  uint64_t snapshot_batch() const override { return snapshot_.batch; }
  uint64_t last_batch() const override { return last_batch_; }
  uint64_t last_epoch() const override { return last_epoch_; }

 private:
  SqliteJournal(const JournalOptions& options, std::optional<LockFile> lock,
                SqliteDatabase database, SqliteStatement insert,
                SqliteDatabase checkpoints);

  absl::Status CheckEpoch(uint64_t epoch) const;
  absl::Status CheckAppend(uint64_t epoch, std::string_view bytes) const;
  absl::Status ReadLast();
  // Inside a transaction. Returns what the head of the snapshot says then.
  absl::StatusOr<SnapshotHead> ReplaceBatches(
      uint64_t epoch, absl::FunctionRef<absl::Status(PartWriter&)> fill);
  absl::Status DamagedBatch(uint64_t batch, std::string_view how) const;
  absl::Status Damaged(std::string_view what, std::string_view how) const;
  // `code` is SQLITE_DONE at the end.
  absl::Status CheckEnd(int code, uint64_t next) const;
  void KeepLogSmall();

  const JournalOptions options_;
  const std::string path_;
  const std::optional<LockFile> lock_;  // given back last
  SqliteDatabase database_;
  SqliteStatement insert_;
  std::string frame_;  // its memory is used again
  uint64_t last_batch_ = 0;
  uint64_t last_epoch_ = 0;
  SnapshotHead snapshot_;
  uint64_t tail_bytes_ = 0;  // of the batches behind the snapshot
  uint64_t page_bytes_ = 0;
  uint64_t wal_pages_ = 0;       // of the log, after the latest commit
  uint64_t patience_bytes_ = 0;  // size of the log at which to try again
  Checkpointer checkpointer_;
};

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_SQLITE_JOURNAL_H_
