#include "client/worker/session/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace w2t::worker {

namespace {

// Length of the UTF-8 sequence at the start of `text`; 0 when it is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  size_t length = 0;
  uint32_t code = 0;
  uint32_t smallest = 0;
  if ((first & 0xE0) == 0xC0) {
    length = 2, code = first & 0x1F, smallest = 0x80;
  } else if ((first & 0xF0) == 0xE0) {
    length = 3, code = first & 0x0F, smallest = 0x800;
  } else if ((first & 0xF8) == 0xF0) {
    length = 4, code = first & 0x07, smallest = 0x10000;
  }
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3F);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < smallest || code > 0x10FFFF || surrogate ? 0 : length;
}

}  // namespace

std::string Shorten(std::string text, size_t max_bytes) {
  constexpr std::string_view kMore = "...";
  const bool cut = text.size() > max_bytes;
  const size_t room =
      cut ? max_bytes - std::min(max_bytes, kMore.size()) : text.size();
  size_t at = 0;
  while (at < room) {
    const size_t length = SequenceLength(std::string_view(text).substr(at));
    if (at + length > room) break;
    if (length == 0) text[at] = '?';
    at += length == 0 ? 1 : length;
  }
  if (cut) {
    text.resize(at);
    text += kMore;
  }
  return text;
}

std::string DurationText(absl::Duration duration) {
  if (duration < absl::Seconds(1)) {
    return fmt::format("{}ms", absl::ToInt64Milliseconds(duration));
  }
  return fmt::format(
      "{}s", static_cast<double>(absl::ToInt64Milliseconds(duration)) / 1000);
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace w2t::worker
