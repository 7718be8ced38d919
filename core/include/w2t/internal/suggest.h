// Guesses which name was meant, also while something is compiled. Not for
// users.
#ifndef W2T_INTERNAL_SUGGEST_H_
#define W2T_INTERNAL_SUGGEST_H_

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace w2t {

// Longer names are far from all others.
inline constexpr size_t kMaxSuggested = 256;

// Edits (insert, delete, replace, swap neighbours) that turn `a` into `b`, or
// `bound` + 1 when it takes more than `bound`. The restricted
// Damerau-Levenshtein distance.
constexpr size_t EditDistance(std::string_view a, std::string_view b,
                              size_t bound) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > bound || b.size() > kMaxSuggested) return bound + 1;
  // Not filled beforehand, which would cost more than most comparisons.
  size_t rows[3][kMaxSuggested + 1];
  size_t* before = rows[0];  // the row above the previous one
  size_t* previous = rows[1];
  size_t* row = rows[2];
  for (size_t i = 0; i <= a.size(); ++i) previous[i] = i;
  for (size_t j = 1; j <= b.size(); ++j) {
    row[0] = j;
    size_t least = row[0];
    for (size_t i = 1; i <= a.size(); ++i) {
      row[i] = std::min({previous[i] + 1, row[i - 1] + 1,
                         previous[i - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[i] = std::min(row[i], before[i - 2] + 1);
      }
      least = std::min(least, row[i]);
    }
    if (least > bound) return bound + 1;
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return std::min(previous[a.size()], bound + 1);
}

// The candidate nearest to `name`, the earlier of equals, or an empty view when
// none is near enough to be a slip: one edit for each three characters.
// `candidate` is called with 0 to `count` - 1 and returns a std::string_view.
// O(count).
template <typename Candidate>
constexpr std::string_view Suggest(std::string_view name, size_t count,
                                   const Candidate& candidate) {
  if (name.size() < 2) return {};  // any other letter would be near
  size_t bound = std::max<size_t>(1, name.size() / 3);
  std::string_view best;
  for (size_t i = 0; i < count; ++i) {
    const std::string_view other = candidate(i);
    if (other.empty()) continue;
    const size_t distance = EditDistance(name, other, bound);
    if (distance > bound) continue;
    best = other;
    if (distance <= 1) break;
    bound = distance - 1;
  }
  return best;
}

}  // namespace w2t

#endif  // W2T_INTERNAL_SUGGEST_H_
