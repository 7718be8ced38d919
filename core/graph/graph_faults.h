// GraphFaults: what is wrong with a graph, in words that name its tasks. Not
// thread-safe.
#ifndef W2T_CORE_GRAPH_GRAPH_FAULTS_H_
#define W2T_CORE_GRAPH_GRAPH_FAULTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "w2t/diagnostic.h"
#include "w2t/graph.h"

namespace w2t {

class GraphFaults {
 public:
  // `graph` must outlive this.
  explicit GraphFaults(const Graph& graph) : graph_(graph) {}

  bool empty() const { return faults_.empty(); }
  size_t total() const { return faults_.total(); }
  Diagnostics Take() && { return std::move(faults_); }

  void Add(Diagnostic fault) { faults_.Add(std::move(fault)); }
  void AddLimit(std::string_view what, std::string_view field,
                std::string_view name, uint64_t limit, uint64_t value) {
    faults_.AddLimit(what, field, name, limit, value);
  }
  // The same, when it is exceeded.
  void CheckLimit(std::string_view what, std::string_view field,
                  std::string_view name, uint64_t limit, uint64_t value) {
    if (value > limit) AddLimit(what, field, name, limit, value);
  }
  // `field` is one of the task's.
  void AddToTask(TaskIndex task, DiagnosticCode code, std::string_view field,
                 std::string message);
  // `dependency` is a position in the task's depends_on.
  void AddToEdge(TaskIndex task, uint32_t dependency, DiagnosticCode code,
                 std::string message);
  // That dependency names no task.
  void AddUnknown(TaskIndex task, uint32_t dependency);
  // As FindCycles returns it.
  void AddCycle(const std::vector<TaskIndex>& cycle);

 private:
  const TaskSpec& spec(TaskIndex task) const { return graph_.tasks()[task]; }
  Diagnostic OfTask(TaskIndex task, DiagnosticCode code, std::string_view field,
                    std::string message) const;
  Diagnostic OfEdge(TaskIndex task, uint32_t dependency, DiagnosticCode code,
                    std::string message) const;
  uint32_t PositionOf(TaskIndex task, const std::string& dependency) const;

  const Graph& graph_;
  Diagnostics faults_;
  int suggestions_ = 0;  // that were looked for
};

}  // namespace w2t

#endif  // W2T_CORE_GRAPH_GRAPH_FAULTS_H_
