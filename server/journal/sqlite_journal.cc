#include "server/journal/sqlite_journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/journal/batch_frame.h"
#include "server/journal/sqlite_schema.h"

namespace w2t {
namespace {

// Most of the log that Append copies by itself.
constexpr uint64_t kMaxCatchUpBytes = 512 * 1024;

std::string DatabasePath(const JournalOptions& options) {
  return options.directory + "/journal.db";
}

// Called by SQLite after each commit.
int NoteLogPages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<uint64_t*>(pages) = static_cast<uint64_t>(count);
  return SQLITE_OK;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteJournal>> SqliteJournal::Open(
    const JournalOptions& options, std::optional<LockFile> lock) {
  const std::string path = DatabasePath(options);
  absl::StatusOr<SqliteDatabase> database = OpenSchema(path, options.vfs);
  if (!database.ok()) return database.status();
  absl::StatusOr<SqliteStatement> insert = database->Prepare(
      "INSERT INTO batches(number, epoch, body) VALUES(?1, ?2, ?3)");
  if (!insert.ok()) return insert.status();
  absl::StatusOr<SqliteDatabase> checkpoints =
      OpenConnection(path, options.vfs);
  if (!checkpoints.ok()) return checkpoints.status();
  // A large snapshot must not leave a large log.
  const std::string bound =
      fmt::format("PRAGMA journal_size_limit={}", options.max_wal_bytes);
  if (absl::Status status = database->Execute(bound.c_str()); !status.ok()) {
    return status;
  }
  database->KeepLogFile(options.checkpoint_bytes);
  checkpoints->KeepLogFile(options.checkpoint_bytes);
  const absl::StatusOr<uint64_t> page_bytes =
      database->QueryNumber("PRAGMA page_size");
  if (!page_bytes.ok()) return page_bytes.status();

  auto journal = std::unique_ptr<SqliteJournal>(
      new SqliteJournal(options, std::move(lock), *std::move(database),
                        *std::move(insert), *std::move(checkpoints)));
  journal->page_bytes_ = *page_bytes;
  if (absl::Status status = journal->ReadLast(); !status.ok()) return status;
  // An earlier process may have left the log long. Nobody waits until it is
  // copied: it can be read as it is. What is new is a database at once.
  if (journal->last_batch_ == 0) {
    journal->checkpointer_.RunNow(journal->database_);
  } else {
    journal->checkpointer_.Request();
  }
  return journal;
}

SqliteJournal::SqliteJournal(const JournalOptions& options,
                             std::optional<LockFile> lock,
                             SqliteDatabase database, SqliteStatement insert,
                             SqliteDatabase checkpoints)
    : options_(options),
      path_(DatabasePath(options)),
      lock_(std::move(lock)),
      database_(std::move(database)),
      insert_(std::move(insert)),
      checkpointer_(std::move(checkpoints),
                    /*background=*/options.vfs.empty()) {
  sqlite3_wal_hook(database_.handle(), &NoteLogPages, &wal_pages_);
}

SqliteJournal::~SqliteJournal() {
  // With a bound SQLite would empty the log, which the next start makes large
  // again.
  database_.Execute("PRAGMA journal_size_limit=-1").IgnoreError();
}

absl::Status SqliteJournal::ReadLast() {
  const absl::StatusOr<SnapshotHead> head = SnapshotHead::Read(database_);
  if (absl::IsDataLoss(head.status())) {
    return Damaged("the head of the snapshot",
                   std::string(head.status().message()));
  }
  if (!head.ok()) return head.status();
  snapshot_ = *head;
  last_batch_ = snapshot_.batch;
  last_epoch_ = snapshot_.epoch;
  absl::StatusOr<SqliteStatement> last = database_.Prepare(
      "SELECT number, epoch, (SELECT sum(length(body)) FROM batches)"
      " FROM batches ORDER BY number DESC LIMIT 1");
  if (!last.ok()) return last.status();
  const int code = last->Step();
  if (code == SQLITE_DONE) return absl::OkStatus();
  if (code != SQLITE_ROW) return database_.Error(code, "find its last batch");
  last_batch_ = last->Number(0);
  last_epoch_ = last->Number(1);
  tail_bytes_ = last->Number(2);
  return absl::OkStatus();
}

absl::Status SqliteJournal::Replay(Visitor visit) {
  absl::StatusOr<SqliteStatement> rows = database_.Prepare(
      "SELECT number, epoch, body FROM batches ORDER BY number");
  if (!rows.ok()) return rows.status();
  uint64_t next = snapshot_.batch + 1;
  int code;
  while ((code = rows->Step()) == SQLITE_ROW) {
    if (rows->Number(0) != next) return DamagedBatch(next, "it is missing");
    const absl::StatusOr<std::string_view> payload =
        DecodeFrame(next, rows->Number(1), rows->Blob(2));
    if (absl::IsFailedPrecondition(payload.status())) {
      return absl::FailedPreconditionError(
          fmt::format("journal {}: batch {}: {}", path_, next,
                      std::string(payload.status().message())));
    }
    if (!payload.ok()) {
      return DamagedBatch(next, std::string(payload.status().message()));
    }
    if (absl::Status status = visit(next, *payload); !status.ok()) {
      return status;
    }
    ++next;
  }
  return CheckEnd(code, next);
}

absl::Status SqliteJournal::CheckEnd(int code, uint64_t next) const {
  if ((code & 0xff) == SQLITE_CORRUPT) {
    return DamagedBatch(next, sqlite3_errmsg(database_.handle()));
  }
  if (code != SQLITE_DONE) {
    return database_.Error(code, fmt::format("read batch {}", next));
  }
  if (next != last_batch_ + 1) return DamagedBatch(next, "it is missing");
  return absl::OkStatus();
}

absl::Status SqliteJournal::DamagedBatch(uint64_t batch,
                                         std::string_view how) const {
  return Damaged(fmt::format("batch {} of {}", batch, last_batch_), how);
}

absl::Status SqliteJournal::Damaged(std::string_view what,
                                    std::string_view how) const {
  return absl::DataLossError(fmt::format(
      "journal {}: {} is damaged: {}; put {} back from a backup, or move it "
      "away to start anew without its runs",
      path_, what, how, options_.directory));
}

absl::Status SqliteJournal::CheckEpoch(uint64_t epoch) const {
  if (epoch >= last_epoch_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("journal {}: epoch {} is over; a daemon of epoch {} has "
                  "taken over",
                  path_, epoch, last_epoch_));
}

absl::Status SqliteJournal::CheckAppend(uint64_t epoch,
                                        std::string_view bytes) const {
  if (absl::Status status = CheckEpoch(epoch); !status.ok()) return status;
  if (bytes.size() > options_.max_batch_bytes) {
    return absl::InternalError(
        fmt::format("journal {}: a batch of {} bytes exceeds the limit "
                    "max_batch_bytes of {}",
                    path_, bytes.size(), options_.max_batch_bytes));
  }
  return absl::OkStatus();
}

absl::Status SqliteJournal::Append(uint64_t epoch, std::string_view bytes) {
  if (absl::Status status = CheckAppend(epoch, bytes); !status.ok()) {
    return status;
  }
  const uint64_t batch = last_batch_ + 1;
  EncodeFrame(batch, epoch, bytes, &frame_);
  insert_.Bind(1, batch);
  insert_.Bind(2, epoch);
  int code = SQLITE_TOOBIG;
  if (insert_.BindBlob(3, frame_)) code = insert_.Step();
  absl::Status status;
  if (code != SQLITE_DONE) {
    status = database_.Error(code, fmt::format("write batch {}", batch));
  }
  insert_.Reset();
  // A commit that failed is written again as a whole, sync and all, so what a
  // failed sync has lost of it does not matter.
  if (!status.ok()) return status;
  last_batch_ = batch;
  last_epoch_ = epoch;
  tail_bytes_ += frame_.size();
  KeepLogSmall();
  return absl::OkStatus();
}

bool SqliteJournal::snapshot_due() const {
  return tail_bytes_ >= std::max(options_.snapshot_bytes, snapshot_.bytes);
}

absl::Status SqliteJournal::WriteSnapshot(
    uint64_t epoch, absl::FunctionRef<absl::Status(PartWriter&)> fill) {
  absl::Status status = CheckEpoch(epoch);
  if (status.ok()) status = database_.Execute("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  const absl::StatusOr<SnapshotHead> head = ReplaceBatches(epoch, fill);
  status = head.ok() ? database_.Execute("COMMIT") : head.status();
  if (!status.ok()) {
    // Some errors have ended the transaction already.
    if (sqlite3_get_autocommit(database_.handle()) == 0) {
      database_.Execute("ROLLBACK").IgnoreError();
    }
    return status;
  }
  snapshot_ = *head;
  last_epoch_ = epoch;
  tail_bytes_ = 0;
  KeepLogSmall();
  return absl::OkStatus();
}

// The batches go first, so that the parts find room in their pages.
absl::StatusOr<SnapshotHead> SqliteJournal::ReplaceBatches(
    uint64_t epoch, absl::FunctionRef<absl::Status(PartWriter&)> fill) {
  absl::Status status = database_.Execute("DELETE FROM batches");
  if (!status.ok()) return status;
  absl::StatusOr<SqlitePartWriter> writer =
      SqlitePartWriter::Begin(&database_, last_batch_);
  if (!writer.ok()) return writer.status();
  status = fill(*writer);
  const SnapshotHead head = {last_batch_, epoch, writer->bytes()};
  if (status.ok()) status = writer->PutHead(epoch);
  if (!status.ok()) return status;
  return head;
}

absl::StatusOr<std::unique_ptr<PartReader>> SqliteJournal::OpenReader() {
  absl::StatusOr<SqliteDatabase> database =
      SqliteDatabase::Open(path_, options_.vfs);
  if (!database.ok()) return database.status();
  database->KeepLogFile(0);
  return std::make_unique<SqlitePartReader>(*std::move(database), path_);
}

// The background copies while commits go on, so it never quite gets to the end
// of the log. Once little is left, the rest is copied here, between two
// commits, and the log starts over in the same file.
void SqliteJournal::KeepLogSmall() {
  const uint64_t bytes = wal_pages_ * page_bytes_;
  if (bytes < options_.checkpoint_bytes) {
    patience_bytes_ = 0;
    return;
  }
  const Checkpointer::State state = checkpointer_.state();
  if (state.failed && patience_bytes_ == 0) {
    patience_bytes_ = bytes + options_.checkpoint_bytes;
  }
  if (bytes < patience_bytes_) return;
  patience_bytes_ = 0;
  const uint64_t left =
      bytes - std::min(bytes, state.copied_pages * page_bytes_);
  if (bytes >= options_.max_wal_bytes ||
      (!state.busy && left <= kMaxCatchUpBytes)) {
    checkpointer_.RunNow(database_);
  } else if (!state.busy) {
    checkpointer_.Request();
  }
}

}  // namespace w2t
