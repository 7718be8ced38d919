#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/base/absl_view.h"
#include "core/graph/blueprint_draft.h"
#include "core/graph/graph_faults.h"
#include "fmt/format.h"
#include "w2t/blueprint.h"

namespace w2t {

class BlueprintBuilder {
 public:
  BlueprintBuilder(const Graph& graph, const Limits& limits)
      : graph_(graph), limits_(limits), draft_(graph.name()), faults_(graph) {}

  BlueprintOr Build() {
    if (CheckSizes()) {
      AddTasks();
      ResolveDependencies();
      ResolveUndos();
      SetTriggers();
      faults_.CheckLimit("the number of quorums", "graph.tasks", "max_quorums",
                         Blueprint::kMostQuorums, quorums_);
      draft_.SetDemands(graph_.demands());
      draft_.SetRetries(graph_.retries());
      draft_.SetOnFailure(graph_.on_failure());
      for (const std::vector<TaskIndex>& cycle : draft_.Freeze()) {
        faults_.AddCycle(cycle);
      }
    }
    if (!faults_.empty()) return {nullptr, std::move(faults_).Take()};
    return {std::move(draft_).Take(), {}};
  }

 private:
  uint32_t size() const { return static_cast<uint32_t>(graph_.tasks().size()); }
  const TaskSpec& spec(TaskIndex task) const { return graph_.tasks()[task]; }

  // Indices are 32 bits wide, so nothing else is looked at in a graph that is
  // too large.
  bool CheckSizes() {
    if (graph_.tasks().empty()) {
      faults_.Add({.code = DiagnosticCode::kEmptyGraph,
                   .message = "the graph has no tasks",
                   .field = "graph.tasks"});
      return false;
    }
    uint64_t edges = 0;
    for (const TaskSpec& task : graph_.tasks()) edges += task.depends_on.size();
    const size_t before = faults_.total();
    faults_.CheckLimit("the number of tasks", "graph.tasks", "max_tasks",
                       limits_.max_tasks, graph_.tasks().size());
    faults_.CheckLimit("the number of dependencies", "graph.tasks", "max_edges",
                       limits_.max_edges, edges);
    faults_.CheckLimit("the number of distinct demands", "graph.tasks",
                       "max_demands", limits_.max_demands,
                       graph_.demands().size());
    const bool fits = faults_.total() == before;
    faults_.CheckLimit("the length of the graph's name", "graph.name",
                       "max_name_bytes", limits_.max_name_bytes,
                       graph_.name().size());
    return fits;
  }

  void AddTasks() {
    size_t name_bytes = 0;
    for (const TaskSpec& task : graph_.tasks()) name_bytes += task.name.size();
    draft_.Reserve(size(), name_bytes);  // by_name() points into the names
    draft_.by_name().reserve(size());
    for (TaskIndex i = 0; i < size(); ++i) {
      draft_.Add(spec(i).name, spec(i));
      CheckName(i, draft_.task_name(i));
      CheckOnce(i);
    }
  }

  void CheckName(TaskIndex i, std::string_view name) {
    if (name.empty()) {
      faults_.AddToTask(i, DiagnosticCode::kMissingField, "name",
                        fmt::format("task {} has no name", i));
      return;
    }
    if (name.size() > limits_.max_name_bytes) {
      faults_.AddLimit(fmt::format("the length of the name of task \"{}...\"",
                                   name.substr(0, 32)),
                       fmt::format("graph.tasks[{}].name", i), "max_name_bytes",
                       limits_.max_name_bytes, name.size());
    }
    const auto [it, added] = draft_.by_name().try_emplace(AbslView(name), i);
    if (!added) {
      faults_.AddToTask(i, DiagnosticCode::kDuplicateTask, "name",
                        fmt::format("duplicate task \"{}\": tasks {} and "
                                    "{} have the same name",
                                    name, it->second, i));
    }
  }

  void CheckOnce(TaskIndex i) {
    const uint32_t attempts = graph_.retries()[spec(i).retry].attempts;
    if (!spec(i).at_most_once || attempts <= 1) return;
    faults_.AddToTask(i, DiagnosticCode::kInvalidValue, "side_effect",
                      fmt::format("task \"{}\" is to run at most once, but "
                                  "its retry asks for {} attempts",
                                  spec(i).name,
                                  attempts == RetryPolicy::kUnlimited
                                      ? "unlimited"
                                      : std::to_string(attempts)));
  }

  void ResolveDependencies() {
    last_dependent_.assign(size(), kNoTask);
    for (TaskIndex i = 0; i < size(); ++i) {
      const auto& dependencies = spec(i).depends_on;
      AddQuorums(i);
      for (uint32_t d = 0; d < dependencies.size(); ++d) {
        Resolve(i, d, dependencies[d]);
      }
    }
  }

