// The tables of a journal in SQLite, and how they are written. Private to the
// journal.
#ifndef W2T_SERVER_JOURNAL_SQLITE_SCHEMA_H_
#define W2T_SERVER_JOURNAL_SQLITE_SCHEMA_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/journal/sqlite.h"

namespace w2t {

// A connection whose commits are durable when they return. `vfs` as in
// JournalOptions.
absl::StatusOr<SqliteDatabase> OpenConnection(const std::string& path,
                                              const std::string& vfs);

// The same to a database that has the tables: they are made when it is a new
// one, or of an older version. DATA_LOSS for the database of another program,
// and FAILED_PRECONDITION for one of a newer version.
absl::StatusOr<SqliteDatabase> OpenSchema(const std::string& path,
                                          const std::string& vfs);

}  // namespace w2t

#endif  // W2T_SERVER_JOURNAL_SQLITE_SCHEMA_H_
