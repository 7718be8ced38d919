#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/graph/cycles.h"
#include "core/graph/suggest.h"
#include "fmt/format.h"
#include "w2t/blueprint.h"

namespace w2t {
namespace {

// Looking for a near name costs O(V), so only the first few slips get one.
constexpr int kMaxSuggestions = 20;

absl::string_view View(std::string_view s) { return {s.data(), s.size()}; }

// "a -> b -> a"; of a long path only the beginning and the end.
std::string PathInWords(const std::vector<std::string>& path) {
  constexpr size_t kMaxShown = 20;
  if (path.size() <= kMaxShown) {
    return fmt::format("{}", fmt::join(path, " -> "));
  }
  const auto cut = path.begin() + kMaxShown - 1;
  return fmt::format("{} -> ({} more) -> {}",
                     fmt::join(path.begin(), cut, " -> "),
                     path.size() - kMaxShown, path.back());
}

}  // namespace

class BlueprintBuilder {
 public:
  BlueprintBuilder(const Graph& graph, const Limits& limits)
      : graph_(graph), limits_(limits), blueprint_(new Blueprint()) {}

  BlueprintOr Build() {
    if (CheckSizes()) {
      CopyTasks();
      ResolveDependencies();
      SetTriggers();
      FillSuccessors();
      Order();
      if (faults_.empty()) Measure();
    }
    if (!faults_.empty()) return {nullptr, std::move(faults_)};
    blueprint_->demands_ = graph_.demands();
    blueprint_->retries_ = graph_.retries();
    return {std::move(blueprint_), {}};
  }

 private:
  uint32_t size() const { return static_cast<uint32_t>(graph_.tasks().size()); }
  const TaskSpec& spec(TaskIndex task) const { return graph_.tasks()[task]; }

  // Indices are 32 bits wide, so nothing else is looked at in a graph that is
  // too large.
  bool CheckSizes() {
    blueprint_->name_ = graph_.name();
    if (graph_.tasks().empty()) {
      faults_.Add({.code = DiagnosticCode::kEmptyGraph,
                   .message = "the graph has no tasks",
                   .field = "graph.tasks"});
      return false;
    }
    uint64_t edges = 0;
    for (const TaskSpec& task : graph_.tasks()) edges += task.depends_on.size();
    const size_t before = faults_.total();
    CheckLimit("the number of tasks", "graph.tasks", "max_tasks",
               limits_.max_tasks, graph_.tasks().size());
    CheckLimit("the number of dependencies", "graph.tasks", "max_edges",
               limits_.max_edges, edges);
    CheckLimit("the number of distinct demands", "graph.tasks", "max_demands",
               limits_.max_demands, graph_.demands().size());
    const bool fits = faults_.total() == before;
    CheckLimit("the length of the graph's name", "graph.name", "max_name_bytes",
               limits_.max_name_bytes, graph_.name().size());
    return fits;
  }

  void CheckLimit(std::string_view what, std::string_view field,
                  std::string_view name, uint64_t limit, uint64_t value) {
    if (value > limit) faults_.AddLimit(what, field, name, limit, value);
  }

  void CopyTasks() {
    Blueprint& b = *blueprint_;
    b.tasks_.reserve(size());
    b.by_name_.reserve(size());
    size_t name_bytes = 0;
    for (const TaskSpec& task : graph_.tasks()) name_bytes += task.name.size();
    b.names_.reserve(name_bytes);  // by_name_ points into it
    for (TaskIndex i = 0; i < size(); ++i) {
      const TaskSpec& task = spec(i);
      b.names_ += task.name;
      CheckName(i, std::string_view(b.names_).substr(b.names_.size() -
                                                     task.name.size()));
      b.tasks_.push_back({
          .estimate_us = absl::ToInt64Microseconds(
              std::max(task.estimate, absl::ZeroDuration())),
          .remaining_us = 0,
          .name_end = static_cast<uint32_t>(b.names_.size()),
          .action = task.action,
          .need = 0,
          .demand = task.demand,
          .retry = task.retry,
          .step = 1,
          .priority = task.priority,
          .kind = task.kind,
          .has_probe = task.has_probe,
          .allow_failure = task.allow_failure,
          .fail_run = task.fail_run,
          .watched_alive = false,
      });
    }
  }

