// How one graph differs from another, for a person who sent both.
#ifndef W2T_PROTO_WIRE_GRAPH_DIFFERENCE_H_
#define W2T_PROTO_WIRE_GRAPH_DIFFERENCE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "w2t/diagnostic.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::wire {

// Graphs whose encoded form is larger are not looked into.
inline constexpr size_t kMaxComparedBytes = 1 << 20;

// The first difference of `now` from the graph that was encoded as `before`:
// `task "b": command differs`, `task "c" is new`, `task "d" is gone`, with the
// task and the field where there are any; its message is at most a few hundred
// bytes long. Names nothing but "the graph" when that is all there is to say.
Diagnostic FirstDifference(std::string_view before, const v1::Graph& now);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_GRAPH_DIFFERENCE_H_
