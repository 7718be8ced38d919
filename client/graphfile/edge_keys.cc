// What a task waits for: depends_on, conditions and trigger.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "client/graphfile/scalars.h"
#include "client/graphfile/task_keys.h"
#include "w2t/internal/suggest.h"

namespace w2t::graphfile {
namespace {

struct ConditionWord {
  std::string_view word;
  v1::Condition condition;
};
constexpr ConditionWord kConditions[] = {
    {"succeeded", v1::CONDITION_SUCCEEDED},
    {"finished", v1::CONDITION_FINISHED},
    {"failed", v1::CONDITION_FAILED},
    {"started", v1::CONDITION_STARTED},
    {"ready", v1::CONDITION_READY},
    {"service_started", v1::CONDITION_STARTED},
    {"service_healthy", v1::CONDITION_READY},
    {"service_completed_successfully", v1::CONDITION_SUCCEEDED},
    {"process_started", v1::CONDITION_STARTED},
    {"process_healthy", v1::CONDITION_READY},
    {"process_log_ready", v1::CONDITION_READY},
    {"process_completed", v1::CONDITION_FINISHED},
    {"process_completed_successfully", v1::CONDITION_SUCCEEDED},
};

void ReadEnoughReady(Context& context, const Field& field, EdgeDraft& edge) {
  const std::optional<Enough> enough = ReadEnough(context, field);
  if (!enough) return;
  edge.enough = enough->number;
  edge.enough_percent = enough->percent;
}

constexpr KeyReader<EdgeDraft> kEdgeKeys[] = {{"condition", ReadEdgeCondition},
                                              {"ready", ReadEnoughReady},
                                              {"required", ReadEdgeRequired},
                                              {"restart", ReadEdgeRestart}};

void ReadEdge(Context& context, const Field& entry, EdgeDraft& edge) {
  if (!entry.value.is_map()) return ReadEdgeCondition(context, entry, edge);
  ReadMap<EdgeDraft>(context, entry, kEdgeKeys, {}, edge);
  if (edge.enough == 0 && edge.enough_percent == 0) return;
  v1::Dependency& dependency = edge.dependency;
  if (dependency.condition() != v1::CONDITION_UNSPECIFIED &&
      dependency.condition() != v1::CONDITION_READY) {
    context.faults.Add(entry.at(),
                       "\"ready\" and another condition exclude each other");
  }
  dependency.set_condition(v1::CONDITION_READY);
}

void AddEdge(Context& context, const Field& item, TaskDraft& draft) {
  std::optional<std::string> name = ReadNonEmptyText(context, item);
  if (!name) return;
  EdgeDraft& edge = draft.edges.emplace_back();
  edge.dependency.set_task(*std::move(name));
  edge.at = item.at();
}

}  // namespace

void ReadEdgeCondition(Context& context, const Field& field, EdgeDraft& edge) {
  const std::optional<v1::Condition> condition = ReadCondition(context, field);
  if (condition) edge.dependency.set_condition(*condition);
}

void ReadEdgeRequired(Context& context, const Field& field, EdgeDraft& edge) {
  const std::optional<bool> required = ReadBool(context, field);
  if (required) edge.required = *required;
}

void ReadEdgeRestart(Context& context, const Field& field, EdgeDraft& edge) {
  const std::optional<bool> restart = ReadBool(context, field);
  if (restart) edge.dependency.set_restart(*restart);
}

std::optional<Enough> ReadEnough(Context& context, const Field& field) {
  std::string_view text = field.value.text();
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const std::optional<int64_t> number = ParseInteger(text);
  const int64_t most = percent ? 100 : std::numeric_limits<uint32_t>::max();
  if (!number || *number < 1 || *number > most) {
    WrongValue(context, field,
               "a number of replicas or a part of them such as 75%");
    return std::nullopt;
  }
  const auto value = static_cast<uint32_t>(*number);
  return percent ? Enough{.percent = value} : Enough{.number = value};
}

std::optional<v1::Condition> ParseCondition(std::string_view word) {
  for (const ConditionWord& known : kConditions) {
    if (known.word == word) return known.condition;
  }
  return std::nullopt;
}

std::optional<v1::Condition> ReadCondition(Context& context,
                                           const Field& field) {
  if (!field.value.is_scalar()) {
    WrongValue(context, field, "a condition such as succeeded or ready");
    return std::nullopt;
  }
  const std::string_view word = field.value.text();
  const std::optional<v1::Condition> condition = ParseCondition(word);
  if (condition) return condition;
  const std::string_view meant =
      Suggest(word, std::size(kConditions),
              [](size_t i) { return kConditions[i].word; });
  context.faults.Add(
      field.at(),
      meant.empty()
          ? fmt::format("unknown condition \"{}\"; there are succeeded, "
                        "finished, failed, started and ready",
                        word)
          : fmt::format("unknown condition \"{}\"; did you mean \"{}\"?", word,
                        meant));
  return std::nullopt;
}

namespace {

// Edges that an earlier file has, and that this one says anew.
void DropReplaced(size_t earlier, TaskDraft& draft) {
  if (earlier == 0) return;
  absl::flat_hash_set<std::string> anew;
  for (size_t i = earlier; i < draft.edges.size(); ++i) {
    anew.insert(draft.edges[i].dependency.task());
  }
  const auto end = draft.edges.begin() + static_cast<ptrdiff_t>(earlier);
  draft.edges.erase(
      std::remove_if(draft.edges.begin(), end,
                     [&](const EdgeDraft& edge) {
                       return anew.contains(edge.dependency.task());
                     }),
      end);
}

void AddEdges(Context& context, const Field& field, TaskDraft& draft) {
  if (field.value.is_scalar()) return AddEdge(context, field, draft);
  if (field.value.is_list()) {
    for (const Value& item : field.value.Items()) {
      AddEdge(context, {field.name, field.key_at, item}, draft);
    }
    return;
  }
  if (!field.value.is_map()) {
    return WrongValue(context, field, "a name, a list or a map");
  }
  VisitEntries(context, field, [&](const Field& entry) {
    EdgeDraft& edge = draft.edges.emplace_back();
    edge.at = entry.key_at;
    edge.dependency.set_task(std::string(entry.name));
    ReadEdge(context, entry, edge);
  });
}

}  // namespace

void ReadDependsOn(Context& context, const Field& field, TaskDraft& draft) {
  if (draft.defaulted_edges) draft.edges.clear();
  draft.defaulted_edges = false;
  const size_t earlier = draft.edges.size();
  AddEdges(context, field, draft);
  DropReplaced(earlier, draft);
}

void ReadTrigger(Context& context, const Field& field, TaskDraft& draft) {
  const std::string_view word = field.value.text();
  if (word == "all") return draft.task.set_trigger(0);
  if (word == "any") return draft.task.set_trigger(1);
  const std::string_view digits = "0123456789-";
  if (word.empty() || digits.find(word[0]) == std::string_view::npos) {
    return WrongValue(context, field, "all, any or a number");
  }
  const std::optional<int64_t> number =
      ReadInteger(context, field, 1, std::numeric_limits<uint32_t>::max());
  if (number) draft.task.set_trigger(static_cast<uint32_t>(*number));
}

}  // namespace w2t::graphfile
