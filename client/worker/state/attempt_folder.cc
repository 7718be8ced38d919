#include "client/worker/state/attempt_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "client/worker/state/files.h"

namespace w2t::worker {

namespace {

// Adds up the records in `text`. What is cut off at its end was never said.
bool Merge(std::string_view text, kept::v1::KeptAttempt& kept) {
  while (text.size() > sizeof(uint32_t)) {
    uint32_t size = 0;
    std::memcpy(&size, text.data(), sizeof(size));
    text.remove_prefix(sizeof(size));
    if (size > text.size()) break;
    kept::v1::KeptAttempt news;
    if (!news.ParseFromArray(text.data(), static_cast<int>(size))) return false;
    kept.MergeFrom(news);
    text.remove_prefix(size);
  }
  return kept.fence() != 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AttemptFolder>> AttemptFolder::Create(
    std::string path, const Offer& offer) {
  std::unique_ptr<AttemptFolder> folder(new AttemptFolder(std::move(path)));
  if (mkdir(folder->path_.c_str(), 0700) != 0) {
    return FileError("mkdir", folder->path_);
  }
  const std::string record = folder->path_ + "/attempt";
  folder->record_ =
      UniqueFd(open(record.c_str(),
                    O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  absl::Status status =
      folder->record_ ? absl::OkStatus() : FileError("open", record);
  if (status.ok()) {
    kept::v1::KeptAttempt kept;
    kept.set_run(offer.lease.run);
    kept.set_task(offer.lease.task);
    kept.set_attempt(offer.lease.attempt);
    kept.set_fence(offer.lease.fence);
    kept.set_run_id(*offer.run_id);
    kept.set_name(offer.name);
    *kept.mutable_action() = *offer.action;
    status = folder->Add(kept);
  }
  if (status.ok()) {
    absl::StatusOr<std::unique_ptr<OutputSpool>> spool =
        OutputSpool::Open(folder->path_);
    status = spool.status();
    if (spool.ok()) folder->spool_ = *std::move(spool);
  }
  if (status.ok()) return folder;
  folder->Remove();
  return status;
}

absl::StatusOr<std::unique_ptr<AttemptFolder>> AttemptFolder::Open(
    std::string path) {
  std::unique_ptr<AttemptFolder> folder(new AttemptFolder(std::move(path)));
  const std::string record = folder->path_ + "/attempt";
  folder->record_ =
      UniqueFd(open(record.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!folder->record_) return FileError("open", record);
  absl::StatusOr<std::string> text = ReadWhole(record);
  if (!text.ok()) return text.status();
  if (!Merge(*text, folder->kept_)) {
    return absl::InternalError(fmt::format("{} is damaged", record));
  }
  absl::StatusOr<std::unique_ptr<OutputSpool>> spool =
      OutputSpool::Open(folder->path_);
  if (!spool.ok()) return spool.status();
  folder->spool_ = *std::move(spool);
  return folder;
}

Offer AttemptFolder::offer() const {
  return {.lease = {kept_.run(), kept_.task(), kept_.attempt(), kept_.fence()},
          .name = kept_.name(),
          .action = std::make_shared<const v1::Action>(kept_.action()),
          .run_id = std::make_shared<const std::string>(kept_.run_id()),
          .service = true};
}

absl::Status AttemptFolder::Add(const kept::v1::KeptAttempt& news) {
  std::string frame(sizeof(uint32_t), '\0');
  if (!news.AppendToString(&frame)) {
    return absl::InternalError("what is kept of an attempt cannot be written");
  }
  const auto size = static_cast<uint32_t>(frame.size() - sizeof(uint32_t));
  std::memcpy(frame.data(), &size, sizeof(size));
  if (write(record_.get(), frame.data(), frame.size()) !=
      static_cast<ssize_t>(frame.size())) {
    return FileError("write", path_ + "/attempt");
  }
  kept_.MergeFrom(news);
  return absl::OkStatus();
}

absl::StatusOr<Pipe> AttemptFolder::MakeOutput(std::string_view name) const {
  const std::string path = fmt::format("{}/{}", path_, name);
  if (mkfifo(path.c_str(), 0600) != 0) return FileError("mkfifo", path);
  absl::StatusOr<UniqueFd> read_end = OpenOutput(name);
  if (!read_end.ok()) return read_end.status();
  UniqueFd both(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!both) return FileError("open", path);
  return Pipe{*std::move(read_end), std::move(both)};
}

absl::StatusOr<UniqueFd> AttemptFolder::OpenOutput(
    std::string_view name) const {
  const std::string path = fmt::format("{}/{}", path_, name);
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return FileError("open", path);
  return fd;
}

void AttemptFolder::Remove() const {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace w2t::worker