  void CheckName(TaskIndex i, std::string_view name) {
    if (name.empty()) {
      faults_.Add(TaskFault(i, DiagnosticCode::kMissingField, "name",
                            fmt::format("task {} has no name", i)));
      return;
    }
    if (name.size() > limits_.max_name_bytes) {
      faults_.AddLimit(fmt::format("the length of the name of task \"{}...\"",
                                   name.substr(0, 32)),
                       fmt::format("graph.tasks[{}].name", i), "max_name_bytes",
                       limits_.max_name_bytes, name.size());
    }
    const auto [it, added] = blueprint_->by_name_.try_emplace(View(name), i);
    if (!added) {
      faults_.Add(TaskFault(i, DiagnosticCode::kDuplicateTask, "name",
                            fmt::format("duplicate task \"{}\": tasks {} and "
                                        "{} have the same name",
                                        name, it->second, i)));
    }
  }

  void ResolveDependencies() {
    Blueprint::Adjacency& out = blueprint_->predecessors_;
    out.begin.reserve(size() + 1);
    last_dependent_.assign(size(), kNoTask);
    for (TaskIndex i = 0; i < size(); ++i) {
      out.begin.push_back(static_cast<uint32_t>(out.edges.size()));
      const auto& dependencies = spec(i).depends_on;
      for (uint32_t d = 0; d < dependencies.size(); ++d) {
        Resolve(i, d, dependencies[d]);
      }
    }
    out.begin.push_back(static_cast<uint32_t>(out.edges.size()));
  }

  void Resolve(TaskIndex i, uint32_t d, const Dependency& dependency) {
    const auto& index = blueprint_->by_name_;
    const auto it = index.find(View(dependency.task));
    if (it == index.end()) return AddUnknown(i, d, dependency.task);
    const TaskIndex from = it->second;
    if (from == i) {
      AddEdgeFault(i, d, DiagnosticCode::kSelfDependency,
                   fmt::format("task \"{}\" depends on itself", spec(i).name));
      return;
    }
    if (last_dependent_[from] == i) {
      AddEdgeFault(i, d, DiagnosticCode::kDuplicateDependency,
                   fmt::format("task \"{}\" depends on \"{}\" twice",
                               spec(i).name, dependency.task));
      return;
    }
    last_dependent_[from] = i;
    Condition condition = dependency.condition;
    if (condition == Condition::kDefault) condition = DefaultCondition(from);
    if (condition == Condition::kReady && !spec(from).has_probe) {
      AddEdgeFault(i, d, DiagnosticCode::kNeverReady,
                   fmt::format("task \"{}\" waits until \"{}\" is ready, but "
                               "that has no probe",
                               spec(i).name, dependency.task));
    }
    if (condition == Condition::kReady || condition == Condition::kStarted) {
      blueprint_->tasks_[from].watched_alive = true;
    }
    blueprint_->predecessors_.edges.push_back({from, condition});
  }

  Condition DefaultCondition(TaskIndex from) const {
    if (spec(from).kind == TaskKind::kTask) return Condition::kSucceeded;
    return spec(from).has_probe ? Condition::kReady : Condition::kStarted;
  }

  void AddUnknown(TaskIndex i, uint32_t d, const std::string& name) {
    std::string_view near;
    if (suggestions_++ < kMaxSuggestions) {
      near = Suggest(name, size(), [&](size_t t) -> std::string_view {
        return t == i ? std::string_view() : spec(t).name;
      });
    }
    Diagnostic fault = EdgeFault(
        i, d, DiagnosticCode::kUnknownDependency,
        fmt::format("task \"{}\" depends on \"{}\"; {}", spec(i).name, name,
                    near.empty() ? std::string("there is no such task")
                                 : fmt::format("did you mean \"{}\"?", near)));
    fault.suggestion = std::string(near);
    faults_.Add(std::move(fault));
  }

  void SetTriggers() {
    for (TaskIndex i = 0; i < size(); ++i) {
      const auto declared = static_cast<uint32_t>(spec(i).depends_on.size());
      const uint32_t trigger = spec(i).trigger;
      blueprint_->tasks_[i].need = trigger == 0 ? declared : trigger;
      if (trigger > declared) {
        faults_.Add(
            TaskFault(i, DiagnosticCode::kTriggerTooLarge, "trigger",
                      fmt::format("the trigger of task \"{}\" asks for {} "
                                  "dependencies; it has {}",
                                  spec(i).name, trigger, declared)));
      }
    }
  }

