#include "server/logs/log_file_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace w2t {
namespace {

constexpr size_t kWindowBytes = 256 * 1024;

// Fewer than `size` only at the end of the file or after an error.
size_t ReadAll(int fd, char* to, size_t size, uint64_t at) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(fd, to + done, size - done, static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace

LogFileReader::~LogFileReader() {
  for (const File& file : files_) close(file.fd);
}

std::string_view LogFileReader::Peek(uint64_t at, size_t size) {
  const uint64_t window_end = window_at_ + window_.size();
  if (at < window_at_ || at + size > window_end) {
    window_.resize(std::max(kWindowBytes, size));
    window_.resize(ReadAll(fd_, window_.data(), window_.size(), at));
    window_at_ = at;
  }
  return std::string_view(window_).substr(at - window_at_, size);
}

bool LogFileReader::NextFrame(uint64_t at, LogFrame* frame) {
  const std::optional<LogFrame> next = DecodeLogFrame(Peek(at, kLogFrameBytes));
  if (!next) return false;
  *frame = *next;
  return Peek(at, kLogFrameBytes + next->length).size() ==
         kLogFrameBytes + next->length;
}

void LogFileReader::Deliver(uint64_t at, const LogFrame& frame, uint64_t skip,
                            uint64_t left_out, LogRead* out) {
  const std::string_view data =
      Peek(at, kLogFrameBytes + frame.length).substr(kLogFrameBytes + skip);
  v1::LogChunk& chunk = out->chunks.emplace_back();
  chunk.set_stream(frame.stream);
  chunk.set_time_us(frame.time_us);
  chunk.set_data(data.data(), data.size());
  chunk.set_dropped_bytes(left_out);
}

std::optional<uint64_t> LogFileReader::HeaderOf(LogFileKind kind, int fd) {
  char bytes[kLogHeaderBytes];
  return DecodeLogHeader(kind, {bytes, ReadAll(fd, bytes, sizeof(bytes), 0)});
}

// None when the writer has only just made the first one, or was killed as it
// did. The slots are opened before anything is read: what is not in these files
// then was not in any.
absl::Status LogFileReader::OpenFiles() {
  const int first = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (first < 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::UnavailableError(
        fmt::format("cannot open {}: {}", path_, std::strerror(errno)));
  }
  files_.push_back({first, 0});
  const std::optional<uint64_t> dropped =
      HeaderOf(LogFileKind::kBeginning, first);
  if (!dropped) {
    char bytes[kLogHeaderBytes];
    if (ReadAll(first, bytes, sizeof(bytes), 0) == sizeof(bytes)) {
      return absl::DataLossError(
          fmt::format("{} is no log, or is damaged", path_));
    }
    close(first);
    files_.clear();
    return absl::OkStatus();
  }
  dropped_at_end_ = *dropped;
  for (const int slot : {0, 1}) {
    const int fd = open(LogSlotPath(path_, slot).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    const std::optional<uint64_t> before = HeaderOf(LogFileKind::kSlot, fd);
    if (before) {
      files_.push_back({fd, *before});
    } else {
      close(fd);  // has only just been made
    }
  }
  if (files_.size() == 3 && files_[1].before > files_[2].before) {
    std::swap(files_[1], files_[2]);
  }
  return absl::OkStatus();
}

void LogFileReader::Enter(size_t file, LogCursor* cursor) {
  fd_ = files_[file].fd;
  window_.clear();
  if (cursor->frame_at_ != 0 && cursor->file_ == files_[file].before) return;
  cursor->file_ = files_[file].before;
  cursor->printed_ = files_[file].before;
  cursor->frame_at_ = kLogHeaderBytes;
}

bool LogFileReader::ReadFrames(uint64_t max_bytes, uint64_t* bytes,
                               LogCursor* cursor, LogRead* out) {
  LogFrame frame;
  while (NextFrame(cursor->frame_at_, &frame)) {
    const uint64_t begin = cursor->printed_ + frame.dropped;
    const uint64_t end = begin + frame.length;
    if (end > kMaxPrintedBytes) break;  // as if it was cut off here
    if (end > cursor->offset_) {
      const uint64_t skip = std::max(cursor->offset_, begin) - begin;
      const uint64_t size = frame.length - skip;
      if (*bytes > 0 && *bytes + size > max_bytes) return false;
      Deliver(cursor->frame_at_, frame, skip,
              begin - std::min(cursor->offset_, begin), out);
      *bytes += size;
      cursor->offset_ = end;
    }
    cursor->frame_at_ += kLogFrameBytes + frame.length;
    cursor->printed_ = end;
  }
  return true;
}

absl::Status LogFileReader::Read(uint64_t max_bytes, LogCursor* cursor,
                                 LogRead* out) {
  if (absl::Status status = OpenFiles(); !status.ok()) return status;
  out->end = files_.empty();
  if (out->end) return absl::OkStatus();
  size_t file = 0;
  while (file + 1 < files_.size() &&
         files_[file + 1].before <= std::max(cursor->offset_, cursor->file_)) {
    ++file;
  }
  uint64_t bytes = 0;
  for (; file < files_.size(); ++file) {
    Enter(file, cursor);
    if (!ReadFrames(max_bytes, &bytes, cursor, out)) return absl::OkStatus();
  }
  out->end = true;
  const uint64_t printed = cursor->printed_ + dropped_at_end_;
  if (printed > cursor->offset_) {
    v1::LogChunk& chunk = out->chunks.emplace_back();
    chunk.set_stream(v1::LOG_STREAM_WORKER);
    chunk.set_dropped_bytes(printed - cursor->offset_);
    cursor->offset_ = printed;
  }
  return absl::OkStatus();
}

LogFileReader::Whole LogFileReader::MeasureWhole(int fd) {
  LogFileReader reader("");
  reader.fd_ = fd;
  Whole whole{.size = kLogHeaderBytes};
  LogFrame frame;
  while (reader.NextFrame(whole.size, &frame) &&
         whole.printed + frame.dropped + frame.length <= kMaxPrintedBytes) {
    whole.size += kLogFrameBytes + frame.length;
    whole.printed += frame.dropped + frame.length;
  }
  return whole;
}

}  // namespace w2t
