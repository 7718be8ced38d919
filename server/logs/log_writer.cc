#include "server/logs/log_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

#include "server/logs/log_file_reader.h"
#include "server/logs/log_format.h"

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
  const absl::StatusOr<int> fd = Open(file);
  uint64_t bytes = 0;   // of output in frames_
  uint64_t counts = 0;  // the same, and what its frames tell as left out
  uint64_t left_out = 0;
  frames_.clear();
  for (const LogPiece* piece = begin; piece != end; ++piece) {
    const uint64_t offset =
        piece->offset.value_or(file->printed + piece->chunk.dropped_bytes());
    // A worker that has dialled again repeats what it was not told is here.
    const uint64_t skip = file->printed > offset ? file->printed - offset : 0;
    const std::string_view data = piece->chunk.data();
    if (skip > 0 && skip >= data.size()) continue;
    const uint64_t size = data.size() - skip;
    const uint64_t lost = skip > 0 ? 0 : offset - file->printed;
    if (size == 0 && lost == 0) continue;
    file->printed += lost + size;
    if (!fd.ok()) {
      file->gap += lost + size;
      left_out += size;
    } else if (file->dropped > 0 || size > kMaxLogDataBytes ||
               file->size + frames_.size() + kLogFrameBytes + size >
                   max_log_bytes_) {
      file->dropped += lost + size + std::exchange(file->gap, 0);
      left_out += size;
    } else {
      const uint64_t before = lost + std::exchange(file->gap, 0);
      AppendLogFrame(piece->chunk, data.substr(skip), before, &frames_);
      bytes += size;
      counts += before + size;
    }
  }
  dropped_bytes_ += left_out;
  if (!fd.ok()) return fd.status();
  absl::Status status = Flush(file, *fd, frames_);
  if (status.ok()) {
    written_bytes_ += bytes;
  } else {
    file->gap += counts;
    dropped_bytes_ += bytes;
  }
  if (file->dropped > 0) status.Update(WriteDropped(file, *fd));
  return status;
}

absl::StatusOr<int> LogWriter::Open(File* file) {
  if (file->open != open_.end()) {
    open_.splice(open_.begin(), open_, file->open);
    return file->open->fd;
  }
  if (open_.size() >= max_open_files_) Close(open_.back().file);
  int fd = OpenForWriting(file->path);
  if (fd < 0 && errno == ENOENT) {
    const std::string folder = file->path.substr(0, file->path.rfind('/'));
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return SystemError("make the directory", folder);
    }
    fd = OpenForWriting(file->path);
  }
  if (fd < 0) return SystemError("open", file->path);
  open_.push_front({fd, file});
  file->open = open_.begin();
  if (absl::Status status = Measure(file, fd); !status.ok()) {
    Close(file);
    return status;
  }
  return fd;
}

// Finds out where the file ends: it may be from an earlier process, which may
// have crashed in the middle of a frame.
absl::Status LogWriter::Measure(File* file, int fd) {
  if (file->measured) return absl::OkStatus();
  char header[kLogHeaderBytes];
  const ssize_t got = pread(fd, header, sizeof(header), 0);
  if (got < 0) return SystemError("read", file->path);
  const std::optional<uint64_t> dropped =
      DecodeLogHeader({header, static_cast<size_t>(got)});
  if (dropped) {
    const LogFileReader::Whole whole = LogFileReader::MeasureWhole(fd);
    file->dropped = *dropped;
    file->size = whole.size;
    file->printed += whole.printed + *dropped;  // beside the gap, so far
  } else {
    if (!WriteAll(fd, EncodeLogHeader(0), 0)) {
      return SystemError("write", file->path);
    }
    file->size = kLogHeaderBytes;
  }
  if (ftruncate(fd, static_cast<off_t>(file->size)) != 0) {
    return SystemError("truncate", file->path);
  }
  file->measured = true;
  return absl::OkStatus();
}

absl::Status LogWriter::Flush(File* file, int fd, const std::string& frames) {
  if (WriteAll(fd, frames, file->size)) {
    file->size += frames.size();
    return absl::OkStatus();
  }
  absl::Status status = SystemError("write", file->path);
  // What was written of it would be taken for a cut; if that cannot be undone,
  // the next frames overwrite it.
  const int undone = ftruncate(fd, static_cast<off_t>(file->size));
  static_cast<void>(undone);
  return status;
}

absl::Status LogWriter::WriteDropped(File* file, int fd) {
  if (WriteAll(fd, EncodeLogHeader(file->dropped), 0)) return absl::OkStatus();
  return SystemError("write", file->path);
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
    const absl::StatusOr<int> fd = Open(file);
    if (fd.ok()) WriteDropped(file, *fd).IgnoreError();
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
