// Finds the cycles of a graph that cannot be ordered.
#ifndef W2T_CORE_GRAPH_CYCLES_H_
#define W2T_CORE_GRAPH_CYCLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "w2t/blueprint.h"

namespace w2t {

// Steps that the search for a shortest cycle may take in one knot.
inline constexpr uint64_t kCycleSearchBudget = 20'000'000;

// One cycle for each knot (strongly connected component with more than one
// task), ordered by its first task; each as the way from a task through what it
// depends on back to itself, without the repetition at the end, starting with
// its task of the lowest index.
//
// It is a shortest cycle of its knot as long as the search stays within
// kCycleSearchBudget; in a larger knot it is the shortest one through the tasks
// that were tried. Tasks that only hang off a cycle are in none.
//
// A task that depends on itself alone is no knot: callers refuse that before.
//
// `begin` and `edges` are the tasks' dependencies as compressed sparse rows.
// R. Tarjan, "Depth-first search and linear graph algorithms", 1972, without
// recursion, then breadth-first searches inside each knot.
std::vector<std::vector<TaskIndex>> FindCycles(
    absl::Span<const uint32_t> begin, absl::Span<const Blueprint::Edge> edges);

// "a -> b -> a"; of a long path only the beginning and the end.
std::string PathInWords(const std::vector<std::string>& path);

}  // namespace w2t

#endif  // W2T_CORE_GRAPH_CYCLES_H_
