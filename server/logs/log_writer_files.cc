// The files of one attempt's output.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "server/logs/log_file_reader.h"
#include "server/logs/log_format.h"
#include "server/logs/log_writer.h"

namespace w2t {
namespace {

absl::Status SystemError(std::string_view doing, const std::string& path) {
  const int error = errno;
  const std::string message =
      fmt::format("cannot {} {}: {}", doing, path, std::strerror(error));
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::UnavailableError(message);
}

bool WriteAll(int fd, std::string_view bytes, uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t done =
        pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(done));
    at += static_cast<uint64_t>(done);
  }
  return true;
}

int OpenForWriting(const std::string& path) {
  return open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

}  // namespace

absl::StatusOr<int> LogWriter::Open(File* file) {
  if (file->open != open_.end()) {
    open_.splice(open_.begin(), open_, file->open);
    return file->open->fd;
  }
  if (open_.size() >= max_open_files_) Close(open_.back().file);
  int fd = -1;
  if (!file->measured) {
    const absl::StatusOr<int> first = OpenFirst(file);
    if (!first.ok()) return first;
    absl::Status status = Measure(file, *first);
    if (status.ok() && file->slot < 0) {
      fd = *first;
    } else {
      close(*first);
    }
    if (!status.ok()) return status;
  }
  const std::string path =
      file->slot < 0 ? file->path : LogSlotPath(file->path, file->slot);
  if (fd < 0) fd = OpenForWriting(path);
  if (fd < 0) return SystemError("open", path);
  open_.push_front({fd, file});
  file->open = open_.begin();
  return fd;
}

absl::StatusOr<int> LogWriter::OpenFirst(File* file) {
  int fd = OpenForWriting(file->path);
  if (fd < 0 && errno == ENOENT) {
    const std::string folder = file->path.substr(0, file->path.rfind('/'));
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return SystemError("make the directory", folder);
    }
    fd = OpenForWriting(file->path);
  }
  if (fd < 0) return SystemError("open", file->path);
  return fd;
}

// Finds out where the output ends: it may be from an earlier process, which may
// have crashed in the middle of a frame.
absl::Status LogWriter::Measure(File* file, int fd) {
  file->slot = -1;
  file->size = 0;
  const off_t found = lseek(fd, 0, SEEK_END);
  if (found < 0) return SystemError("seek in", file->path);
  const std::optional<uint64_t> dropped =
      found == 0 ? std::nullopt
                 : LogFileReader::HeaderOf(LogFileKind::kBeginning, fd);
  if (dropped) {
    const LogFileReader::Whole whole = LogFileReader::MeasureWhole(fd);
    file->dropped = *dropped;
    file->size = whole.size;
    file->printed = file->gap + whole.printed + *dropped;
    if (absl::Status status = MeasureSlots(file); !status.ok()) return status;
  }
  const auto end = static_cast<off_t>(file->size);
  if (file->slot < 0 && end < found && ftruncate(fd, end) != 0) {
    return SystemError("truncate", file->path);
  }
  file->measured = true;
  return absl::OkStatus();
}

// The output goes on in the slot that begins last.
absl::Status LogWriter::MeasureSlots(File* file) {
  uint64_t latest = 0;
  for (const int slot : {0, 1}) {
    const std::string path = LogSlotPath(file->path, slot);
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) continue;
    const std::optional<uint64_t> before =
        LogFileReader::HeaderOf(LogFileKind::kSlot, fd);
    absl::Status status;
    if (before && *before >= latest) {
      const LogFileReader::Whole whole = LogFileReader::MeasureWhole(fd);
      latest = *before;
      file->slot = slot;
      file->size = whole.size;
      file->printed = file->gap + *before + whole.printed + file->dropped;
      if (ftruncate(fd, static_cast<off_t>(file->size)) != 0) {
        status = SystemError("truncate", path);
      }
    }
    close(fd);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status LogWriter::Flush(File* file) {
  if (frames_.empty()) return absl::OkStatus();
  const absl::StatusOr<int> fd = Open(file);
  absl::Status status = fd.status();
  if (fd.ok() && !WriteAll(*fd, frames_, file->size)) {
    status = SystemError("write", file->path);
    // What was written of it would be taken for a cut; if that cannot be
    // undone, the next frames overwrite it.
    const int undone = ftruncate(*fd, static_cast<off_t>(file->size));
    static_cast<void>(undone);
  }
  if (status.ok()) {
    file->size += frames_.size();
    written_bytes_ += framed_bytes_;
  } else {
    file->gap += framed_bytes_ + framed_gaps_;
    dropped_bytes_ += framed_bytes_;
  }
  frames_.clear();
  framed_bytes_ = framed_gaps_ = 0;
  return status;
}

// In the place of the one before the last. A new file, since somebody may be
// reading the old one.
absl::Status LogWriter::BeginSlot(File* file) {
  const int slot = file->slot == 0 ? 1 : 0;
  const std::string path = LogSlotPath(file->path, slot);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return SystemError("remove", path);
  }
  const int fd = OpenForWriting(path);
  if (fd < 0) return SystemError("open", path);
  const uint64_t before = file->printed - file->gap;
  if (!WriteAll(fd, EncodeLogHeader(LogFileKind::kSlot, before), 0)) {
    absl::Status status = SystemError("write", path);
    close(fd);
    return status;
  }
  Close(file);
  file->slot = slot;
  file->size = kLogHeaderBytes;
  open_.push_front({fd, file});
  file->open = open_.begin();
  return absl::OkStatus();
}

absl::Status LogWriter::WriteDropped(File* file) {
  const int fd = OpenForWriting(file->path);
  if (fd < 0) return SystemError("open", file->path);
  absl::Status status;
  if (!WriteAll(fd, EncodeLogHeader(LogFileKind::kBeginning, file->dropped),
                0)) {
    status = SystemError("write", file->path);
  }
  close(fd);
  return status;
}

void LogWriter::Close(File* file) {
  if (file->open == open_.end()) return;
  close(file->open->fd);
  open_.erase(file->open);
  file->open = open_.end();
}

}  // namespace w2t
