// Which processes of a process-compose file there are, how often, and what each
// comes after.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/process_keys.h"
#include "client/graphfile/task_keys.h"
#include "core/base/absl_view.h"

namespace w2t::graphfile {
namespace {

// The names under which each process runs: its own, or those of its replicas.
class ReplicaNames {
 public:
  // Reads the numbers of all replicas, because a process may depend on one that
  // comes later in the file.
  ReplicaNames(Context& context, const Value& processes) {
    uint64_t total = 0;
    const uint64_t most = context.options.limits.max_tasks;
    for (const Entry& process : processes.Entries()) {
      Field field{"replicas", process.key.at(), Value()};
      for (const Entry& entry : process.value.Entries()) {
        if (entry.key.text() != field.name) continue;
        field = {field.name, entry.key.at(), entry.value};
      }
      const std::optional<int64_t> count = Count(context, process, field);
      if (!count || *count < 2) continue;
      total += static_cast<uint64_t>(*count);
      if (total > most) {
        context.faults.Add(field.at(),
                           fmt::format("the replicas come to {} tasks; the "
                                       "limit max_tasks is {}",
                                       total, most));
        return;
      }
      counts_[AbslView(process.key.text())] = static_cast<uint32_t>(*count);
    }
  }

  uint32_t CountOf(std::string_view process) const {
    const auto it = counts_.find(AbslView(process));
    return it == counts_.end() ? 1 : it->second;
  }

  // As process-compose names them: as many digits as the count has.
  std::string NameOf(std::string_view process, uint32_t replica) const {
    const uint32_t count = CountOf(process);
    if (count == 1) return std::string(process);
    return fmt::format("{}-{:0{}}", process, replica,
                       std::to_string(count).size());
  }

 private:
  static constexpr int64_t kMaxCount = std::numeric_limits<uint32_t>::max();

  static std::optional<int64_t> Count(Context& context, const Entry& process,
                                      const Field& field) {
    const auto scaled = context.options.replicas.find(process.key.text());
    if (scaled != context.options.replicas.end()) return scaled->second;
    if (field.value.is_null()) return std::nullopt;
    return ReadInteger(context, field, 0, kMaxCount);
  }

