#include "proto/wire/regex_cost.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace w2t::wire {
namespace {

constexpr uint64_t kCeiling = 10 * kMaxRegexCost;

// Behind the bracket expression that begins at `at`.
size_t SkipBracket(std::string_view text, size_t at) {
  ++at;
  if (at < text.size() && text[at] == '^') ++at;
  if (at < text.size() && text[at] == ']') ++at;
  while (at < text.size() && text[at] != ']') {
    const bool is_class =
        text[at] == '[' && at + 1 < text.size() &&
        (text[at + 1] == ':' || text[at + 1] == '.' || text[at + 1] == '=');
    if (!is_class) {
      ++at;
      continue;
    }
    const char end[] = {text[at + 1], ']'};
    const size_t close = text.find(std::string_view(end, 2), at + 2);
    at = close == std::string_view::npos ? text.size() : close + 2;
  }
  return std::min(at + 1, text.size());
}

// The larger bound of the repetition "{m,n}" that begins at `*at`, which is
// moved behind it.
uint64_t TakeRepetition(std::string_view text, size_t* at) {
  uint64_t largest = 1;
  uint64_t number = 0;
  for (++*at; *at < text.size() && text[*at] != '}'; ++*at) {
    const char c = text[*at];
    if (c < '0' || c > '9') {
      number = 0;
      continue;
    }
    number = std::min(number * 10 + static_cast<uint64_t>(c - '0'), kCeiling);
    largest = std::max(largest, number);
  }
  *at = std::min(*at + 1, text.size());
  return largest;
}

}  // namespace

uint64_t RegexCost(std::string_view expression) {
  struct Group {
    uint64_t cost = 0;  // of what is complete
    uint64_t atom = 0;  // of the latest atom, which may yet be repeated
  };
  std::vector<Group> groups(1);
  const auto add = [&](uint64_t atom) {
    Group& group = groups.back();
    group.cost = std::min(group.cost + group.atom, kCeiling);
    group.atom = atom;
  };
  for (size_t at = 0; at < expression.size();) {
    const char c = expression[at];
    if (c == '\\') {
      add(1);
      at += 2;
    } else if (c == '[') {
      add(1);
      at = SkipBracket(expression, at);
    } else if (c == '{') {
      const uint64_t times = TakeRepetition(expression, &at);
      groups.back().atom = std::min(groups.back().atom * times, kCeiling);
    } else if (c == '(') {
      groups.emplace_back();
      ++at;
    } else if (c == ')' && groups.size() > 1) {
      add(0);
      const uint64_t inner = groups.back().cost + 1;
      groups.pop_back();
      add(inner);
      ++at;
    } else {
      // These belong to the atom before them, which "{" may still repeat.
      if (c != '*' && c != '+' && c != '?') add(1);
      ++at;
    }
  }
  uint64_t cost = groups.size() - 1;
  for (const Group& group : groups) cost += group.cost + group.atom;
  return cost;
}

}  // namespace w2t::wire
