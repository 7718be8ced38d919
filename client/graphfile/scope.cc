#include "client/graphfile/scope.h"

#include <fmt/format.h>

#include <utility>

#include "client/graphfile/shell_words.h"

namespace w2t::graphfile {
namespace {

std::optional<std::string_view> FindIn(const Environment* variables,
                                       std::string_view name) {
  if (variables == nullptr) return std::nullopt;
  const auto it = variables->find(name);
  if (it == variables->end()) return std::nullopt;
  return it->second;
}

bool IsProbe(std::string_view key) { return key == "ready" || key == "live"; }

// Whether a shell runs what stands below these keys of a task.
bool IsLine(std::string_view text, absl::Span<const std::string_view> keys,
            bool in_list) {
  if (in_list) return false;
  switch (keys.size()) {
    case 0:
      return true;  // the task is its command alone
    case 1:
      return keys[0] == "command" || keys[0] == "undo" ||
             (IsProbe(keys[0]) && text.starts_with("exec:"));
    case 2:
      return (IsProbe(keys[0]) && keys[1] == "exec") ||
             ((keys[0] == "stop" || keys[0] == "undo") && keys[1] == "command");
    default:
      return false;
  }
}

// The same for the keys of a process-compose file.
bool IsProcessLine(std::string_view /*text*/,
                   absl::Span<const std::string_view> keys, bool in_list) {
  if (in_list || keys.size() < 2) return false;
  if (keys[0] == "env_cmds") return true;
  if (keys[0] != "processes" || keys.back() != "command") return false;
  return keys.size() == 3 || (keys.size() == 4 && keys[2] == "shutdown") ||
         (keys.size() == 5 && keys[3] == "exec");
}

}  // namespace

std::optional<std::string_view> Scope::Find(std::string_view name) const {
  for (const Environment* variables : {own, outside, file}) {
    if (const auto value = FindIn(variables, name)) return value;
  }
  return std::nullopt;
}

namespace {

// What makes `sh` refuse a line's variables, which it would say less clearly
// and only once the task has started; empty: nothing.
std::string FaultOfLine(std::string_view line) {
  constexpr size_t kMostShown = 40;
  const std::string_view dotted = FindDottedVariable(line);
  if (dotted.empty()) return {};
  return fmt::format(
      "\"{}\" is no variable: a name has letters, digits and _, and values of "
      "other tasks are not served yet; a dollar that is text is written \\$",
      dotted.substr(0, kMostShown));
}

// Whether a text is a line that is kept for a shell.
using IsKept = bool (*)(std::string_view text,
                        absl::Span<const std::string_view> keys, bool in_list);

Field ExpandAll(Context& context, const Field& field, const Scope& scope,
                IsKept is_kept, ExpandMode kept,
                std::unique_ptr<Document>& holder) {
  if (!field.value.HasDollar()) return field;
  const ExpandMode mode =
      scope.unset == nullptr ? ExpandMode::kAll : ExpandMode::kUnsetIsEmpty;
  const auto of_kept = [&](std::string_view name) {
    return kept == ExpandMode::kKnownOnly ? FindIn(scope.own, name)
                                          : scope.Find(name);
  };
  const auto of_all = [&](std::string_view name) {
    if (scope.taken != nullptr) {
      const auto value = FindIn(scope.outside, name);
      if (value) scope.taken->try_emplace(std::string(name), *value);
    }
    return scope.Find(name);
  };
  holder = Document::Copy(
      field.value, kMaxExpandedValues,
      [&](const Value& scalar, absl::Span<const std::string_view> keys,
          bool in_list) -> std::optional<std::string> {
        const std::string_view text = scalar.text();
        if (text.find('$') == std::string_view::npos) return std::nullopt;
        const bool is_line = is_kept(text, keys, in_list);
        Expansion expansion =
            is_line ? Expand(text, kept, of_kept) : Expand(text, mode, of_all);
        if (is_line && kept == ExpandMode::kKnownOnly) {
          if (std::string fault = FaultOfLine(text); !fault.empty()) {
            expansion.fault = std::move(fault);
          }
        }
        if (scope.unset != nullptr) {
          scope.unset->insert(expansion.unset.begin(), expansion.unset.end());
        }
        if (expansion.fault.empty()) return std::move(expansion.text);
        context.faults.AddOnly(scalar.at(), std::move(expansion.fault));
        return std::nullopt;
      });
  if (holder != nullptr) return {field.name, field.key_at, holder->root()};
  context.faults.Add(
      field.at(),
      fmt::format("more than {} values where some hold variables; the limit "
                  "max_expanded_values is {}",
                  kMaxExpandedValues, kMaxExpandedValues));
  return {field.name, field.key_at, Value()};
}

}  // namespace

Field ExpandValues(Context& context, const Field& field, const Scope& scope,
                   std::unique_ptr<Document>& holder) {
  return ExpandAll(
      context, field, scope,
      [](std::string_view, absl::Span<const std::string_view>, bool) {
        return false;
      },
      ExpandMode::kAll, holder);
}

Field ExpandProcesses(Context& context, const Field& file, const Scope& scope,
                      std::unique_ptr<Document>& holder) {
  return ExpandAll(context, file, scope, IsProcessLine, ExpandMode::kSetOnly,
                   holder);
}

Field ExpandTask(Context& context, const Field& body, const Scope& scope,
                 std::unique_ptr<Document>& holder) {
  return ExpandAll(context, body, scope, IsLine, ExpandMode::kKnownOnly,
                   holder);
}

}  // namespace w2t::graphfile