  void FillSuccessors() {
    const Blueprint::Adjacency& in = blueprint_->predecessors_;
    Blueprint::Adjacency& out = blueprint_->successors_;
    out.begin.assign(size() + 1, 0);
    for (const Blueprint::Edge& edge : in.edges) ++out.begin[edge.task + 1];
    std::partial_sum(out.begin.begin(), out.begin.end(), out.begin.begin());
    out.edges.resize(in.edges.size());
    std::vector<uint32_t> next(out.begin.begin(), out.begin.end() - 1);
    for (TaskIndex i = 0; i < size(); ++i) {
      for (const Blueprint::Edge& edge : in.of(i)) {
        out.edges[next[edge.task]++] = {i, edge.condition};
      }
    }
  }

  void Order() {
    Blueprint& b = *blueprint_;
    std::vector<uint32_t> open(size());
    b.order_.reserve(size());
    for (TaskIndex i = 0; i < size(); ++i) {
      open[i] = static_cast<uint32_t>(b.predecessors(i).size());
      if (open[i] == 0) b.order_.push_back(i);
    }
    for (size_t head = 0; head < b.order_.size(); ++head) {
      const TaskIndex task = b.order_[head];
      for (const Blueprint::Edge& edge : b.successors(task)) {
        b.tasks_[edge.task].step =
            std::max(b.tasks_[edge.task].step, b.tasks_[task].step + 1);
        if (--open[edge.task] == 0) b.order_.push_back(edge.task);
      }
    }
    if (b.order_.size() < size()) AddCycles();
  }

  void AddCycles() {
    const Blueprint::Adjacency& in = blueprint_->predecessors_;
    for (const std::vector<TaskIndex>& cycle : FindCycles(in.begin, in.edges)) {
      std::vector<std::string> path;
      for (TaskIndex task : cycle) path.push_back(spec(task).name);
      path.push_back(spec(cycle.front()).name);
      const TaskIndex first = cycle.front();
      const uint32_t position = PositionOf(first, path[1]);
      Diagnostic fault =
          EdgeFault(first, position, DiagnosticCode::kCycle,
                    fmt::format("dependency cycle: {}", PathInWords(path)));
      fault.path = std::move(path);
      faults_.Add(std::move(fault));
    }
  }

  uint32_t PositionOf(TaskIndex task, const std::string& dependency) const {
    const auto& all = spec(task).depends_on;
    const auto it =
        std::find_if(all.begin(), all.end(),
                     [&](const Dependency& d) { return d.task == dependency; });
    return static_cast<uint32_t>(it - all.begin());
  }

  void Measure() {
    // Estimates come from users; a sum of them must not overflow.
    constexpr int64_t kMost = INT64_MAX / 4;
    Blueprint& b = *blueprint_;
    for (auto it = b.order_.rbegin(); it != b.order_.rend(); ++it) {
      Blueprint::Task& task = b.tasks_[*it];
      int64_t longest = 0;
      for (const Blueprint::Edge& edge : b.successors(*it)) {
        longest = std::max(longest, b.tasks_[edge.task].remaining_us);
      }
      task.remaining_us =
          std::min(kMost, longest) + std::min(kMost, task.estimate_us);
      b.critical_path_us_ = std::max(b.critical_path_us_, task.remaining_us);
      b.steps_ = std::max(b.steps_, task.step);
    }
  }

  Diagnostic TaskFault(TaskIndex i, DiagnosticCode code, std::string_view field,
                       std::string message) const {
    return {.code = code,
            .message = std::move(message),
            .field = fmt::format("graph.tasks[{}].{}", i, field),
            .task = i,
            .task_name = spec(i).name};
  }
  Diagnostic EdgeFault(TaskIndex i, uint32_t d, DiagnosticCode code,
                       std::string message) const {
    Diagnostic fault = TaskFault(i, code, fmt::format("depends_on[{}].task", d),
                                 std::move(message));
    fault.dependency = d;
    return fault;
  }
  void AddEdgeFault(TaskIndex i, uint32_t d, DiagnosticCode code,
                    std::string message) {
    faults_.Add(EdgeFault(i, d, code, std::move(message)));
  }

  const Graph& graph_;
  const Limits& limits_;
  std::shared_ptr<Blueprint> blueprint_;
  Diagnostics faults_;
  std::vector<TaskIndex> last_dependent_;  // of each task, so far
  int suggestions_ = 0;
};

BlueprintOr Blueprint::Build(const Graph& graph, const Limits& limits) {
  return BlueprintBuilder(graph, limits).Build();
}

}  // namespace w2t
