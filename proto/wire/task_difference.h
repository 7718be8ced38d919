// In which fields two definitions of a task differ, in the words of people.
#ifndef W2T_PROTO_WIRE_TASK_DIFFERENCE_H_
#define W2T_PROTO_WIRE_TASK_DIFFERENCE_H_

#include <string>
#include <string_view>
#include <vector>

#include "w2t/v1/graph.pb.h"

namespace w2t::wire {

// A task and what it does. Both must outlive it.
struct TaskDefinition {
  const v1::Task* task;
  const v1::Action* action;
};

// The task at `place`, which must be there. One whose action is not there has
// an empty one.
TaskDefinition DefinitionAt(const v1::Graph& graph, int place);

// "command", "env", "timeout", "host": those of the action first, then those of
// the task but its name and the number of its action; each once. Empty when
// there are none.
std::vector<std::string> DifferingFields(const TaskDefinition& a,
                                         const TaskDefinition& b);

// Whether a running attempt must be started anew for a change of this field to
// matter. It need not be for what only says when a task may start, how often it
// is tried and what its failure means.
bool TakesRestart(std::string_view field);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_TASK_DIFFERENCE_H_
