// A part of a graph: some tasks and all that they need.
#ifndef W2T_CLIENT_GRAPHFILE_TARGETS_H_
#define W2T_CLIENT_GRAPHFILE_TARGETS_H_

#include "absl/types/span.h"
#include "w2t/blueprint.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::graphfile {

// What `graph`, whose blueprint is given, says of the targets and of all that
// they depend on, directly or not. In the same order. O(V + E).
v1::Graph OnlyNeeded(const v1::Graph& graph, const Blueprint& blueprint,
                     absl::Span<const TaskIndex> targets);

}  // namespace w2t::graphfile

#endif  // W2T_CLIENT_GRAPHFILE_TARGETS_H_
