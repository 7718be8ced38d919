#include "client/graphfile/json_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace w2t::graphfile {
namespace {

// The code unit of an escape "\uXXXX" at the start of `text`.
std::optional<uint32_t> CodeUnit(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  uint32_t unit = 0;
  const char* end = text.data() + 6;
  const auto [stop, error] = std::from_chars(text.data() + 2, end, unit, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return unit;
}

// The character of a pair of such escapes.
std::optional<uint32_t> Pair(std::string_view text) {
  const std::optional<uint32_t> high = CodeUnit(text);
  if (!high || *high < 0xD800 || *high > 0xDBFF) return std::nullopt;
  const std::optional<uint32_t> low = CodeUnit(text.substr(6));
  if (!low || *low < 0xDC00 || *low > 0xDFFF) return std::nullopt;
  return 0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00);
}

}  // namespace

std::optional<std::string> JoinSurrogates(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != '{') {
    return std::nullopt;
  }
  std::string joined;
  bool found = false;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (!quoted || c != '\\') {
      joined += c;
      continue;
    }
    const std::optional<uint32_t> character = Pair(text.substr(i));
    if (character) {
      found = true;
      joined += fmt::format("\\U{:08x}", *character);
      i += 11;
    } else {
      joined += text.substr(i, 2);
      ++i;
    }
  }
  if (!found) return std::nullopt;
  return joined;
}

}  // namespace w2t::graphfile
