#include "client/worker/state/service_records.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "client/worker/state/files.h"

namespace w2t::worker {

namespace {

// A file that is so many times as long as what it says is written anew.
constexpr uint64_t kRewriteFactor = 4;

// The row behind its size. False when it is too large to be one.
bool AppendRow(const kept::v1::KeptAttempt& row, std::string* text) {
  const size_t begin = text->size();
  text->append(sizeof(uint32_t), '\0');
  if (!row.AppendToString(text)) return false;
  const auto size =
      static_cast<uint32_t>(text->size() - begin - sizeof(uint32_t));
  std::memcpy(text->data() + begin, &size, sizeof(size));
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServiceRecords>> ServiceRecords::Open(
    std::string path) {
  std::unique_ptr<ServiceRecords> records(new ServiceRecords(std::move(path)));
  if (access(records->path_.c_str(), F_OK) == 0) {
    const absl::StatusOr<std::string> text = ReadWhole(records->path_);
    if (!text.ok()) return text.status();
    records->Read(*text);
  }
  if (absl::Status status = records->Rewrite(); !status.ok()) return status;
  return records;
}

void ServiceRecords::Read(std::string_view text) {
  while (text.size() > sizeof(uint32_t)) {
    uint32_t size = 0;
    std::memcpy(&size, text.data(), sizeof(size));
    text.remove_prefix(sizeof(size));
    if (size > text.size()) break;
    kept::v1::KeptAttempt row;
    if (row.ParseFromArray(text.data(), static_cast<int>(size)) &&
        row.fence() != 0) {
      Merge(row);
    } else {
      damaged_ = true;
    }
    text.remove_prefix(size);
  }
  const size_t found = all_.size();
  for (auto it = all_.begin(); it != all_.end();) {
    it = it->second.has_action() ? std::next(it) : all_.erase(it);
  }
  damaged_ |= all_.size() < found;
}

void ServiceRecords::Merge(const kept::v1::KeptAttempt& row) {
  if (row.gone()) {
    all_.erase(row.fence());
  } else {
    all_[row.fence()].MergeFrom(row);
  }
}

absl::Status ServiceRecords::Add(const kept::v1::KeptAttempt& row) {
  if (absl::Status status = Append(row); !status.ok()) return status;
  Merge(row);
  if (size_ < rewrite_at_) return absl::OkStatus();
  // It goes on as it is if that fails.
  if (!Rewrite().ok()) rewrite_at_ = 2 * size_;
  return absl::OkStatus();
}

void ServiceRecords::Forget(uint64_t fence) {
  kept::v1::KeptAttempt row;
  row.set_fence(fence);
  row.set_gone(true);
  // If that cannot be said, the daemon says it to the next process.
  if (!Add(row).ok()) all_.erase(fence);
}

absl::Status ServiceRecords::Append(const kept::v1::KeptAttempt& row) {
  std::string text;
  if (!AppendRow(row, &text)) {
    return absl::InternalError("what is kept of an attempt cannot be written");
  }
  if (pwrite(file_.get(), text.data(), text.size(),
             static_cast<off_t>(size_)) != static_cast<ssize_t>(text.size())) {
    absl::Status status = FileError("write", path_);
    [[maybe_unused]] const int undone =
        ftruncate(file_.get(), static_cast<off_t>(size_));
    return status;
  }
  size_ += text.size();
  return absl::OkStatus();
}

absl::Status ServiceRecords::Rewrite() {
  std::string text;
  for (const auto& [fence, kept] : all_) {
    if (!AppendRow(kept, &text)) {
      return absl::InternalError("what is kept of a service is too large");
    }
  }
  absl::StatusOr<UniqueFd> file = ReplaceFile(path_, text);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  size_ = text.size();
  rewrite_at_ = std::max(kLeastRewriteBytes, kRewriteFactor * size_);
  return absl::OkStatus();
}

}  // namespace w2t::worker
