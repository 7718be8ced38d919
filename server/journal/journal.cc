#include "server/journal/journal.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "server/journal/lock_file.h"
#include "server/journal/sqlite_journal.h"

namespace w2t {
namespace {

namespace fs = std::filesystem;

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return absl::OkStatus();
  if (fs::create_directories(directory, error)) {
    fs::permissions(directory, fs::perms::owner_all, error);
  }
  if (error) {
    return absl::UnavailableError(fmt::format(
        "cannot make the directory {}: {}", directory, error.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Journal>> OpenSqlite(
    const JournalOptions& options, std::optional<LockFile> lock) {
  absl::StatusOr<std::unique_ptr<SqliteJournal>> journal =
      SqliteJournal::Open(options, std::move(lock));
  if (!journal.ok()) return journal.status();
  return *std::move(journal);
}

}  // namespace

std::string PartName::ToString() const {
  switch (kind) {
    case Kind::kEngine:
      return "the engine's state";
    case Kind::kWorkers:
      return "the names of workers";
    case Kind::kEnded:
      return fmt::format("the summary of run {}", number);
    case Kind::kRun:
      return fmt::format("the state of run {}", number);
    case Kind::kGraph:
      return fmt::format("the graph of run {}", number);
  }
  return fmt::format("part {} of kind {}", number, static_cast<int>(kind));
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(
    const JournalOptions& options) {
  if (!options.vfs.empty()) return OpenSqlite(options, std::nullopt);
  if (absl::Status status = MakeDirectory(options.directory); !status.ok()) {
    return status;
  }
  absl::StatusOr<LockFile> lock =
      LockFile::Take(options.directory + "/journal.lock");
  if (!lock.ok()) return lock.status();
  return OpenSqlite(options, *std::move(lock));
}

}  // namespace w2t
