// The parts of a snapshot in SQLite, one row for each. Private to the journal.
#ifndef W2T_SERVER_JOURNAL_SQLITE_PARTS_H_
#define W2T_SERVER_JOURNAL_SQLITE_PARTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/journal.h"
#include "server/journal/sqlite.h"

namespace w2t {

// The journal's own row beside the parts: what the snapshot sums up.
struct SnapshotHead {
  uint64_t batch = 0;  // the latest one; 0: there is no snapshot
  uint64_t epoch = 0;  // of that batch
  uint64_t bytes = 0;  // of the parts that were written last

  static absl::StatusOr<SnapshotHead> Read(SqliteDatabase& database);
};

// Writes parts in the transaction of its caller.
class SqlitePartWriter : public PartWriter {
 public:
  // `batch` is the one up to which the snapshot reaches.
  static absl::StatusOr<SqlitePartWriter> Begin(SqliteDatabase* database,
                                                uint64_t batch);

  absl::Status Put(PartName name, std::string_view bytes) override;
  absl::Status Erase(PartName name) override;
  // Makes all that was put the snapshot.
  absl::Status PutHead(uint64_t epoch);
  uint64_t bytes() const { return bytes_; }

 private:
  SqlitePartWriter(SqliteDatabase* database, uint64_t batch,
                   SqliteStatement replace, SqliteStatement remove)
      : database_(database),
        batch_(batch),
        replace_(std::move(replace)),
        remove_(std::move(remove)) {}

  absl::Status PutRow(uint64_t id, std::string_view bytes,
                      std::string_view name);

  SqliteDatabase* database_;
  uint64_t batch_;
  SqliteStatement replace_;
  SqliteStatement remove_;
  std::string frame_;  // its memory is used again
  uint64_t bytes_ = 0;
};

class SqlitePartReader : public PartReader {
 public:
  SqlitePartReader(SqliteDatabase database, std::string path)
      : database_(std::move(database)), path_(std::move(path)) {}

  absl::StatusOr<std::string> Read(PartName name) override;
  absl::Status ReadAll(PartName::Kind kind, Visitor visit) override;

 private:
  absl::Status Damaged(PartName name, std::string_view how) const;
  // The payload of a row whose columns are id, batch and body.
  absl::StatusOr<std::string_view> Payload(PartName name,
                                           const SqliteStatement& row) const;

  SqliteDatabase database_;
  const std::string path_;
};

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_SQLITE_PARTS_H_
