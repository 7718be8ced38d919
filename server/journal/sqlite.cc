#include "server/journal/sqlite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace w2t {
namespace {

bool IsNoSpace(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

}  // namespace

void SqliteStatement::Bind(int parameter, uint64_t value) {
  sqlite3_bind_int64(handle_.get(), parameter, static_cast<int64_t>(value));
}

bool SqliteStatement::BindBlob(int parameter, std::string_view blob) {
  return sqlite3_bind_blob64(handle_.get(), parameter, blob.data(), blob.size(),
                             SQLITE_STATIC) == SQLITE_OK;
}

uint64_t SqliteStatement::Number(int column) const {
  return static_cast<uint64_t>(sqlite3_column_int64(handle_.get(), column));
}

std::string_view SqliteStatement::Blob(int column) const {
  const void* const data = sqlite3_column_blob(handle_.get(), column);
  const int size = sqlite3_column_bytes(handle_.get(), column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::Open(const std::string& path,
                                                    const std::string& vfs) {
  SqliteDatabase database;
  database.path_ = path;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      vfs.empty() ? nullptr : vfs.c_str());
  database.handle_.reset(handle);  // there is one even when opening failed
  if (code != SQLITE_OK) return database.Error(code, "open it");
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

absl::StatusOr<SqliteStatement> SqliteDatabase::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(
      handle_.get(), sql.data(), static_cast<int>(sql.size()),
      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Error(code, fmt::format("prepare '{}'", sql));
  return SqliteStatement(statement);
}

absl::Status SqliteDatabase::Execute(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Error(code, fmt::format("run '{}'", sql));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> SqliteDatabase::QueryNumber(std::string_view sql) {
  absl::StatusOr<SqliteStatement> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const int code = statement->Step();
  if (code != SQLITE_ROW) return Error(code, fmt::format("run '{}'", sql));
  return statement->Number(0);
}

void SqliteDatabase::KeepLogFile(uint64_t bytes) {
  int keep = 1;
  sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  sqlite3_file* log = nullptr;
  const int code = sqlite3_file_control(handle_.get(), "main",
                                        SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (code != SQLITE_OK || log == nullptr || log->pMethods == nullptr) return;
  // Frames of zeros are no frames to SQLite: their checksums do not match.
  static constexpr char kZeros[64 * 1024] = {};
  sqlite3_int64 size = 0;
  if (log->pMethods->xFileSize(log, &size) != SQLITE_OK) return;
  const auto end = static_cast<sqlite3_int64>(bytes);
  if (size >= end) return;
  while (size < end) {
    const auto chunk =
        static_cast<int>(std::min<sqlite3_int64>(sizeof(kZeros), end - size));
    if (log->pMethods->xWrite(log, kZeros, chunk, size) != SQLITE_OK) break;
    size += chunk;
  }
  log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
}

absl::Status SqliteDatabase::Error(int code, std::string_view doing) const {
  // SQLite does not keep the system's error of a commit that it makes by
  // itself.
  const int latest_error = errno;
  const int kept_error = sqlite3_system_errno(handle_.get());
  const int system_error = kept_error != 0 ? kept_error : latest_error;
  std::string message = fmt::format("journal {}: cannot {}: {}", path_, doing,
                                    sqlite3_errmsg(handle_.get()));
  const int kind = code & 0xff;
  const bool is_system = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN;
  if (is_system && system_error != 0) {
    message += fmt::format(" ({})", std::strerror(system_error));
  }
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) {
    return absl::DataLossError(message);
  }
  // Not for a failed sync, after which nobody knows what the disk holds.
  const bool no_space = code == SQLITE_IOERR_WRITE && IsNoSpace(system_error);
  if (kind == SQLITE_FULL || no_space) {
    return absl::ResourceExhaustedError(message);
  }
  if (kind == SQLITE_TOOBIG) return absl::InternalError(message);
  return absl::UnavailableError(message);
}

}  // namespace w2t
