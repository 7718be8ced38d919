// Blueprint: a validated, frozen Graph. Nothing runs without one.
//
// It is acyclic, its tasks have dense indices (their positions in the Graph),
// and both directions of every edge lie in flat arrays. Immutable, so any
// number of threads may read one.
//
// Built in O(V + E) by Kahn's algorithm (A. B. Kahn, "Topological sorting of
// large networks", 1962). Only when a graph turns out to be cyclic, more is
// spent to find the shortest cycle of each knot.
#ifndef W2T_BLUEPRINT_H_
#define W2T_BLUEPRINT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "w2t/diagnostic.h"
#include "w2t/graph.h"
#include "w2t/limits.h"

namespace w2t {

class Blueprint;

// Either a blueprint, or why there is none.
struct BlueprintOr {
  std::shared_ptr<const Blueprint> blueprint;  // null when there are faults
  Diagnostics faults;
};

class Blueprint {
 public:
  // One end of a dependency, seen from the other one.
  struct Edge {
    TaskIndex task;
    Condition condition;       // never kDefault
    bool restart : 1 = false;  // Dependency::restart
    uint32_t quorum : 23 = 0;  // of quorums(), from 1; 0: none
  };
  static_assert(sizeof(Edge) == 8);  // there are tens of millions

  // Edges into one task that count as one, which holds once `need` of them do.
  struct Quorum {
    uint32_t need;
    uint32_t size;
  };
  static constexpr uint64_t kMostQuorums = (1u << 23) - 1;

  // Checks `graph` and freezes it. Reports all faults: names, unknown,
  // duplicate and self dependencies, a shortest cycle for each knot, triggers,
  // retries of what runs at most once, what undoes what, limits.
  static BlueprintOr Build(const Graph& graph, const Limits& limits);

  const std::string& name() const { return name_; }
  uint32_t size() const { return static_cast<uint32_t>(tasks_.size()); }
  uint64_t edges() const { return predecessors_.edges.size(); }

  std::string_view task_name(TaskIndex task) const;
  // The index of a name, or kNoTask. O(1) in a Blueprint of a w2t::Graph.
  TaskIndex Find(std::string_view name) const;
  TaskKind kind(TaskIndex task) const { return tasks_[task].kind; }
  uint32_t action(TaskIndex task) const { return placing(task).action; }
  // How many dependencies must hold before the task may start.
  uint32_t need(TaskIndex task) const { return tasks_[task].need; }
  // How many it has, each quorum counted as one.
  uint32_t countable(TaskIndex task) const {
    const auto edges = static_cast<uint32_t>(predecessors(task).size());
    if (!tasks_[task].has_quorums) return edges;
    const auto merged = merged_.find(task);
    return merged == merged_.end() ? edges : edges - merged->second;
  }
  bool has_quorums(TaskIndex task) const { return tasks_[task].has_quorums; }
  const std::vector<Quorum>& quorums() const { return quorums_; }
  uint32_t demand(TaskIndex task) const { return placing(task).demand; }
  const RetryPolicy& retry(TaskIndex task) const {
    return retries_[placing(task).retry];
  }
  int32_t priority(TaskIndex task) const { return placing(task).priority; }
  bool has_probe(TaskIndex task) const { return tasks_[task].has_probe; }
  bool allow_failure(TaskIndex task) const {
    return tasks_[task].allow_failure;
  }
  bool fail_run(TaskIndex task) const { return tasks_[task].fail_run; }
  bool at_most_once(TaskIndex task) const { return tasks_[task].at_most_once; }
  bool removed(TaskIndex task) const { return tasks_[task].removed; }
  uint32_t removed() const { return removed_; }  // how many
  OnFailure on_failure() const { return on_failure_; }
  // True for a task that undoes another one.
  bool is_undo(TaskIndex task) const { return tasks_[task].is_undo; }
  // How many there are.
  uint32_t undos() const {
    return static_cast<uint32_t>(undo_partners_.size() / 2);
  }
  // What `task` undoes, when it undoes something; else what undoes it, or
  // kNoTask.
  TaskIndex undo_partner(TaskIndex task) const {
    const auto it = undo_partners_.find(task);
    return it == undo_partners_.end() ? kNoTask : it->second;
  }
  // True when a dependent is restarted with the task.
  bool has_followers(TaskIndex task) const {
    return tasks_[task].has_followers;
  }
  // True when a dependent waits for the task's start or readiness, so that
  // these matter before its end.
  bool watched_alive(TaskIndex task) const {
    return tasks_[task].watched_alive;
  }

