#include "client/graphfile/fields.h"

#include <fmt/format.h>

#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/scalars.h"
#include "core/base/absl_view.h"
#include "w2t/internal/suggest.h"

namespace w2t::graphfile {
namespace {

// A value as faults show it: short, and in one line.
std::string Shown(const Value& value) {
  switch (value.type()) {
    case NodeType::kNull:
      return "nothing";
    case NodeType::kList:
      return "a list";
    case NodeType::kMap:
      return "a map";
    case NodeType::kScalar:
      break;
  }
  constexpr size_t kLongest = 60;
  std::string shown = "\"";
  for (const char c : value.text().substr(0, kLongest)) {
    shown += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  if (value.text().size() > kLongest) shown += "...";
  return shown + "\"";
}

}  // namespace

void WrongValue(Context& context, const Field& field, std::string_view what) {
  context.faults.Add(field.at(),
                     fmt::format("\"{}\" must be {}, not {}", field.name, what,
                                 Shown(field.value)));
}

std::optional<std::string> ReadText(Context& context, const Field& field) {
  if (field.value.is_scalar()) return std::string(field.value.text());
  WrongValue(context, field, "text");
  return std::nullopt;
}

std::optional<std::string> ReadNonEmptyText(Context& context,
                                            const Field& field) {
  std::optional<std::string> text = ReadText(context, field);
  if (text && text->empty()) {
    context.faults.Add(field.at(),
                       fmt::format("\"{}\" must not be empty", field.name));
    return std::nullopt;
  }
  return text;
}

std::optional<int64_t> ReadInteger(Context& context, const Field& field,
                                   int64_t least, int64_t most) {
  std::optional<int64_t> number;
  if (field.value.is_scalar() && !field.value.quoted()) {
    number = ParseInteger(field.value.text());
  }
  if (number && *number >= least && *number <= most) return number;
  const bool open = most == std::numeric_limits<int64_t>::max() ||
                    most == std::numeric_limits<uint32_t>::max();
  WrongValue(context, field,
             open ? fmt::format("a whole number of at least {}", least)
                  : fmt::format("a whole number from {} to {}", least, most));
  return std::nullopt;
}

std::optional<bool> ReadBool(Context& context, const Field& field) {
  if (field.value.is_scalar() && !field.value.quoted()) {
    if (field.value.text() == "true") return true;
    if (field.value.text() == "false") return false;
  }
  WrongValue(context, field, "true or false");
  return std::nullopt;
}

std::optional<absl::Duration> ReadDuration(Context& context,
                                           const Field& field) {
  std::optional<absl::Duration> duration;
  if (field.value.is_scalar()) duration = ParseDuration(field.value.text());
  if (!duration) {
    WrongValue(context, field, "a duration such as 500ms, 30s or 1m30s");
  }
  return duration;
}

std::optional<absl::Duration> ReadSeconds(Context& context, const Field& field,
                                          int64_t least) {
  constexpr int64_t kLongest = 36'000'000;
  const std::optional<int64_t> seconds =
      ReadInteger(context, field, least, kLongest);
  if (!seconds) return std::nullopt;
  return absl::Seconds(*seconds);
}

std::optional<std::vector<int32_t>> ReadNumbers(Context& context,
                                                const Field& field,
                                                std::string_view what,
                                                int32_t least, int32_t most) {
  std::vector<Value> items = field.value.Items();
  if (field.value.is_scalar()) items.push_back(field.value);
  if (items.empty()) {
    WrongValue(context, field, fmt::format("a list of {}", what));
    return std::nullopt;
  }
  std::vector<int32_t> numbers;
  for (const Value& item : items) {
    const std::optional<int64_t> number =
        ReadInteger(context, {field.name, field.key_at, item}, least, most);
    if (number) numbers.push_back(static_cast<int32_t>(*number));
  }
  return numbers;
}

std::optional<std::vector<std::string>> ReadTexts(Context& context,
                                                  const Field& field) {
  if (!field.value.is_list()) {
    WrongValue(context, field, "a list");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const Value& item : field.value.Items()) {
    std::optional<std::string> text =
        ReadText(context, {field.name, field.key_at, item});
    if (text) texts.push_back(*std::move(text));
  }
  return texts;
}

namespace {

// One "KEY=VALUE" of a list.
void ReadAssignment(Context& context, const Field& item,
                    absl::btree_map<std::string, std::string>& out) {
  const std::string_view text = item.value.text();
  const size_t equals = text.find('=');
  if (!item.value.is_scalar() || equals == 0 ||
      equals == std::string_view::npos) {
    return WrongValue(context, item, "a map or a list of KEY=VALUE");
  }
  const std::string key(text.substr(0, equals));
  if (!out.emplace(key, text.substr(equals + 1)).second) {
    context.faults.Add(item.at(),
                       fmt::format("\"{}\" sets \"{}\" twice", item.name, key));
  }
}

}  // namespace

std::optional<absl::btree_map<std::string, std::string>> ReadEnvironment(
    Context& context, const Field& field) {
  absl::btree_map<std::string, std::string> variables;
  if (field.value.is_list()) {
    for (const Value& item : field.value.Items()) {
      ReadAssignment(context, {field.name, field.key_at, item}, variables);
    }
    return variables;
  }
  if (!field.value.is_map()) {
    WrongValue(context, field, "a map or a list of KEY=VALUE");
    return std::nullopt;
  }
  VisitEntries(context, field, [&](const Field& entry) {
    if (entry.name.empty() || entry.name.find('=') != std::string_view::npos) {
      context.faults.Add(
          entry.key_at,
          fmt::format("\"{}\" is no name of a variable", entry.name));
      return;
    }
    std::optional<std::string> text = ReadText(context, entry);
    if (text) variables.emplace(entry.name, *std::move(text));
  });
  return variables;
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  absl::Duration rest;
  out->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

bool VisitEntries(Context& context, const Field& map,
                  absl::FunctionRef<void(const Field& entry)> visit) {
  if (!map.value.is_map()) {
    WrongValue(context, map, "a map");
    return false;
  }
  absl::flat_hash_map<absl::string_view, Position> seen;
  for (const Entry& entry : map.value.Entries()) {
    const Position at = entry.key.at();
    if (!entry.key.is_scalar()) {
      context.faults.Add(at, "a key must be text");
      continue;
    }
    const std::string_view name = entry.key.text();
    const auto [first, fresh] = seen.try_emplace(AbslView(name), at);
    if (!fresh) {
      context.faults.Add(
          at, fmt::format("duplicate key \"{}\"; the first one is at {}:{}",
                          name, first->second.line, first->second.column));
      continue;
    }
    visit({name, at, entry.value});
  }
  return true;
}

void UnknownKey(Context& context, const Field& entry,
                absl::Span<const std::string_view> known) {
  const std::string_view meant =
      Suggest(entry.name, known.size(), [&](size_t i) { return known[i]; });
  context.faults.Add(
      entry.key_at,
      meant.empty() ? fmt::format("unknown key \"{}\"", entry.name)
                    : fmt::format("unknown key \"{}\"; did you mean \"{}\"?",
                                  entry.name, meant));
}

void UnservedKey(Context& context, const Field& entry) {
  context.faults.Add(entry.key_at,
                     fmt::format("key \"{}\" is not served yet", entry.name));
}

}  // namespace w2t::graphfile