  absl::flat_hash_map<absl::string_view, uint32_t> counts_;
};

constexpr KeyReader<EdgeDraft> kEdgeKeys[] = {{"condition", ReadEdgeCondition}};

// One entry of depends_on is an edge to each replica of the process named.
void AddEdges(Context& context, const Field& entry, const ReplicaNames& names,
              std::vector<EdgeDraft>& edges) {
  EdgeDraft edge;
  edge.at = entry.key_at;
  // A condition that is not given is this one.
  edge.dependency.set_condition(v1::CONDITION_FINISHED);
  if (entry.value.is_scalar()) {
    ReadEdgeCondition(context, entry, edge);
  } else if (!entry.value.is_null()) {
    ReadMap<EdgeDraft>(context, entry, kEdgeKeys, {}, edge);
  }
  for (uint32_t i = 0; i < names.CountOf(entry.name); ++i) {
    if (edges.size() > context.options.limits.max_edges) return;
    edge.dependency.set_task(names.NameOf(entry.name, i));
    edges.push_back(edge);
  }
}

void ReadEdges(Context& context, const Field& body, const ReplicaNames& names,
               std::vector<EdgeDraft>& edges) {
  for (const Entry& entry : body.value.Entries()) {
    if (entry.key.text() != "depends_on" || entry.value.is_null()) continue;
    VisitEntries(
        context, {"depends_on", entry.key.at(), entry.value},
        [&](const Field& edge) { AddEdges(context, edge, names, edges); });
    return;
  }
}

// Reads one process as often as it has replicas.
void AddReplicas(Context& context, const Field& body, const ReplicaNames& names,
                 ProjectDraft& project) {
  const uint32_t count = names.CountOf(body.name);
  const uint64_t most = DocumentLimits().max_nodes;
  if (body.value.Weight() > most / count) {
    return context.faults.Add(
        body.key_at,
        fmt::format("\"{}\" comes to more than {} values with all its "
                    "replicas; the limit max_nodes is {}",
                    body.name, most, most));
  }
  Draft& draft = project.draft;
  if (count > 1) draft.BeginGroup(std::string(body.name), count);
  for (uint32_t i = 0; i < count && !draft.full(); ++i) {
    ProcessDraft process{.project = project, .replica = i, .replicas = count};
    process.task.task.set_name(names.NameOf(body.name, i));
    ReadProcess(context, body, process);
    ReadEdges(context, body, names, process.task.edges);
    auto& env = *process.task.exec.mutable_env();
    env["PC_PROC_NAME"] = std::string(body.name);
    env["PC_REPLICA_NUM"] = std::to_string(i);
    draft.Add(std::move(process.task), body.key_at, {body.value});
  }
}

// Whether a process starts only when somebody asks for it.
bool IsLeftOut(Context& context, const Field& body, ProjectDraft& project) {
  std::optional<bool> disabled;
  bool only_asked = false;
  for (const Entry& entry : body.value.Entries()) {
    const Field field{entry.key.text(), entry.key.at(), entry.value};
    if (field.name == "is_disabled" && field.value.is_scalar()) {
      // A text there, so that an empty one says nothing.
      if (!field.value.text().empty()) disabled = field.value.text() == "true";
    } else if (field.name == "disabled" && !field.value.is_null()) {
      only_asked |= ReadProcessBool(context, field).value_or(false);
    } else if (field.name == "is_foreground" && !field.value.is_null()) {
      // Started by hand, with the terminal.
      if (!ReadProcessBool(context, field).value_or(false)) continue;
      project.dropped.emplace(field.name);
      return true;
    } else if (field.name == "mcp" && !field.value.is_null()) {
      return true;  // started by whoever calls it
    }
  }
  return disabled.value_or(only_asked);
}

}  // namespace

void ReadProcesses(Context& context, const Field& processes,
                   ProjectDraft& project) {
  const ReplicaNames names(context, processes.value);
  absl::flat_hash_map<absl::string_view, Value> bodies;
  absl::flat_hash_set<absl::string_view> kept;
  std::vector<std::string_view> open;
  const auto keep = [&](std::string_view name) {
    if (kept.insert(AbslView(name)).second) open.push_back(name);
  };
  std::vector<std::string_view> left_out;
  const auto& targets = context.options.targets;
  VisitEntries(context, processes, [&](const Field& body) {
    bodies.emplace(AbslView(body.name), body.value);
    const bool asked =
        std::find(targets.begin(), targets.end(), body.name) != targets.end();
    if (asked || !IsLeftOut(context, body, project)) {
      keep(body.name);
    } else {
      left_out.push_back(body.name);
    }
  });
  while (!open.empty()) {
    const auto body = bodies.find(AbslView(open.back()));
    open.pop_back();
    if (body == bodies.end()) continue;
    const Value needs = body->second.Get("depends_on");
    for (const Entry& need : needs.Entries()) keep(need.key.text());
  }
  std::erase_if(left_out, [&](std::string_view name) {
    return kept.contains(AbslView(name));
  });
  if (!left_out.empty()) {
    context.notes.push_back(
        fmt::format("left out, since they are disabled: {}; \"w2t run FILE "
                    "NAME\" runs one",
                    fmt::join(left_out, ", ")));
  }
  for (const Entry& entry : processes.value.Entries()) {
    const auto body = bodies.find(AbslView(entry.key.text()));
    const bool first =
        body != bodies.end() && kept.erase(AbslView(entry.key.text())) > 0;
    if (!first || project.draft.full()) continue;
    AddReplicas(context, {entry.key.text(), entry.key.at(), entry.value}, names,
                project);
  }
}

}  // namespace w2t::graphfile
