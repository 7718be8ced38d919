#include "core/graph/graph_faults.h"

#include <algorithm>

#include "core/graph/cycles.h"
#include "fmt/format.h"
#include "w2t/internal/suggest.h"

namespace w2t {
namespace {

// Looking for a near name costs O(V), so only the first few slips get one.
constexpr int kMaxSuggestions = 20;

}  // namespace

void GraphFaults::AddToTask(TaskIndex task, DiagnosticCode code,
                            std::string_view field, std::string message) {
  faults_.Add(OfTask(task, code, field, std::move(message)));
}

void GraphFaults::AddToEdge(TaskIndex task, uint32_t dependency,
                            DiagnosticCode code, std::string message) {
  faults_.Add(OfEdge(task, dependency, code, std::move(message)));
}

void GraphFaults::AddUnknown(TaskIndex task, uint32_t dependency) {
  const std::string& name = spec(task).depends_on[dependency].task;
  std::string_view near;
  if (suggestions_++ < kMaxSuggestions) {
    near = Suggest(name, graph_.tasks().size(), [&](size_t t) {
      return t == task ? std::string_view() : std::string_view(spec(t).name);
    });
  }
  Diagnostic fault = OfEdge(
      task, dependency, DiagnosticCode::kUnknownDependency,
      fmt::format("task \"{}\" depends on \"{}\"; {}", spec(task).name, name,
                  near.empty() ? std::string("there is no such task")
                               : fmt::format("did you mean \"{}\"?", near)));
  fault.suggestion = std::string(near);
  faults_.Add(std::move(fault));
}

void GraphFaults::AddCycle(const std::vector<TaskIndex>& cycle) {
  std::vector<std::string> path;
  for (const TaskIndex task : cycle) path.push_back(spec(task).name);
  const TaskIndex first = cycle.front();
  path.push_back(spec(first).name);
  Diagnostic fault =
      OfEdge(first, PositionOf(first, path[1]), DiagnosticCode::kCycle,
             fmt::format("dependency cycle: {}", PathInWords(path)));
  fault.path = std::move(path);
  faults_.Add(std::move(fault));
}

Diagnostic GraphFaults::OfTask(TaskIndex task, DiagnosticCode code,
                               std::string_view field,
                               std::string message) const {
  return {.code = code,
          .message = std::move(message),
          .field = fmt::format("graph.tasks[{}].{}", task, field),
          .task = task,
          .task_name = spec(task).name};
}

Diagnostic GraphFaults::OfEdge(TaskIndex task, uint32_t dependency,
                               DiagnosticCode code, std::string message) const {
  Diagnostic fault =
      OfTask(task, code, fmt::format("depends_on[{}].task", dependency),
             std::move(message));
  fault.dependency = dependency;
  return fault;
}

uint32_t GraphFaults::PositionOf(TaskIndex task,
                                 const std::string& dependency) const {
  const auto& all = spec(task).depends_on;
  const auto it =
      std::find_if(all.begin(), all.end(),
                   [&](const Dependency& d) { return d.task == dependency; });
  return static_cast<uint32_t>(it - all.begin());
}

}  // namespace w2t