  void Resolve(TaskIndex i, uint32_t d, const Dependency& dependency) {
    const auto& index = draft_.by_name();
    const auto it = index.find(AbslView(dependency.task));
    if (it == index.end()) return faults_.AddUnknown(i, d);
    const TaskIndex from = it->second;
    if (!spec(from).undo_of.empty()) {
      faults_.AddToEdge(
          i, d, DiagnosticCode::kInvalidValue,
          fmt::format("task \"{}\" depends on \"{}\", which only "
                      "undoes \"{}\"",
                      spec(i).name, dependency.task, spec(from).undo_of));
      return;
    }
    if (from == i) {
      faults_.AddToEdge(
          i, d, DiagnosticCode::kSelfDependency,
          fmt::format("task \"{}\" depends on itself", spec(i).name));
      return;
    }
    if (last_dependent_[from] == i) {
      faults_.AddToEdge(i, d, DiagnosticCode::kDuplicateDependency,
                        fmt::format("task \"{}\" depends on \"{}\" twice",
                                    spec(i).name, dependency.task));
      return;
    }
    last_dependent_[from] = i;
    Condition condition = dependency.condition;
    if (condition == Condition::kDefault) condition = DefaultCondition(from);
    if (condition == Condition::kReady && !spec(from).has_probe) {
      faults_.AddToEdge(
          i, d, DiagnosticCode::kNeverReady,
          fmt::format("task \"{}\" waits until \"{}\" is ready, but "
                      "that has no probe",
                      spec(i).name, dependency.task));
    }
    draft_.Depend(i, from, condition, QuorumOf(i, d, dependency.quorum),
                  dependency.restart);
  }

  void ResolveUndos() {
    for (TaskIndex i = 0; i < size(); ++i) {
      if (spec(i).undo_of.empty()) continue;
      const auto& index = draft_.by_name();
      const auto it = index.find(AbslView(spec(i).undo_of));
      const TaskIndex of = it == index.end() ? kNoTask : it->second;
      const std::string fault = UndoFault(i, of);
      if (fault.empty()) {
        draft_.Undo(i, of);
      } else {
        faults_.AddToTask(i, DiagnosticCode::kInvalidValue, "undo_of",
                          fmt::format("task \"{}\" undoes \"{}\", {}",
                                      spec(i).name, spec(i).undo_of, fault));
      }
    }
  }

  // What is wrong with `i` undoing `of`; empty: nothing.
  std::string UndoFault(TaskIndex i, TaskIndex of) const {
    if (of == kNoTask) return "which is no task";
    if (of == i || !spec(of).undo_of.empty()) return "which undoes something";
    if (draft_.undo_partner(of) != kNoTask) {
      return fmt::format("which \"{}\" undoes already",
                         spec(draft_.undo_partner(of)).name);
    }
    if (spec(of).kind == TaskKind::kService) {
      return "which is a service, and is stopped instead";
    }
    if (spec(i).kind == TaskKind::kService) return "and is a service";
    if (!spec(i).depends_on.empty()) return "and has dependencies of its own";
    return "";
  }

  void AddQuorums(TaskIndex i) {
    first_quorum_ = 0;
    for (const uint32_t need : spec(i).quorums) {
      if (++quorums_ > Blueprint::kMostQuorums) return;
      const uint32_t quorum = draft_.AddQuorum(i, need);
      if (first_quorum_ == 0) first_quorum_ = quorum;
    }
  }

  // The draft's number of a quorum that the task itself numbers.
  uint32_t QuorumOf(TaskIndex i, uint32_t d, uint32_t own) {
    if (own == 0 || quorums_ > Blueprint::kMostQuorums) return 0;
    if (own <= spec(i).quorums.size()) return first_quorum_ + own - 1;
    faults_.AddToEdge(i, d, DiagnosticCode::kInvalidValue,
                      fmt::format("task \"{}\" has no quorum {}; it has {}",
                                  spec(i).name, own, spec(i).quorums.size()));
    return 0;
  }

  // A quorum must ask for some of what it has.
  uint32_t CheckQuorums(TaskIndex i) {
    const auto& needs = spec(i).quorums;
    std::vector<uint32_t> sizes(needs.size());
    auto countable = static_cast<uint32_t>(spec(i).depends_on.size());
    for (const Dependency& dependency : spec(i).depends_on) {
      const uint32_t own = dependency.quorum;
      if (own == 0 || own > sizes.size()) continue;
      if (sizes[own - 1]++ > 0) --countable;
    }
    for (size_t q = 0; q < needs.size(); ++q) {
      if (needs[q] > 0 && needs[q] <= sizes[q]) continue;
      faults_.AddToTask(i, DiagnosticCode::kTriggerTooLarge,
                        fmt::format("quorums[{}]", q),
                        fmt::format("quorum {} of task \"{}\" asks for {} "
                                    "dependencies; it has {}",
                                    q + 1, spec(i).name, needs[q], sizes[q]));
    }
    return countable;
  }

  Condition DefaultCondition(TaskIndex from) const {
    if (spec(from).kind == TaskKind::kTask) return Condition::kSucceeded;
    return spec(from).has_probe ? Condition::kReady : Condition::kStarted;
  }

  void SetTriggers() {
    for (TaskIndex i = 0; i < size(); ++i) {
      const uint32_t declared = CheckQuorums(i);
      const uint32_t trigger = spec(i).trigger;
      draft_.SetNeed(i, trigger == 0 ? declared : trigger);
      if (trigger > declared) {
        faults_.AddToTask(i, DiagnosticCode::kTriggerTooLarge, "trigger",
                          fmt::format("the trigger of task \"{}\" asks for {} "
                                      "dependencies; it has {}",
                                      spec(i).name, trigger, declared));
      }
    }
  }

  const Graph& graph_;
  const Limits& limits_;
  BlueprintDraft draft_;
  GraphFaults faults_;
  std::vector<TaskIndex> last_dependent_;  // of each task, so far
  uint64_t quorums_ = 0;                   // so far
  uint32_t first_quorum_ = 0;  // of the task whose edges are resolved
};

BlueprintOr Blueprint::Build(const Graph& graph, const Limits& limits) {
  return BlueprintBuilder(graph, limits).Build();
}

}  // namespace w2t
