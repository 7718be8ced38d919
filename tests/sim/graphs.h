// Random graphs, of everything that a graph can ask for.
#ifndef W2T_TESTS_SIM_GRAPHS_H_
#define W2T_TESTS_SIM_GRAPHS_H_

#include "tests/sim/random.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::sim {

// The name of the worker that tasks may ask for: one that has the cpu and the
// leases for what asks for nothing else, and comes back when it dies or leaves.
inline constexpr char kAlwaysThere[] = "w0";
// What a service runs; a task runs something else.
inline constexpr char kServiceProgram[] = "service";
// That each worker may serve, beside programs.
inline constexpr char kHandlerName[] = "handler";

v1::Graph MakeGraph(Random& random, uint64_t most_tasks);
// What somebody may want in the place of `running`: tasks that come, go, come
// back, and change.
v1::Graph ReviseGraph(Random& random, const v1::Graph& running);

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_GRAPHS_H_
