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
  if (fd_ >= 0) close(fd_);
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

absl::Status LogFileReader::ReadHeader() {
  const std::optional<uint64_t> dropped =
      DecodeLogHeader(Peek(0, kLogHeaderBytes));
  if (!dropped) {
    return absl::DataLossError(
        fmt::format("{} is no log, or is damaged", path_));
  }
  dropped_at_end_ = *dropped;
  return absl::OkStatus();
}

bool LogFileReader::NextFrame(uint64_t at, LogFrame* frame) {
  const std::optional<LogFrame> next = DecodeLogFrame(Peek(at, kLogFrameBytes));
  if (!next) return false;
  *frame = *next;
  return Peek(at, kLogFrameBytes + next->length).size() ==
         kLogFrameBytes + next->length;
}

void LogFileReader::Deliver(uint64_t at, const LogFrame& frame, uint64_t skip,
                            LogRead* out) {
  const std::string_view data =
      Peek(at, kLogFrameBytes + frame.length).substr(kLogFrameBytes + skip);
  v1::LogChunk& chunk = out->chunks.emplace_back();
  chunk.set_stream(frame.stream);
  chunk.set_time_us(frame.time_us);
  chunk.set_data(data.data(), data.size());
  if (skip == 0) chunk.set_dropped_bytes(frame.dropped);
}

absl::Status LogFileReader::Read(uint64_t max_bytes, LogCursor* cursor,
                                 LogRead* out, bool* end) {
  *end = false;
  fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) {
    *end = errno == ENOENT;
    if (*end) return absl::OkStatus();
    return absl::UnavailableError(
        fmt::format("cannot open {}: {}", path_, std::strerror(errno)));
  }
  // The writer has only just made it, or was killed as it did.
  *end = Peek(0, kLogHeaderBytes).size() < kLogHeaderBytes;
  if (*end) return absl::OkStatus();
  if (absl::Status status = ReadHeader(); !status.ok()) return status;
  if (cursor->frame_at_ == 0) cursor->frame_at_ = kLogHeaderBytes;
  uint64_t bytes = 0;
  LogFrame frame;
  while (NextFrame(cursor->frame_at_, &frame)) {
    const uint64_t frame_end = cursor->frame_offset_ + frame.length;
    const bool passed =
        cursor->frame_offset_ < cursor->offset_ && frame_end <= cursor->offset_;
    if (!passed) {
      const uint64_t skip = std::max(cursor->offset_, cursor->frame_offset_) -
                            cursor->frame_offset_;
      const uint64_t size = frame.length - skip;
      if (bytes > 0 && bytes + size > max_bytes) return absl::OkStatus();
      Deliver(cursor->frame_at_, frame, skip, out);
      bytes += size;
      cursor->offset_ = frame_end;
    }
    cursor->frame_at_ += kLogFrameBytes + frame.length;
    cursor->frame_offset_ = frame_end;
  }
  *end = true;
  if (dropped_at_end_ > cursor->dropped_told_) {
    v1::LogChunk& chunk = out->chunks.emplace_back();
    chunk.set_stream(v1::LOG_STREAM_WORKER);
    chunk.set_dropped_bytes(dropped_at_end_ - cursor->dropped_told_);
    cursor->dropped_told_ = dropped_at_end_;
  }
  return absl::OkStatus();
}

LogFileReader::Whole LogFileReader::MeasureWhole(int fd) {
  LogFileReader reader("");
  reader.fd_ = dup(fd);
  Whole whole{.size = kLogHeaderBytes};
  LogFrame frame;
  while (reader.NextFrame(whole.size, &frame)) {
    whole.size += kLogFrameBytes + frame.length;
    whole.printed += frame.dropped + frame.length;
  }
  return whole;
}

}  // namespace w2t
