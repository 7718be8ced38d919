#include "server/logs/log_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace w2t {
namespace {

constexpr char kMagic[] = "w2tl";
constexpr size_t kNumberAt = 8;
constexpr size_t kMaxFolderBytes = 200;

static_assert(std::endian::native == std::endian::little);

template <typename Int>
void Put(Int value, std::string* out) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out->append(bytes, sizeof(bytes));
}

template <typename Int>
Int Get(std::string_view bytes, size_t at) {
  Int value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// FNV-1a, 64 bits: keeps apart what was cut off alike.
uint64_t Fingerprint(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace

std::string EncodeLogHeader(LogFileKind kind, uint64_t number) {
  std::string header(kMagic, 4);
  Put(static_cast<uint32_t>(kind), &header);
  Put(number, &header);
  return header;
}

std::optional<uint64_t> DecodeLogHeader(LogFileKind kind,
                                        std::string_view bytes) {
  if (bytes.size() < kLogHeaderBytes || !bytes.starts_with(kMagic) ||
      Get<uint32_t>(bytes, 4) != static_cast<uint32_t>(kind)) {
    return std::nullopt;
  }
  const auto number = Get<uint64_t>(bytes, kNumberAt);
  if (number > kMaxPrintedBytes) return std::nullopt;
  return number;
}

std::string LogSlotPath(std::string_view path, int slot) {
  return fmt::format("{}.{}", path, slot == 0 ? 'a' : 'b');
}

void AppendLogFrame(const v1::LogChunk& chunk, std::string_view data,
                    uint64_t dropped, std::string* out) {
  const bool known = chunk.stream() != v1::LOG_STREAM_UNSPECIFIED &&
                     v1::LogStream_IsValid(chunk.stream());
  Put(static_cast<uint32_t>(data.size()), out);
  Put(static_cast<uint32_t>(known ? chunk.stream() : v1::LOG_STREAM_STDOUT),
      out);
  Put(chunk.time_us(), out);
  Put(dropped, out);
  out->append(data);
}

std::optional<LogFrame> DecodeLogFrame(std::string_view bytes) {
  if (bytes.size() < kLogFrameBytes) return std::nullopt;
  const auto stream = Get<uint32_t>(bytes, 4);
  LogFrame frame;
  frame.length = Get<uint32_t>(bytes, 0);
  frame.time_us = Get<int64_t>(bytes, 8);
  frame.dropped = Get<uint64_t>(bytes, 16);
  if (frame.length > kMaxLogDataBytes || frame.dropped > kMaxPrintedBytes ||
      stream < v1::LogStream_MIN + 1 || stream > v1::LogStream_MAX) {
    return std::nullopt;
  }
  frame.stream = static_cast<v1::LogStream>(stream);
  return frame;
}

std::string LogFolderName(std::string_view run_id) {
  std::string name;
  for (const char c : run_id) {
    if (IsPlain(c) && !(c == '.' && name.empty())) {
      name += c;
    } else {
      name += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  if (name.empty()) return "%";
  if (name.size() <= kMaxFolderBytes) return name;
  return fmt::format("{}~{:016x}", name.substr(0, kMaxFolderBytes),
                     Fingerprint(run_id));
}

bool IsLogFolderName(std::string_view name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsPlain(c) || c == '%' || c == '~'; });
}

}  // namespace w2t
