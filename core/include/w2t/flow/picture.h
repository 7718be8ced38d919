// Pictures of graphs and of finished runs, as text for Graphviz and Mermaid.
//
//   dot -Tsvg graph.dot        ToDot
//   ```mermaid ... ```         ToMermaid, in Markdown
//
// Tasks are in the order of their indices, and edges in that of the tasks that
// they come from. An edge bears its condition unless that is "succeeded", and a
// task that waits for some of its dependencies only says how many. In the
// picture of a run each task has the colour of its state, a word for any state
// but "succeeded", and, with RunOptions::timings, the time that it took.
//
// Any name may be shown: what means something to either format is escaped, and
// control characters become spaces. O(V + E) in time and length.
#ifndef W2T_FLOW_PICTURE_H_
#define W2T_FLOW_PICTURE_H_

#include <string>

#include "w2t/blueprint.h"
#include "w2t/flow/result.h"

namespace w2t::flow {

std::string ToDot(const Blueprint& graph);
// Without tasks when the graph had faults, and nothing was run.
std::string ToDot(const Result& run);

std::string ToMermaid(const Blueprint& graph);
// Without tasks when the graph had faults, and nothing was run.
std::string ToMermaid(const Result& run);

}  // namespace w2t::flow

#endif  // W2T_FLOW_PICTURE_H_
