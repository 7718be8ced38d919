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

#include "client/worker/state/files.h"

namespace w2t::worker {

namespace {

constexpr std::string_view kPrefix = "output-";

// Before each piece.
struct Header {
  uint64_t fence = 0;
  uint64_t offset = 0;  // what its service had printed before
  uint32_t stream = 0;
  uint32_t bytes = 0;  // 0: up to the file's end
};

// In place of a stream: nothing follows, the header says where its service is.
constexpr uint32_t kPlace = v1::LOG_STREAM_UNSPECIFIED;

}  // namespace

absl::StatusOr<std::unique_ptr<OutputSpool>> OutputSpool::Open(
    std::string folder) {
  std::unique_ptr<OutputSpool> spool(new OutputSpool(std::move(folder)));
  if (absl::Status status = spool->Find(); !status.ok()) return status;
  return spool;
}

absl::Status OutputSpool::Find() {
  std::vector<uint64_t> numbers;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder_, error);
  for (; !error && entries != std::filesystem::directory_iterator();
       entries.increment(error)) {
    const std::string name = entries->path().filename();
    uint64_t number = 0;
    const char* const end = name.data() + name.size();
    if (name.starts_with(kPrefix) &&
        std::from_chars(name.data() + kPrefix.size(), end, number).ptr == end) {
      numbers.push_back(number);
    }
  }
  if (error) {
    return absl::InternalError(fmt::format("{}: {}", folder_, error.message()));
  }
  std::sort(numbers.begin(), numbers.end());
  for (const uint64_t number : numbers) {
    Segment segment{.number = number, .waits = {}};
    absl::StatusOr<std::string> text = ReadWhole(PathOf(number));
    if (!text.ok()) return text.status();
    earlier_texts_.push_back(*std::move(text));
    ReadSegment(earlier_texts_.back(), &segment);
    segments_.push_back(std::move(segment));
    next_number_ = number + 1;
  }
  return absl::OkStatus();
}

std::string OutputSpool::PathOf(uint64_t number) const {
  return fmt::format("{}/{}{}", folder_, kPrefix, number);
}

void OutputSpool::ReadSegment(std::string_view text, Segment* segment) {
  while (text.size() >= sizeof(Header)) {
    Header header;
    std::memcpy(&header, text.data(), sizeof(header));
    text.remove_prefix(sizeof(header));
    const size_t bytes = header.stream == kPlace ? 0
                         : header.bytes == 0
                             ? text.size()
                             : std::min<size_t>(header.bytes, text.size());
    Service& service = services_[header.fence];
    // What lies before a gap would be taken for what was printed just before.
    if (header.offset != service.printed) service.earlier.clear();
    service.printed = header.offset + bytes;
    service.segment = segment->number;
    if (bytes == 0) continue;
    service.earlier.push_back({static_cast<v1::LogStream>(header.stream),
                               header.offset, text.substr(0, bytes)});
    segment->waits[header.fence] = service.printed;
    text.remove_prefix(bytes);
  }
}

uint64_t OutputSpool::begin(uint64_t fence) const {
  const auto it = services_.find(fence);
  if (it == services_.end()) return 0;
  return it->second.earlier.empty() ? it->second.printed
                                    : it->second.earlier.front().offset;
}

void OutputSpool::Replay(
    uint64_t fence,
    absl::FunctionRef<void(v1::LogStream, std::string_view)> piece) const {
  const auto it = services_.find(fence);
  if (it == services_.end()) return;
  for (const Piece& each : it->second.earlier) piece(each.stream, each.data);
}

void OutputSpool::DropReplay() {
  for (auto& [fence, service] : services_) service.earlier = {};
  earlier_texts_.clear();
}

// What an earlier process wrote is left as it is.
bool OutputSpool::NextSegment() {
  if (file_ && static_cast<uint64_t>(size_) < kSegmentBytes) return true;
  if (!OpenSegment()) return false;
  DropReleased();
  return true;
}

