#include "client/worker/state/output_spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "client/worker/state/files.h"

namespace w2t::worker {

namespace {

constexpr std::string_view kPrefix = "log-";

// Before each piece.
struct Header {
  uint32_t stream = 0;
  uint32_t bytes = 0;  // 0: up to the file's end
};

absl::Status ForEachPiece(
    const std::string& path,
    absl::FunctionRef<void(v1::LogStream, std::string_view)> piece) {
  absl::StatusOr<std::string> text = ReadWhole(path);
  if (!text.ok()) return text.status();
  std::string_view rest = *text;
  while (rest.size() > sizeof(Header)) {
    Header header;
    std::memcpy(&header, rest.data(), sizeof(header));
    rest.remove_prefix(sizeof(header));
    const size_t bytes = header.bytes == 0
                             ? rest.size()
                             : std::min<size_t>(header.bytes, rest.size());
    piece(static_cast<v1::LogStream>(header.stream), rest.substr(0, bytes));
    rest.remove_prefix(bytes);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputSpool>> OutputSpool::Open(
    std::string folder) {
  std::unique_ptr<OutputSpool> spool(new OutputSpool(std::move(folder)));
  if (absl::Status status = spool->Find(); !status.ok()) return status;
  return spool;
}

absl::Status OutputSpool::Find() {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder_, error);
  for (; !error && entries != std::filesystem::directory_iterator();
       entries.increment(error)) {
    const std::string name = entries->path().filename();
    if (!name.starts_with(kPrefix)) continue;
    Segment segment{.path = entries->path()};
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(),
                    segment.begin);
    segments_.push_back(std::move(segment));
  }
  if (error) {
    return absl::InternalError(fmt::format("{}: {}", folder_, error.message()));
  }
  std::sort(
      segments_.begin(), segments_.end(),
      [](const Segment& a, const Segment& b) { return a.begin < b.begin; });
  for (Segment& segment : segments_) {
    segment.end = segment.begin;
    const absl::Status status = ForEachPiece(
        segment.path, [&segment](v1::LogStream, std::string_view data) {
          segment.end += data.size();
        });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

uint64_t OutputSpool::begin() const {
  return segments_.empty() ? 0 : segments_.front().begin;
}

absl::Status OutputSpool::Replay(
    absl::FunctionRef<void(v1::LogStream, std::string_view)> piece) const {
  for (const Segment& segment : segments_) {
    const absl::Status status = ForEachPiece(segment.path, piece);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// What an earlier process wrote is left as it is.
bool OutputSpool::NextSegment() {
  if (broken_) return false;
  if (file_ && segments_.back().end - segments_.back().begin < kSegmentBytes) {
    return true;
  }
  const uint64_t begin = segments_.empty() ? 0 : segments_.back().end;
  if (!segments_.empty() && segments_.back().begin == begin) {
    segments_.pop_back();  // it is empty
  }
  std::string path = fmt::format("{}/{}{}", folder_, kPrefix, begin);
  file_ = UniqueFd(
      open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  size_ = 0;
  broken_ = !file_;
  segments_.push_back({.begin = begin, .end = begin, .path = std::move(path)});
  return !broken_;
}

bool OutputSpool::PutHeader(v1::LogStream stream, size_t bytes) {
  const Header header{.stream = static_cast<uint32_t>(stream),
                      .bytes = static_cast<uint32_t>(bytes)};
  return pwrite(file_.get(), &header, sizeof(header), size_) ==
         static_cast<ssize_t>(sizeof(header));
}

void OutputSpool::Took(v1::LogStream stream, size_t bytes) {
  if (!PutHeader(stream, bytes)) broken_ = true;
  size_ += static_cast<off_t>(sizeof(Header) + bytes);
  segments_.back().end += bytes;
}

// The bytes go from the pipe to the file inside the system, behind a header
// that fits however many they are.
ssize_t OutputSpool::Read(v1::LogStream stream, int pipe, char* to,
                          size_t most) {
  if (!NextSegment() || !PutHeader(stream, 0)) {
    broken_ = true;
    return ReadPlainly(pipe, to, most);
  }
  const off_t begin = size_ + static_cast<off_t>(sizeof(Header));
  off_t at = begin;
  const ssize_t moved =
      splice(pipe, nullptr, file_.get(), &at, most, SPLICE_F_NONBLOCK);
  if (moved == 0 || (moved < 0 && (errno == EAGAIN || errno == EINTR))) {
    return moved;
  }
  if (moved < 0) {
    broken_ = true;
    return ReadPlainly(pipe, to, most);
  }
  Took(stream, static_cast<size_t>(moved));
  return pread(file_.get(), to, static_cast<size_t>(moved), begin);
}

ssize_t OutputSpool::ReadPlainly(int pipe, char* to, size_t most) {
  const ssize_t got = read(pipe, to, most);
  if (got > 0 && !segments_.empty()) {
    segments_.back().end += static_cast<uint64_t>(got);
  }
  return got;
}

void OutputSpool::Append(v1::LogStream stream, std::string_view data) {
  if (!NextSegment() || !PutHeader(stream, 0) ||
      pwrite(file_.get(), data.data(), data.size(),
             size_ + static_cast<off_t>(sizeof(Header))) !=
          static_cast<ssize_t>(data.size())) {
    broken_ = true;
    return;
  }
  Took(stream, data.size());
}

void OutputSpool::Release(uint64_t bytes) {
  while (segments_.size() > 1 && segments_.front().end <= bytes) {
    unlink(segments_.front().path.c_str());
    segments_.pop_front();
  }
}

}  // namespace w2t::worker
