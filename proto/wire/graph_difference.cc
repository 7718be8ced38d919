#include "proto/wire/graph_difference.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/absl_view.h"
#include "proto/wire/field.h"

namespace w2t::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The first field of `a` that differs in `b`, but for those in `but`; null when
// there is none. Both are of one type.
const FieldDescriptor* FirstField(const Message& a, const Message& b,
                                  std::string_view but = {}) {
  for (int i = 0; i < a.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* const field = a.GetDescriptor()->field(i);
    if (field->name() == but) continue;
    google::protobuf::util::MessageDifferencer differencer;
    if (!differencer.CompareWithFields(a, b, {field}, {field})) return field;
  }
  return nullptr;
}

// What people call a field of an action.
std::string_view WordFor(std::string_view field) {
  if (field == "argv" || field == "shell" || field == "shell_program") {
    return "command";
  }
  return field;
}

std::string ActionField(const v1::Action& a, const v1::Action& b) {
  const FieldDescriptor* const field = FirstField(a, b);
  if (field == nullptr) return "";
  const bool in_exec = field->name() == "exec" && a.has_exec() && b.has_exec();
  const bool in_handler =
      field->name() == "handler" && a.has_handler() && b.has_handler();
  const FieldDescriptor* inner = nullptr;
  if (in_exec) inner = FirstField(a.exec(), b.exec());
  if (in_handler) inner = FirstField(a.handler(), b.handler());
  return std::string(WordFor(inner == nullptr ? field->name() : inner->name()));
}

const v1::Action& ActionOf(const v1::Graph& graph, const v1::Task& task) {
  const bool known =
      task.action() < static_cast<uint32_t>(graph.actions_size());
  return known ? graph.actions(static_cast<int>(task.action()))
               : v1::Action::default_instance();
}

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
      if (const std::string field =
              TaskField(before_.tasks(place->second), task);
          !field.empty()) {
        return Of(index, field,
                  fmt::format("task {}: {} differs", NameOf(task), field));
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

  std::string TaskField(const v1::Task& a, const v1::Task& b) const {
    const std::string action =
        ActionField(ActionOf(before_, a), ActionOf(now_, b));
    if (!action.empty()) return action;
    const FieldDescriptor* const field = FirstField(a, b, "action");
    return field == nullptr ? "" : std::string(field->name());
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