  absl::Span<const Edge> predecessors(TaskIndex task) const {
    return predecessors_.of(task);
  }
  absl::Span<const Edge> successors(TaskIndex task) const {
    return successors_.of(task);
  }

  // Depth of a task, from 1, and the number of steps. For people; never a
  // barrier.
  uint32_t step(TaskIndex task) const { return tasks_[task].step; }
  uint32_t steps() const { return steps_; }
  // The task at a place from 0 to size() - 1 of an order in which every task
  // comes after all that it depends on.
  TaskIndex in_order(uint32_t place) const {
    return order_.empty() ? place : order_[place];
  }

  // Lengths by the tasks' estimates: of one task, of the longest way from its
  // start to the end of the graph, and of the longest way of all. A service
  // counts with its estimate, as the time it takes to get ready. All are zero
  // in a graph that knows no estimates.
  absl::Duration estimate(TaskIndex task) const {
    return absl::Microseconds(lengths_.empty() ? 0
                                               : lengths_[task].estimate_us);
  }
  int64_t remaining_us(TaskIndex task) const {
    return lengths_.empty() ? 0 : lengths_[task].remaining_us;
  }
  absl::Duration critical_path() const {
    return absl::Microseconds(critical_path_us_);
  }
  // The tasks of the longest way, in order.
  std::vector<TaskIndex> CriticalTasks() const;

  const std::vector<Demand>& demands() const { return demands_; }

 private:
  friend class BlueprintDraft;

  struct Task {
    uint32_t need = 0;
    uint32_t step = 1;
    uint32_t name_end = 0;  // names_ holds all names one after the other
    TaskKind kind = TaskKind::kTask;
    bool waits_for_some : 1 = false;
    bool has_probe : 1 = false;
    bool allow_failure : 1 = false;
    bool fail_run : 1 = false;
    bool at_most_once : 1 = false;
    bool watched_alive : 1 = false;
    bool has_quorums : 1 = false;
    bool removed : 1 = false;
    bool has_followers : 1 = false;
    bool is_undo : 1 = false;
  };
  struct Placing {
    uint32_t action = 0;
    uint32_t demand = 0;
    uint32_t retry = 0;
    int32_t priority = 0;
  };
  struct Length {
    int64_t estimate_us;
    int64_t remaining_us;
  };
  // Compressed sparse rows.
  struct Adjacency {
    std::vector<uint32_t> begin;  // size V + 1
    std::vector<Edge> edges;

    absl::Span<const Edge> of(TaskIndex task) const {
      return absl::MakeConstSpan(edges).subspan(begin[task],
                                                begin[task + 1] - begin[task]);
    }
  };

  const Placing& placing(TaskIndex task) const {
    static constexpr Placing kAlike;
    return placings_.empty() ? kAlike : placings_[task];
  }

  Blueprint() = default;
  Blueprint& operator=(const Blueprint&) = default;

  std::string name_;
  std::string names_;
  std::vector<Task> tasks_;
  std::vector<Placing> placings_;  // empty: all are alike
  std::vector<Length> lengths_;    // empty: they have none
  // Its keys lie in names_.
  absl::flat_hash_map<absl::string_view, TaskIndex> by_name_;
  Adjacency predecessors_;
  Adjacency successors_;
  std::vector<Quorum> quorums_;
  // By how much a task's edges are more than what they count as.
  absl::flat_hash_map<TaskIndex, uint32_t> merged_;
  absl::flat_hash_map<TaskIndex, TaskIndex> undo_partners_;  // both ways
  OnFailure on_failure_ = OnFailure::kContinue;
  std::vector<TaskIndex> order_;  // empty: the order of the indices is one
  std::vector<Demand> demands_;
  std::vector<RetryPolicy> retries_;
  uint32_t removed_ = 0;
  uint32_t steps_ = 0;
  int64_t critical_path_us_ = 0;
};

}  // namespace w2t

#endif  // W2T_BLUEPRINT_H_
