#include "server/logs/log_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

#include "server/logs/log_file_reader.h"
#include "server/logs/log_format.h"

namespace w2t {
namespace {

// No less than this, or all that is left, goes into the rest of a file.
constexpr uint64_t kLeastPartBytes = 64;

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

std::string LogPath(const std::string& directory, const LogName& name) {
  return fmt::format("{}/{}/{}.{}", directory, LogFolderName(name.run_id),
                     name.task, name.attempt);
}

LogWriter::~LogWriter() {
  for (const OpenFile& file : open_) close(file.fd);
}

absl::Status LogWriter::Write(const std::vector<LogPiece>& pieces) {
  absl::Status first_error;
  const LogPiece* const end = pieces.data() + pieces.size();
  for (const LogPiece* begin = pieces.data(); begin != end;) {
    const LogPiece* same = begin + 1;
    while (same != end && same->name == begin->name) ++same;
    first_error.Update(WriteRun(FileOf(begin->name), begin, same));
    begin = same;
  }
  return first_error;
}

LogWriter::File* LogWriter::FileOf(const LogName& name) {
  std::unique_ptr<File>& file =
      runs_[name.run_id][TaskAttempt(name.task, name.attempt)];
  if (file == nullptr) {
    ++growing_files_;
    file = std::make_unique<File>();
    file->path = LogPath(directory_, name);
    file->open = open_.end();
  }
  return file.get();
}

// Pieces of one attempt.
absl::Status LogWriter::WriteRun(File* file, const LogPiece* begin,
                                 const LogPiece* end) {
  absl::Status status = Open(file).status();
  for (const LogPiece* piece = begin; piece != end; ++piece) {
    const uint64_t offset =
        piece->offset.value_or(file->printed + piece->chunk.dropped_bytes());
    // A worker that has dialled again repeats what it was not told is here.
    const uint64_t skip = file->printed > offset ? file->printed - offset : 0;
    std::string_view data = piece->chunk.data();
    if (skip > 0 && skip >= data.size()) continue;
    data.remove_prefix(skip);
    const uint64_t lost = skip > 0 ? 0 : offset - file->printed;
    file->printed += lost;
    file->gap += lost;
    if (status.ok() && file->dropped == 0) {
      status = Add(file, piece->chunk, data);
    } else {
      file->printed += data.size();
      file->gap += data.size();
      dropped_bytes_ += data.size();
    }
  }
  status.Update(Flush(file));
  if (file->dropped > 0 && file->gap > 0) {
    file->dropped += std::exchange(file->gap, 0);
    status.Update(WriteDropped(file));
  }
  return status;
}

absl::Status LogWriter::Add(File* file, const v1::LogChunk& chunk,
                            std::string_view data) {
  absl::Status status;
  while (!data.empty() && status.ok()) {
    const uint64_t used = file->size + frames_.size() + kLogFrameBytes;
    const uint64_t most = MostBytes(*file);
    const uint64_t room = used < most ? most - used : 0;
    if (room < std::min<uint64_t>(data.size(), kLeastPartBytes)) {
      status = Flush(file);
      if (status.ok()) status = BeginSlot(file);
      continue;
    }
    const std::string_view part =
        data.substr(0, std::min<uint64_t>(room, kMaxLogDataBytes));
    AppendLogFrame(chunk, part, file->gap, &frames_);
    framed_gaps_ += std::exchange(file->gap, 0);
    framed_bytes_ += part.size();
    file->printed += part.size();
    data.remove_prefix(part.size());
  }
  file->printed += data.size();
  file->gap += data.size();
  dropped_bytes_ += data.size();
  return status;
}

uint64_t LogWriter::MostBytes(const File& file) const {
  const uint64_t most = max_log_bytes_ / (file.slot < 0 ? 2 : 4);
  return std::max<uint64_t>(most,
                            kLogHeaderBytes + kLogFrameBytes + kLeastPartBytes);
}

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
  const std::optional<uint64_t> dropped =
      LogFileReader::HeaderOf(LogFileKind::kBeginning, fd);
  if (dropped) {
    const LogFileReader::Whole whole = LogFileReader::MeasureWhole(fd);
    file->dropped = *dropped;
    file->size = whole.size;
    file->printed = file->gap + whole.printed + *dropped;
    if (absl::Status status = MeasureSlots(file); !status.ok()) return status;
  } else {
    if (!WriteAll(fd, EncodeLogHeader(LogFileKind::kBeginning, 0), 0)) {
      return SystemError("write", file->path);
    }
    file->size = kLogHeaderBytes;
  }
  if (file->slot < 0 && ftruncate(fd, static_cast<off_t>(file->size)) != 0) {
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

void LogWriter::Finish(const LogName& name) {
  const auto run = runs_.find(name.run_id);
  if (run == runs_.end()) return;
  const auto it = run->second.find(TaskAttempt(name.task, name.attempt));
  if (it == run->second.end()) return;
  File* const file = it->second.get();
  if (file->gap > 0) {
    file->dropped += std::exchange(file->gap, 0);
    if (Open(file).ok()) WriteDropped(file).IgnoreError();
  }
  Close(file);
  run->second.erase(it);
  --growing_files_;
  if (run->second.empty()) runs_.erase(run);
}

void LogWriter::Forget(const std::string& run_id) {
  const auto run = runs_.find(run_id);
  if (run != runs_.end()) {
    for (auto& [attempt, file] : run->second) Close(file.get());
    growing_files_ -= run->second.size();
    runs_.erase(run);
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_ + "/" + LogFolderName(run_id),
                              ignored);
}

void LogWriter::ForgetOthers(const absl::flat_hash_set<std::string>& run_ids) {
  absl::flat_hash_set<std::string> known;
  for (const std::string& run_id : run_ids) known.insert(LogFolderName(run_id));
  std::vector<std::filesystem::path> others;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory_, error), end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (IsLogFolderName(name) && !known.contains(name)) {
      others.push_back(it->path());
    }
  }
  for (const std::filesystem::path& other : others) {
    std::filesystem::remove_all(other, error);
  }
}

}  // namespace w2t
