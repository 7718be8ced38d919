#include "client/graphfile/draft.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "client/graphfile/targets.h"
#include "proto/wire/graph_codec.h"
#include "w2t/internal/suggest.h"

namespace w2t::graphfile {
namespace {

// Equal actions have equal bytes.
std::string SerializeStably(const v1::Action& action) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    action.SerializeToCodedStream(&coded);
  }
  return bytes;
}

// Where the same thing has one name in v1.Graph and another one in files.
struct Spelling {
  std::string_view field;
  std::string_view key;
};
constexpr Spelling kSpellings[] = {
    {"initial_backoff", "backoff"},
    {"max_backoff", "backoff"},
    {"argv", "command"},
    {"shell", "command"},
    {"shell_program", "command"},
    {"log_regex", "log"},
    {"log_text", "log"},
    {"env", "environment"},
    {"dir", "working_dir"},
    {"ready", "readiness_probe"},
    {"log_text", "ready_log_line"},
    {"ready", "ready_log_line"},
    {"live", "liveness_probe"},
    {"http", "http_get"},
    {"statuses", "status"},
    {"statuses", "status_code"},
    {"skip_tls_verify", "tls_verify"},
    {"retry", "availability"},
    {"retry", "restart"},
    {"attempts", "limit"},
    {"window", "limit"},
    {"stop", "shutdown"},
};

// "depends_on[3]" is {"depends_on", 3}.
struct Step {
  std::string_view name;
  std::optional<uint32_t> index;
};

// Takes one step off the front of a field's path.
Step TakeStep(std::string_view& path) {
  const size_t end = std::min(path.find('.'), path.size());
  std::string_view step = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  const size_t bracket = step.find('[');
  if (bracket == std::string_view::npos) return {step, std::nullopt};
  uint32_t index = 0;
  const std::string_view digits = step.substr(bracket + 1);
  const auto parsed =
      std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (parsed.ec != std::errc()) return {step.substr(0, bracket), std::nullopt};
  return {step.substr(0, bracket), index};
}

// The entry of `map` that says what `field` holds, or an absent one.
Entry Follow(const Value& map, std::string_view field) {
  for (const Entry& entry : map.Entries()) {
    if (entry.key.text() == field) return entry;
    for (const Spelling& spelling : kSpellings) {
      if (spelling.field == field && spelling.key == entry.key.text()) {
        return entry;
      }
    }
  }
  return {};
}

// Faults of fields start with the field's path in v1.Graph; here, with the key.
std::string InFileWords(const Diagnostic& fault, std::string_view key) {
  const std::string prefix = fault.field + ": ";
  if (key.empty() || !fault.message.starts_with(prefix)) return fault.message;
  return fmt::format("\"{}\": {}", key, fault.message.substr(prefix.size()));
}

}  // namespace

void Draft::Add(TaskDraft draft, Position name_at, Layers layers) {
  const uint64_t most = context_.options.limits.max_edges;
  if (full_) return;
  if (edges_.size() + draft.edges.size() > most) {
    full_ = true;
    return context_.faults.Add(
        name_at, fmt::format("the graph has more than {} dependencies; the "
                             "limit max_edges is {}",
                             most, most));
  }
  origins_.push_back({name_at, std::move(layers), edges_.size()});
  for (EdgeDraft& edge : draft.edges) {
    *draft.task.add_depends_on() = std::move(edge.dependency);
    edges_.push_back(edge.at);
  }
  v1::Action action = std::move(draft.rest);
  if (draft.has_handler) {
    *action.mutable_handler() = std::move(draft.handler);
  } else {
    *action.mutable_exec() = std::move(draft.exec);
  }
  draft.task.set_action(AddAction(action));
  *graph_.add_tasks() = std::move(draft.task);
}

uint32_t Draft::AddAction(const v1::Action& action) {
  std::string bytes = SerializeStably(action);
  const auto it = actions_.find(bytes);
  if (it != actions_.end()) return it->second;
  if (action_bytes_ > kMaxActionBytes) return 0;
  action_bytes_ += bytes.size();
  if (action_bytes_ > kMaxActionBytes) {
    context_.faults.Add(origins_.back().name_at,
                        fmt::format("the commands of this graph take more than "
                                    "{} bytes; the limit max_graph_bytes is {}",
                                    kMaxActionBytes, kMaxActionBytes));
    return 0;
  }
  const auto number = static_cast<uint32_t>(graph_.actions_size());
  actions_.emplace(std::move(bytes), number);
  *graph_.add_actions() = action;
  action_task_.push_back(static_cast<uint32_t>(origins_.size()) - 1);
  return number;
}

void Draft::BeginGroup(std::string name, uint64_t count) {
  groups_[std::move(name)] = {
      static_cast<TaskIndex>(origins_.size()), count, {}};
}