bool OutputSpool::OpenSegment() {
  UniqueFd file(open(PathOf(next_number_).c_str(),
                     O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return false;
  file_ = std::move(file);
  size_ = 0;
  segments_.push_back({.number = next_number_++, .waits = {}});
  return true;
}

bool OutputSpool::PutHeader(uint64_t fence, v1::LogStream stream,
                            size_t bytes) {
  const Header header{.fence = fence,
                      .offset = services_[fence].printed,
                      .stream = static_cast<uint32_t>(stream),
                      .bytes = static_cast<uint32_t>(bytes)};
  return pwrite(file_.get(), &header, sizeof(header), size_) ==
         static_cast<ssize_t>(sizeof(header));
}

void OutputSpool::Took(uint64_t fence, v1::LogStream stream, size_t bytes) {
  if (!PutHeader(fence, stream, bytes)) return Miss(fence, bytes);
  size_ += static_cast<off_t>(sizeof(Header) + bytes);
  Service& service = services_[fence];
  service.printed += bytes;
  service.segment = segments_.back().number;
  segments_.back().waits[fence] = service.printed;
}

void OutputSpool::Miss(uint64_t fence, size_t bytes) {
  services_[fence].printed += bytes;
  if (file_) {
    [[maybe_unused]] const int undone = ftruncate(file_.get(), size_);
  }
}

// The bytes go from the pipe to the file inside the system, behind a header
// that fits however many they are.
ssize_t OutputSpool::Read(uint64_t fence, v1::LogStream stream, int pipe,
                          char* to, size_t most) {
  if (!NextSegment() || !PutHeader(fence, stream, 0)) {
    return ReadPlainly(fence, pipe, to, most);
  }
  const off_t begin = size_ + static_cast<off_t>(sizeof(Header));
  off_t at = begin;
  const ssize_t moved =
      splice(pipe, nullptr, file_.get(), &at, most, SPLICE_F_NONBLOCK);
  if (moved == 0 || (moved < 0 && (errno == EAGAIN || errno == EINTR))) {
    return moved;
  }
  if (moved < 0) return ReadPlainly(fence, pipe, to, most);
  const ssize_t got = pread(file_.get(), to, static_cast<size_t>(moved), begin);
  Took(fence, stream, static_cast<size_t>(moved));
  return got;
}

ssize_t OutputSpool::ReadPlainly(uint64_t fence, int pipe, char* to,
                                 size_t most) {
  const ssize_t got = read(pipe, to, most);
  const int error = errno;
  Miss(fence, got > 0 ? static_cast<size_t>(got) : 0);
  errno = error;
  return got;
}

void OutputSpool::Append(uint64_t fence, v1::LogStream stream,
                         std::string_view data) {
  if (!NextSegment() || !PutHeader(fence, stream, 0) ||
      pwrite(file_.get(), data.data(), data.size(),
             size_ + static_cast<off_t>(sizeof(Header))) !=
          static_cast<ssize_t>(data.size())) {
    return Miss(fence, data.size());
  }
  Took(fence, stream, data.size());
}

void OutputSpool::Release(uint64_t fence, uint64_t bytes) {
  for (Segment& segment : segments_) {
    const auto it = segment.waits.find(fence);
    if (it == segment.waits.end()) continue;
    if (it->second > bytes) break;
    segment.waits.erase(it);
  }
  DropReleased();
}

void OutputSpool::Forget(uint64_t fence) {
  services_.erase(fence);
  Release(fence, UINT64_MAX);
}

void OutputSpool::ForgetOthers(absl::FunctionRef<bool(uint64_t fence)> known) {
  std::vector<uint64_t> others;
  for (const auto& [fence, service] : services_) {
    if (!known(fence)) others.push_back(fence);
  }
  for (const uint64_t fence : others) Forget(fence);
}

// The daemon would take what a service prints later for what it has, if nothing
// said any more how much lies before it.
bool OutputSpool::KeepPlaces(uint64_t number) {
  std::string places;
  for (const auto& [fence, service] : services_) {
    if (service.segment != number || service.printed == 0) continue;
    const Header header{
        .fence = fence, .offset = service.printed, .stream = kPlace};
    places.append(reinterpret_cast<const char*>(&header), sizeof(header));
  }
  if (places.empty()) return true;
  if (!file_ && !OpenSegment()) return false;
  if (pwrite(file_.get(), places.data(), places.size(), size_) !=
      static_cast<ssize_t>(places.size())) {
    [[maybe_unused]] const int undone = ftruncate(file_.get(), size_);
    return false;
  }
  size_ += static_cast<off_t>(places.size());
  for (auto& [fence, service] : services_) {
    if (service.segment == number) service.segment = segments_.back().number;
  }
  return true;
}

void OutputSpool::DropReleased() {
  while (segments_.size() > 1 && segments_.front().waits.empty() &&
         KeepPlaces(segments_.front().number)) {
    unlink(PathOf(segments_.front().number).c_str());
    segments_.pop_front();
  }
}

}  // namespace w2t::worker
