#include "server/journal/sqlite_parts.h"

#include <fmt/format.h>

#include <cstring>

#include "server/journal/batch_frame.h"

namespace w2t {
namespace {

constexpr int kNumberBits = 56;
constexpr uint64_t kHeadId = 0;
constexpr std::string_view kHeadName = "the head of the snapshot";

// Parts of a kind lie together, in the order of their numbers.
uint64_t IdOf(PartName name) {
  return uint64_t{static_cast<uint8_t>(name.kind)} << kNumberBits | name.number;
}

}  // namespace

absl::StatusOr<SnapshotHead> SnapshotHead::Read(SqliteDatabase& database) {
  absl::StatusOr<SqliteStatement> row =
      database.Prepare("SELECT batch, body FROM parts WHERE id = 0");
  if (!row.ok()) return row.status();
  const int code = row->Step();
  SnapshotHead head;
  if (code == SQLITE_DONE) return head;
  if (code != SQLITE_ROW) return database.Error(code, "read the snapshot");
  head.batch = row->Number(0);
  const absl::StatusOr<std::string_view> payload =
      DecodeFrame(kHeadId, head.batch, row->Blob(1));
  if (!payload.ok()) return payload.status();
  uint64_t words[2];
  if (payload->size() != sizeof(words)) {
    return absl::DataLossError("it has another size");
  }
  std::memcpy(words, payload->data(), sizeof(words));
  head.epoch = words[0];
  head.bytes = words[1];
  return head;
}

absl::StatusOr<SqlitePartWriter> SqlitePartWriter::Begin(
    SqliteDatabase* database, uint64_t batch) {
  absl::StatusOr<SqliteStatement> replace = database->Prepare(
      "INSERT OR REPLACE INTO parts(id, batch, body) VALUES(?1, ?2, ?3)");
  if (!replace.ok()) return replace.status();
  absl::StatusOr<SqliteStatement> remove =
      database->Prepare("DELETE FROM parts WHERE id = ?1");
  if (!remove.ok()) return remove.status();
  return SqlitePartWriter(database, batch, *std::move(replace),
                          *std::move(remove));
}

absl::Status SqlitePartWriter::PutRow(uint64_t id, std::string_view bytes,
                                      std::string_view name) {
  if (bytes.size() > UINT32_MAX) {
    return absl::InternalError(
        fmt::format("{} has {} bytes, too many for a row", name, bytes.size()));
  }
  EncodeFrame(id, batch_, bytes, &frame_);
  replace_.Bind(1, id);
  replace_.Bind(2, batch_);
  int code = SQLITE_TOOBIG;
  if (replace_.BindBlob(3, frame_)) code = replace_.Step();
  absl::Status status;
  if (code != SQLITE_DONE) {
    status = database_->Error(code, fmt::format("write {}", name));
  }
  replace_.Reset();
  bytes_ += bytes.size();
  return status;
}

absl::Status SqlitePartWriter::Put(PartName name, std::string_view bytes) {
  return PutRow(IdOf(name), bytes, name.ToString());
}

absl::Status SqlitePartWriter::Erase(PartName name) {
  remove_.Bind(1, IdOf(name));
  const int code = remove_.Step();
  absl::Status status;
  if (code != SQLITE_DONE) {
    status = database_->Error(code, fmt::format("erase {}", name.ToString()));
  }
  remove_.Reset();
  return status;
}

absl::Status SqlitePartWriter::PutHead(uint64_t epoch) {
  const uint64_t words[2] = {epoch, bytes_};
  char bytes[sizeof(words)];
  std::memcpy(bytes, words, sizeof(words));
  return PutRow(kHeadId, {bytes, sizeof(bytes)}, kHeadName);
}

absl::StatusOr<std::string_view> SqlitePartReader::Payload(
    PartName name, const SqliteStatement& row) const {
  const absl::StatusOr<std::string_view> payload =
      DecodeFrame(row.Number(0), row.Number(1), row.Blob(2));
  if (payload.ok()) return payload;
  const std::string how(payload.status().message());
  if (absl::IsFailedPrecondition(payload.status())) {
    return absl::FailedPreconditionError(
        fmt::format("journal {}: {}: {}", path_, name.ToString(), how));
  }
  return Damaged(name, how);
}

absl::StatusOr<std::string> SqlitePartReader::Read(PartName name) {
  absl::StatusOr<SqliteStatement> row =
      database_.Prepare("SELECT id, batch, body FROM parts WHERE id = ?1");
  if (!row.ok()) return row.status();
  row->Bind(1, IdOf(name));
  const int code = row->Step();
  if (code == SQLITE_DONE) return Damaged(name, "it is missing");
  if ((code & 0xff) == SQLITE_CORRUPT) {
    return Damaged(name, sqlite3_errmsg(database_.handle()));
  }
  if (code != SQLITE_ROW) {
    return database_.Error(code, fmt::format("read {}", name.ToString()));
  }
  const absl::StatusOr<std::string_view> payload = Payload(name, *row);
  if (!payload.ok()) return payload.status();
  return std::string(*payload);
}

absl::Status SqlitePartReader::ReadAll(PartName::Kind kind, Visitor visit) {
  absl::StatusOr<SqliteStatement> rows = database_.Prepare(
      "SELECT id, batch, body FROM parts WHERE id >= ?1 AND id < ?2"
      " ORDER BY id");
  if (!rows.ok()) return rows.status();
  const uint64_t begin = IdOf({kind, 0});
  rows->Bind(1, begin);
  rows->Bind(2, begin + (uint64_t{1} << kNumberBits));
  int code;
  PartName name{kind, 0};
  while ((code = rows->Step()) == SQLITE_ROW) {
    name.number = rows->Number(0) - begin;
    const absl::StatusOr<std::string_view> payload = Payload(name, *rows);
    if (!payload.ok()) return payload.status();
    if (absl::Status status = visit(name.number, *payload); !status.ok()) {
      return status;
    }
  }
  if ((code & 0xff) == SQLITE_CORRUPT) {
    return Damaged(name, sqlite3_errmsg(database_.handle()));
  }
  if (code != SQLITE_DONE) {
    return database_.Error(code,
                           fmt::format("read on behind {}", name.ToString()));
  }
  return absl::OkStatus();
}

absl::Status SqlitePartReader::Damaged(PartName name,
                                       std::string_view how) const {
  return absl::DataLossError(fmt::format(
      "journal {}: {} in the snapshot is damaged: {}; put its directory back "
      "from a backup, or move it away to start anew without its runs",
      path_, name.ToString(), how));
}

}  // namespace w2t
