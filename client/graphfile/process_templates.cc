// Templates in process-compose files: {{.NAME}} and {{ "text" }}.
#include <fmt/format.h>

#include <utility>

#include "client/graphfile/expand.h"
#include "client/graphfile/process_keys.h"

namespace w2t::graphfile {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Where the action closes that starts `text`; a text in it may hold braces.
size_t FindClose(std::string_view text) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (!quoted && text.substr(i).starts_with(kClose)) return i;
  }
  return std::string_view::npos;
}

// The text of one action, without its braces; nothing when it is none that is
// carried over.
std::optional<std::string_view> ValueOf(std::string_view action,
                                        const Environment& vars) {
  action = Trimmed(action);
  const size_t last = action.size() - 1;
  if (action.size() > 1 && action[0] == '"' && action.find('"', 1) == last &&
      action.find('\\') == std::string_view::npos) {
    return action.substr(1, last - 1);
  }
  if (!action.starts_with('.')) return std::nullopt;
  const auto it = vars.find(action.substr(1));
  if (it == vars.end()) return std::nullopt;
  return it->second;
}

}  // namespace

void ReadVars(Context& context, const Field& field, Environment& vars) {
  if (field.value.is_null()) return;
  VisitEntries(context, field, [&](const Field& entry) {
    std::optional<std::string> text = ReadText(context, entry);
    if (text) vars.insert_or_assign(std::string(entry.name), *std::move(text));
  });
}

std::optional<std::string> ReadRendered(Context& context, const Field& field,
                                        const ProcessDraft& process) {
  std::optional<std::string> text = ReadNonEmptyText(context, field);
  if (!text || !process.renders) return text;
  std::string rendered;
  std::string_view rest = *text;
  for (size_t open = rest.find(kOpen); open != std::string_view::npos;
       open = rest.find(kOpen)) {
    rendered += rest.substr(0, open);
    rest.remove_prefix(open + kOpen.size());
    const size_t close = FindClose(rest);
    const std::string_view action = rest.substr(0, close);
    const std::optional<std::string_view> value =
        close == std::string_view::npos ? std::nullopt
                                        : ValueOf(action, process.vars);
    if (!value) {
      constexpr size_t kLongest = 40;
      context.faults.Add(
          field.at(),
          fmt::format(
              "\"{}\" holds the template {{{{{}}}}}; only {{{{.NAME}}}}, "
              "with the name in \"vars\", and {{{{ \"text\" }}}} are "
              "carried over",
              field.name, action.substr(0, kLongest)));
      return std::nullopt;
    }
    rendered += *value;
    rest.remove_prefix(close + kClose.size());
  }
  rendered += rest;
  return rendered;
}

}  // namespace w2t::graphfile
