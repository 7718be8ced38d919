#include "tests/support/workflow.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "tests/support/json.h"
#include "tests/support/temp_dir.h"

namespace w2t::test {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Value;

const ListValue& ListAt(const Value& value, const char* path) {
  const Value* list = At(value, path);
  if (list == nullptr || !list->has_list_value()) {
    throw std::runtime_error(std::string("no list at ") + path);
  }
  return list->list_value();
}

// The longest way to each task, its own length included.
std::map<std::string, double> Heights(
    const Workflow& workflow,
    const std::function<double(const std::string&)>& length) {
  std::map<std::string, double> heights;
  const std::function<double(const std::string&)> height =
      [&](const std::string& id) -> double {
    const auto found = heights.find(id);
    if (found != heights.end()) return found->second;
    double before = 0;
    for (const auto& parent : workflow.tasks.at(id).parents) {
      before = std::max(before, height(parent));
    }
    return heights[id] = before + length(id);
  };
  for (const auto& [id, task] : workflow.tasks) height(id);
  return heights;
}

double Longest(const std::map<std::string, double>& heights) {
  double longest = 0;
  for (const auto& [id, height] : heights) longest = std::max(longest, height);
  return longest;
}

}  // namespace

Workflow Workflow::Read(const std::string& path) {
  const Value file = ParseJson(ReadFile(path));
  Workflow workflow;
  for (const Value& task :
       ListAt(file, "workflow.specification.tasks").values()) {
    Task& entry = workflow.tasks[TextAt(task, "id")];
    for (const Value& parent : ListAt(task, "parents").values()) {
      entry.parents.push_back(parent.string_value());
    }
  }
  for (const Value& task : ListAt(file, "workflow.execution.tasks").values()) {
    const Value* seconds = At(task, "runtimeInSeconds");
    workflow.tasks.at(TextAt(task, "id")).seconds =
        seconds == nullptr ? 0 : seconds->number_value();
  }
  return workflow;
}

size_t Workflow::edges() const {
  size_t edges = 0;
  for (const auto& [id, task] : tasks) edges += task.parents.size();
  return edges;
}

size_t Workflow::depth() const {
  return static_cast<size_t>(
      Longest(Heights(*this, [](const std::string&) { return 1.0; })));
}

Bounds BoundsOf(const Workflow& workflow,
                const std::map<std::string, double>& lengths, int slots) {
  Bounds bounds;
  for (const auto& [id, length] : lengths) bounds.sum += length;
  bounds.critical_path = Longest(
      Heights(workflow, [&](const std::string& id) { return lengths.at(id); }));
  bounds.lower = std::max(bounds.critical_path, bounds.sum / slots);
  bounds.upper = bounds.critical_path + bounds.sum / slots;
  return bounds;
}

}  // namespace w2t::test
