// A running graph and the one that is wanted in its place, made into one.
//
// Positions are what a run knows its tasks by, and numbers of actions what its
// workers know them by. So in the merged graph every task of the running one
// keeps its position, also one that is taken out, which is marked as removed;
// what is new is put behind, and so are the actions of what has changed. A task
// that comes back takes its old position.
#ifndef W2T_PROTO_WIRE_GRAPH_MERGE_H_
#define W2T_PROTO_WIRE_GRAPH_MERGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "w2t/blueprint.h"
#include "w2t/v1/graph.pb.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::wire {

struct GraphMerge {
  v1::Graph graph;
  // By position. Empty: the two say the same.
  std::vector<v1::TaskChange> changes;
  std::vector<TaskIndex> positions;  // of these
  // Positions of those that start anew as something else, and of those that
  // are taken out.
  std::vector<TaskIndex> changed;
  std::vector<TaskIndex> removed;
  // Whether on_failure differs, which belongs to no task.
  bool on_failure = false;
};

// With `only`, the tasks of these names are taken from `wanted` and all else is
// left as it runs. Two definitions are the same when they say the same with
// what they do written out, whatever the order of their dependencies. `running`
// must be one that was accepted; `wanted` may be at fault, and so may be what
// comes of it. O(size of both).
GraphMerge MergeGraphs(const v1::Graph& running, const v1::Graph& wanted,
                       const absl::flat_hash_set<std::string>* only = nullptr);

// A task that restarts with another one, by position.
struct Follower {
  TaskIndex task = kNoTask;
  TaskIndex follows = kNoTask;
};
// Adds to the changes what follows them: tasks that are not changed, by
// position. What is updated and follows counts as following.
void AddFollowers(absl::Span<const Follower> followers, GraphMerge* merge);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_GRAPH_MERGE_H_