void Draft::LeaveOut(std::string name, std::vector<std::string> profiles) {
  groups_[std::move(name)].profiles = std::move(profiles);
}

std::shared_ptr<const Blueprint> Draft::Check() {
  if (graph_.tasks().empty() && !context_.faults.empty()) return nullptr;
  std::shared_ptr<const Blueprint> blueprint = Decode();
  if (blueprint == nullptr || context_.options.targets.empty()) {
    return blueprint;
  }
  const std::vector<TaskIndex> targets = FindTargets(*blueprint);
  if (!context_.faults.empty()) return nullptr;
  graph_ = OnlyNeeded(graph_, *blueprint, targets);
  return Decode();
}

std::vector<TaskIndex> Draft::FindTargets(const Blueprint& blueprint) {
  std::vector<TaskIndex> targets;
  for (const std::string& name : context_.options.targets) {
    const TaskIndex task = blueprint.Find(name);
    const auto group = groups_.find(name);
    if (task != kNoTask) {
      targets.push_back(task);
    } else if (group == groups_.end()) {
      const std::string_view meant =
          Suggest(name, blueprint.size(), [&](size_t i) {
            return blueprint.task_name(static_cast<TaskIndex>(i));
          });
      context_.faults.Add(
          {}, meant.empty()
                  ? fmt::format("there is no task \"{}\"", name)
                  : fmt::format("there is no task \"{}\"; did you mean "
                                "\"{}\"?",
                                name, meant));
    } else if (group->second.count == 0) {
      context_.faults.Add(
          {}, fmt::format("\"{}\" is left out; it is there with --profile {}",
                          name, fmt::join(group->second.profiles, " or ")));
    }
    for (uint64_t i = 0; group != groups_.end() && i < group->second.count;
         ++i) {
      targets.push_back(group->second.first + static_cast<TaskIndex>(i));
    }
  }
  return targets;
}

std::shared_ptr<const Blueprint> Draft::Decode() {
  const wire::DecodedGraph decoded =
      wire::DecodeGraph(graph_, context_.options.limits);
  for (const Diagnostic& fault : decoded.faults.listed()) {
    const Place place = Locate(fault);
    context_.faults.Add(place.at, fault.code == DiagnosticCode::kDuplicateTask
                                      ? DuplicateWords(fault)
                                      : InFileWords(fault, place.key));
  }
  return context_.faults.empty() ? decoded.blueprint : nullptr;
}

std::string Draft::DuplicateWords(const Diagnostic& fault) const {
  const auto number = static_cast<int>(fault.task);
  const std::string& name = graph_.tasks(number).name();
  int first = 0;
  while (first < number && graph_.tasks(first).name() != name) ++first;
  const Position at = origins_[static_cast<size_t>(first)].name_at;
  if (at == origins_[fault.task].name_at) {
    return fmt::format("the matrix of one task gives two the name \"{}\"",
                       name);
  }
  return fmt::format("duplicate task \"{}\"; the first one is at {}:{}:{}",
                     name, context_.files.names()[at.file], at.line, at.column);
}

Draft::Place Draft::Locate(const Diagnostic& fault) const {
  std::string_view field = fault.field;
  if (field.starts_with("graph.")) field.remove_prefix(6);
  std::string_view path = field;
  const Step step = TakeStep(path);
  uint32_t task = fault.task;
  if (step.name == "actions" && step.index &&
      *step.index < action_task_.size()) {
    task = action_task_[*step.index];
  } else if (step.name == "tasks" && step.index) {
    task = *step.index;
  } else {
    Origin graph;
    for (const Source& source : sources_) graph.layers.push_back(source.root());
    return LocateField(graph, field);
  }
  if (task >= origins_.size()) return {};
  const Origin& origin = origins_[task];
  const uint64_t edges_end = task + 1 < origins_.size()
                                 ? origins_[task + 1].first_edge
                                 : edges_.size();
  if (fault.dependency != Diagnostic::kNone &&
      origin.first_edge + fault.dependency < edges_end) {
    return {edges_[origin.first_edge + fault.dependency], {}};
  }
  return LocateField(origin, path);
}

Draft::Place Draft::LocateField(const Origin& origin, std::string_view field) {
  for (size_t i = origin.layers.size(); i-- > 0;) {
    Place place;
    Value here = origin.layers[i];
    std::string_view path = field;
    while (!path.empty()) {
      const Entry entry = Follow(here, TakeStep(path).name);
      if (!entry.key.is_scalar()) continue;
      place.at = entry.value.is_null() ? entry.key.at() : entry.value.at();
      place.key = entry.key.text();
      here = entry.value;
    }
    if (place.at.line != 0) return place;
  }
  return {origin.name_at, {}};
}

}  // namespace w2t::graphfile
