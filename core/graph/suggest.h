// Guesses which name was meant.
#ifndef W2T_CORE_GRAPH_SUGGEST_H_
#define W2T_CORE_GRAPH_SUGGEST_H_

#include <cstddef>
#include <functional>
#include <string_view>

namespace w2t {

// Edits (insert, delete, replace, swap neighbours) that turn `a` into `b`, or
// `bound` + 1 when it takes more than `bound`. The restricted
// Damerau-Levenshtein distance.
size_t EditDistance(std::string_view a, std::string_view b, size_t bound);

// The candidate nearest to `name`, the earlier of equals, or an empty view when
// none is near enough to be a slip: one edit for each three characters.
// `candidate` is called with 0 to `count` - 1. O(count).
std::string_view Suggest(
    std::string_view name, size_t count,
    const std::function<std::string_view(size_t)>& candidate);

}  // namespace w2t

#endif  // W2T_CORE_GRAPH_SUGGEST_H_
