#include "core/graph/suggest.h"

#include <algorithm>
#include <vector>

namespace w2t {

size_t EditDistance(std::string_view a, std::string_view b, size_t bound) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > bound) return bound + 1;
  std::vector<size_t> before(a.size() + 1);  // the row above the previous one
  std::vector<size_t> previous(a.size() + 1);
  std::vector<size_t> row(a.size() + 1);
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
    before.swap(previous);
    previous.swap(row);
  }
  return std::min(previous[a.size()], bound + 1);
}

std::string_view Suggest(
    std::string_view name, size_t count,
    const std::function<std::string_view(size_t)>& candidate) {
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
