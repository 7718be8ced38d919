// A thin layer over SQLite: ownership, and errors as statuses.
#ifndef W2T_SERVER_JOURNAL_SQLITE_H_
#define W2T_SERVER_JOURNAL_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace w2t {

// A prepared statement. Parameters and columns count as SQLite counts them:
// parameters from 1, columns from 0.
class SqliteStatement {
 public:
  explicit SqliteStatement(sqlite3_stmt* statement) : handle_(statement) {}

  void Bind(int parameter, uint64_t value);
  // `blob` must stay until the next Reset. False when it is too large.
  bool BindBlob(int parameter, std::string_view blob);

  // SQLITE_ROW, SQLITE_DONE or an error.
  int Step() { return sqlite3_step(handle_.get()); }
  void Reset() { sqlite3_reset(handle_.get()); }

  uint64_t Number(int column) const;
  // Valid until the next Step or Reset.
  std::string_view Blob(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
};

// A connection. Used by one thread at a time.
class SqliteDatabase {
 public:
  // `vfs` as in JournalOptions.
  static absl::StatusOr<SqliteDatabase> Open(const std::string& path,
                                             const std::string& vfs);

  absl::StatusOr<SqliteStatement> Prepare(std::string_view sql);
  absl::Status Execute(const char* sql);
  // The one number that `sql` gives.
  absl::StatusOr<uint64_t> QueryNumber(std::string_view sql);

  // The error that just happened, while `doing`: DATA_LOSS for a file that is
  // damaged or no database, RESOURCE_EXHAUSTED for a full disk, UNAVAILABLE for
  // the rest.
  absl::Status Error(int code, std::string_view doing) const;

  // Keeps the write-ahead log's file when the database is closed, and makes it
  // at least `bytes` long: overwriting is quicker to sync than growing. As far
  // as the system allows.
  void KeepLogFile(uint64_t bytes);

  sqlite3* handle() const { return handle_.get(); }

 private:
  SqliteDatabase() = default;

  struct Closer {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Closer> handle_;
};

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_SQLITE_H_
