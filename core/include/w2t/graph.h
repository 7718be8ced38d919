// Graph: the mutable declaration of tasks and what they depend on.
//
//   Graph graph("shop");
//   graph.Add({.name = "migrate"});
//   graph.Add({.name = "api", .depends_on = {{"migrate"}}});
//   BlueprintOr built = Blueprint::Build(graph, Limits());
//
// A Graph is not checked while it is put together: dependencies go by name and
// may be declared before the task that they name. Blueprint::Build finds every
// fault at once. Not thread-safe.
#ifndef W2T_GRAPH_H_
#define W2T_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace w2t {

// Position of a task in its graph.
using TaskIndex = uint32_t;
inline constexpr TaskIndex kNoTask = UINT32_MAX;

enum class TaskKind : uint8_t {
  kTask,     // runs to its end
  kService,  // stays up until stopped, in reverse order of the dependencies
};

// What must be true of a dependency.
enum class Condition : uint8_t {
  kDefault,    // kReady after a service with a probe, kStarted after one
               // without, kSucceeded after a task
  kSucceeded,  // ended well
  kFinished,   // ended in any way, including being skipped
  kFailed,     // ran and did not end well
  kStarted,    // an attempt has started
  kReady,      // the probe has passed
};

// What the first failure of a task that counts means for the rest of a run.
enum class OnFailure : uint8_t {
  kContinue,  // what depends on it is skipped
  kCancel,    // all else is stopped, in reverse order
  kUndo,      // and what had succeeded is undone on the way back
};

struct Dependency {
  std::string task;
  Condition condition = Condition::kDefault;
  uint32_t quorum = 0;   // of TaskSpec::quorums, from 1; 0: counts by itself
  bool restart = false;  // the dependent is restarted with it

  bool operator==(const Dependency&) const = default;
};

// When a failed attempt is repeated. Attempts that are lost with their worker
// are repeated apart from this, up to Limits::max_lost_attempts, or without
// a bound when `attempts` has none, unless the task is at_most_once.
struct RetryPolicy {
  static constexpr uint32_t kUnlimited = UINT32_MAX;

  uint32_t attempts = 1;  // in all, with the first
  absl::Duration initial_backoff = absl::ZeroDuration();  // doubles each time
  absl::Duration max_backoff = absl::ZeroDuration();
  std::vector<int32_t> exit_codes;  // only after these; empty: after any
  bool on_success = false;          // also repeat what ended well
  // Only attempts that ended within this time count; 0: all of them.
  absl::Duration window = absl::ZeroDuration();
  // After an attempt that was up for this long, attempts count from the first
  // again; 0: never.
  absl::Duration stable_after = absl::ZeroDuration();

  bool operator==(const RetryPolicy&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const RetryPolicy& r) {
    return H::combine(std::move(h), r.attempts, r.initial_backoff,
                      r.max_backoff, r.exit_codes, r.on_success, r.window,
                      r.stable_after);
  }
};

// An amount of something that a worker has a bounded number of, in thousandths.
struct Resource {
  std::string name;
  uint64_t milli = 0;

  bool operator==(const Resource&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Resource& r) {
    return H::combine(std::move(h), r.name, r.milli);
  }
};

inline constexpr char kCpus[] = "cpus";
// The capability of workers that run programs; handlers are "handler:NAME".
inline constexpr char kExecCapability[] = "exec";

// What an attempt needs of its worker. Tasks with equal demands are placed
// together, so a graph holds each distinct demand once.
struct Demand {
  std::string capability = kExecCapability;
  std::vector<Resource> resources = {{kCpus, 1000}};        // sorted by name
  std::string worker;                                       // empty: any
  std::vector<std::pair<std::string, std::string>> labels;  // sorted by key

  bool operator==(const Demand&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Demand& d) {
    return H::combine(std::move(h), d.capability, d.resources, d.worker,
                      d.labels);
  }
};

inline constexpr absl::Duration kDefaultEstimate = absl::Seconds(1);

// One task as declared. `demand` and `retry` are what Graph::AddDemand and
// Graph::AddRetry returned; 0 is the default of each.
struct TaskSpec {
  std::string name;
  TaskKind kind = TaskKind::kTask;
  uint32_t action = 0;  // opaque here: an index into the caller's actions
  std::vector<Dependency> depends_on;
  // How many dependencies must hold; 0: all of them. A quorum counts as one.
  uint32_t trigger = 0;
  // Groups of dependencies that hold together, once so many of each do.
  std::vector<uint32_t> quorums;
  uint32_t demand = 0;
  uint32_t retry = 0;
  int32_t priority = 0;  // higher first
  absl::Duration estimate = kDefaultEstimate;
  bool has_probe = false;      // its worker will report that it is ready
  bool allow_failure = false;  // the run may succeed without it
  bool fail_run = false;       // its failure ends the run at once
  // Once a worker may have started it, it is never started again: what is lost
  // then stays lost. Has no retries.
  bool at_most_once = false;
  // Its run goes on without it; only its position is left.
  bool removed = false;
  // The task that this one undoes; empty: it is like any other.
  std::string undo_of;
};

class Graph {
 public:
  explicit Graph(std::string name = "run") : name_(std::move(name)) {}

  TaskIndex Add(TaskSpec task);
  // Makes room for this many tasks in all, to save time.
  void Reserve(size_t tasks) { tasks_.reserve(tasks); }

  // The number of `demand` or `retry` in this graph; equal ones share it.
  uint32_t AddDemand(const Demand& demand);
  uint32_t AddRetry(const RetryPolicy& retry);

  void SetOnFailure(OnFailure on_failure) { on_failure_ = on_failure; }

  const std::string& name() const { return name_; }
  OnFailure on_failure() const { return on_failure_; }
  const std::vector<TaskSpec>& tasks() const { return tasks_; }
  const std::vector<Demand>& demands() const { return demands_; }
  const std::vector<RetryPolicy>& retries() const { return retries_; }

 private:
  std::string name_;
  OnFailure on_failure_ = OnFailure::kContinue;
  std::vector<TaskSpec> tasks_;
  std::vector<Demand> demands_ = {Demand()};
  std::vector<RetryPolicy> retries_ = {RetryPolicy()};
  absl::flat_hash_map<Demand, uint32_t> demand_numbers_ = {{Demand(), 0}};
  absl::flat_hash_map<RetryPolicy, uint32_t> retry_numbers_ = {
      {RetryPolicy(), 0}};
};

}  // namespace w2t

#endif  // W2T_GRAPH_H_
