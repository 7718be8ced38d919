#include "proto/wire/graph_difference.h"

#include <fmt/format.h>

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/absl_view.h"
#include "proto/wire/field.h"
#include "proto/wire/task_difference.h"

namespace w2t::wire {
namespace {

class Comparison {
 public:
  Comparison(const v1::Graph& before, const v1::Graph& now)
      : before_(before), now_(now) {}

  Diagnostic First() {
    if (before_.name() != now_.name()) {
      return Of(Diagnostic::kNone, "name",
                fmt::format("its name was \"{}\", and is \"{}\"",
                            Shown(before_.name()), Shown(now_.name())));
    }
    absl::flat_hash_map<absl::string_view, int> places;
    places.reserve(before_.tasks_size());
    for (int i = 0; i < before_.tasks_size(); ++i) {
      places.emplace(AbslView(before_.tasks(i).name()), i);
    }
    std::vector<bool> met(before_.tasks_size());
    for (int i = 0; i < now_.tasks_size(); ++i) {
      const v1::Task& task = now_.tasks(i);
      const auto place = places.find(AbslView(task.name()));
      const auto index = static_cast<uint32_t>(i);
      if (place == places.end()) {
        return Of(index, "", fmt::format("task {} is new", NameOf(task)));
      }
      met[place->second] = true;
      const std::vector<std::string> fields = DifferingFields(
          DefinitionAt(before_, place->second), DefinitionAt(now_, i));
      if (!fields.empty()) {
        return Of(index, fields[0],
                  fmt::format("task {}: {} differs", NameOf(task), fields[0]));
      }
    }
    for (int i = 0; i < before_.tasks_size(); ++i) {
      if (met[i]) continue;
      return Of(Diagnostic::kNone, "tasks",
                fmt::format("task {} is gone", NameOf(before_.tasks(i))));
    }
    return Of(Diagnostic::kNone, "tasks", "the order of its tasks differs");
  }

 private:
  static std::string NameOf(const v1::Task& task) {
    return fmt::format("\"{}\"", Shown(task.name()));
  }

  Diagnostic Of(uint32_t task, const std::string& field,
                std::string message) const {
    Diagnostic fault{.code = DiagnosticCode::kConflict,
                     .message = std::move(message),
                     .field = "graph"};
    if (task != Diagnostic::kNone) {
      fault.task = task;
      fault.task_name = now_.tasks(static_cast<int>(task)).name();
      fault.field += fmt::format(".tasks[{}]", task);
    }
    if (!field.empty()) fault.field += "." + field;
    return fault;
  }

  const v1::Graph& before_;
  const v1::Graph& now_;
};

}  // namespace

Diagnostic FirstDifference(std::string_view before, const v1::Graph& now) {
  const Diagnostic unnamed{.code = DiagnosticCode::kConflict,
                           .message = "the graph differs",
                           .field = "graph"};
  v1::Graph parsed;
  if (before.size() > kMaxComparedBytes ||
      now.ByteSizeLong() > kMaxComparedBytes ||
      !parsed.ParseFromArray(before.data(), static_cast<int>(before.size()))) {
    return unnamed;
  }
  return Comparison(parsed, now).First();
}

}  // namespace w2t::wire
