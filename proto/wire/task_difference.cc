#include "proto/wire/task_difference.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

namespace w2t::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kInPlace[] = {
    "allow_failure", "depends_on", "estimate", "fail_run", "priority",
    "quorums",       "retry",      "trigger",  "undo_of"};

// Calls `visit` with each field in which `a` and `b`, of one type, differ.
template <typename Visit>
void VisitDiffering(const Message& a, const Message& b, Visit visit) {
  for (int i = 0; i < a.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* const field = a.GetDescriptor()->field(i);
    google::protobuf::util::MessageDifferencer differencer;
    if (differencer.CompareWithFields(a, b, {field}, {field})) continue;
    visit(std::string_view(field->name()));
  }
}

std::string_view WordFor(std::string_view field) {
  if (field == "argv" || field == "shell" || field == "shell_program") {
    return "command";
  }
  return field == "resources_set" ? "resources" : field;
}

}  // namespace

TaskDefinition DefinitionAt(const v1::Graph& graph, int place) {
  const v1::Task& task = graph.tasks(place);
  const bool known =
      task.action() < static_cast<uint32_t>(graph.actions_size());
  return {&task, known ? &graph.actions(static_cast<int>(task.action()))
                       : &v1::Action::default_instance()};
}

std::vector<std::string> DifferingFields(const TaskDefinition& a,
                                         const TaskDefinition& b) {
  std::vector<std::string> fields;
  const auto add = [&fields](std::string_view field) {
    const std::string_view word = WordFor(field);
    if (std::find(fields.begin(), fields.end(), word) == fields.end()) {
      fields.emplace_back(word);
    }
  };
  VisitDiffering(*a.action, *b.action, [&](std::string_view field) {
    if (field == "exec" && a.action->has_exec() && b.action->has_exec()) {
      VisitDiffering(a.action->exec(), b.action->exec(), add);
    } else if (field == "handler" && a.action->has_handler() &&
               b.action->has_handler()) {
      VisitDiffering(a.action->handler(), b.action->handler(), add);
    } else {
      add(field);
    }
  });
  VisitDiffering(*a.task, *b.task, [&](std::string_view field) {
    if (field != "name" && field != "action") add(field);
  });
  return fields;
}

bool TakesRestart(std::string_view field) {
  return std::find(std::begin(kInPlace), std::end(kInPlace), field) ==
         std::end(kInPlace);
}

}  // namespace w2t::wire
