// Random graphs, of everything that a graph can ask for.
#ifndef W2T_TESTS_SIM_GRAPHS_H_
#define W2T_TESTS_SIM_GRAPHS_H_

#include "tests/sim/random.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::sim {

v1::Graph MakeGraph(Random& random, uint64_t most_tasks);

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_GRAPHS_H_
