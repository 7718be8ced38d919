#include "server/journal/sqlite_schema.h"

#include <fmt/format.h>

#include <cstdint>

namespace w2t {
namespace {

constexpr uint64_t kApplicationId = 0x77327464;  // "w2td"
// Version 1 had no parts.
constexpr uint64_t kSchemaVersion = 2;

// Durable commits, and no checkpoint inside them.
constexpr char kSettings[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "PRAGMA wal_autocheckpoint=0; PRAGMA cell_size_check=ON;";

#define W2T_PARTS_TABLE                                                \
  "CREATE TABLE parts(id INTEGER PRIMARY KEY, batch INTEGER NOT NULL," \
  " body BLOB NOT NULL) STRICT;"                                       \
  "PRAGMA user_version=2;"

constexpr char kSchema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE batches(number INTEGER PRIMARY KEY, epoch INTEGER NOT NULL,"
    " body BLOB NOT NULL) STRICT;"
    "PRAGMA application_id=1999795300;" W2T_PARTS_TABLE "COMMIT;";
constexpr char kFromVersion1[] = "BEGIN IMMEDIATE;" W2T_PARTS_TABLE "COMMIT;";
static_assert(kApplicationId == 1999795300 && kSchemaVersion == 2);

#undef W2T_PARTS_TABLE

absl::Status MakeSchema(const std::string& path, SqliteDatabase& database) {
  const absl::StatusOr<uint64_t> tables =
      database.QueryNumber("SELECT count(*) FROM sqlite_master");
  if (!tables.ok()) return tables.status();
  if (*tables == 0) return database.Execute(kSchema);
  const absl::StatusOr<uint64_t> id =
      database.QueryNumber("PRAGMA application_id");
  if (!id.ok()) return id.status();
  if (*id != kApplicationId) {
    return absl::DataLossError(
        fmt::format("{} is the database of another program", path));
  }
  const absl::StatusOr<uint64_t> version =
      database.QueryNumber("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == 1) return database.Execute(kFromVersion1);
  if (*version != kSchemaVersion) {
    return absl::FailedPreconditionError(fmt::format(
        "journal {} is of version {}; this program reads version {}", path,
        *version, kSchemaVersion));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SqliteDatabase> OpenConnection(const std::string& path,
                                              const std::string& vfs) {
  absl::StatusOr<SqliteDatabase> database = SqliteDatabase::Open(path, vfs);
  if (!database.ok()) return database.status();
  if (absl::Status status = database->Execute(kSettings); !status.ok()) {
    return status;
  }
  return database;
}

absl::StatusOr<SqliteDatabase> OpenSchema(const std::string& path,
                                          const std::string& vfs) {
  absl::StatusOr<SqliteDatabase> database = OpenConnection(path, vfs);
  if (!database.ok()) return database.status();
  if (absl::Status status = MakeSchema(path, *database); !status.ok()) {
    return status;
  }
  return database;
}

}  // namespace w2t
