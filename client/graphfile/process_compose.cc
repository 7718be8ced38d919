// process-compose files: the top level, dependencies and replicas.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/graphfile/formats.h"
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
      for (const Entry& entry : process.value.Entries()) {
        if (entry.key.text() != "replicas") continue;
        const Field field{"replicas", entry.key.at(), entry.value};
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
    return ReadInteger(context, field, 0, kMaxCount);
  }

  absl::flat_hash_map<absl::string_view, uint32_t> counts_;
};

struct ProjectReader {
  ProjectDraft& project;
  Value processes;
};

struct Shell {
  std::string command = "bash";
  std::string argument = "-c";
};

void ReadShellCommand(Context& context, const Field& field, Shell& shell) {
  std::optional<std::string> command = ReadNonEmptyText(context, field);
  if (command) shell.command = *std::move(command);
}

void ReadShellArgument(Context& context, const Field& field, Shell& shell) {
  std::optional<std::string> argument = ReadNonEmptyText(context, field);
  if (!argument) return;
  if (*argument != "-c") return WrongValue(context, field, "-c");
  shell.argument = *std::move(argument);
}

constexpr KeyReader<Shell> kShellKeys[] = {
    {"shell_command", ReadShellCommand}, {"shell_argument", ReadShellArgument}};
constexpr std::string_view kUnservedShellKeys[] = {"elevated_shell_argument",
                                                   "elevated_shell_command"};

void ReadShell(Context& context, const Field& field, ProjectReader& reader) {
  Shell shell;
  ReadMap<Shell>(context, field, kShellKeys, kUnservedShellKeys, shell);
  reader.project.shell = shell.command;
}

void ReadDisableExpansion(Context& context, const Field& field,
                          ProjectReader& reader) {
  const std::optional<bool> disabled = ReadBool(context, field);
  if (disabled) reader.project.expand_environment = !*disabled;
}

void ReadProjectEnvironment(Context& context, const Field& field,
                            ProjectReader& reader) {
  auto variables = ReadExpandedEnvironment(context, field, reader.project);
  if (variables) reader.project.environment = *std::move(variables);
}

void ReadProjectLog(Context& context, const Field& field,
                    ProjectReader& reader) {
  std::optional<std::string> path =
      ReadExpandedText(context, field, reader.project);
  if (path) reader.project.log_location = *std::move(path);
}

void ReadProcesses(Context& /*context*/, const Field& field,
                   ProjectReader& reader) {
  reader.processes = field.value;
}

void ReadName(Context& context, const Field& field, ProjectReader& reader) {
  std::optional<std::string> name = ReadNonEmptyText(context, field);
  if (name) reader.project.draft.graph().set_name(*std::move(name));
}

void Drop(Context& /*context*/, const Field& field, ProjectReader& reader) {
  reader.project.dropped.emplace(field.name);
}

// Stopping in order is what happens here in any case.
void ReadOrderedShutdown(Context& context, const Field& field,
                         ProjectReader& reader) {
  const std::optional<bool> ordered = ReadBool(context, field);
  if (ordered && !*ordered) reader.project.dropped.emplace(field.name);
}

constexpr KeyReader<ProjectReader> kKeys[] = {
    {"processes", ReadProcesses},
    {"environment", ReadProjectEnvironment},
    {"shell", ReadShell},
    {"log_location", ReadProjectLog},
    {"disable_env_expansion", ReadDisableExpansion},
    {"ordered_shutdown", ReadOrderedShutdown},
    {"name", ReadName},
    {"version", Drop},
    {"log_level", Drop},
    {"log_length", Drop},
    {"log_format", Drop},
    {"is_strict", Drop},
    {"is_tui_disabled", Drop},
};
constexpr std::string_view kUnserved[] = {
    "env_cmds",          "env_file",   "extends",
    "log_configuration", "mcp_server", "vars",
};

void ReadEdgeCondition(Context& context, const Field& field,
                       v1::Dependency& dependency) {
  const std::optional<v1::Condition> condition = ReadCondition(context, field);
  if (condition) dependency.set_condition(*condition);
}

constexpr KeyReader<v1::Dependency> kEdgeKeys[] = {
    {"condition", ReadEdgeCondition}};

// One entry of depends_on is an edge to each replica of the process named.
void AddEdges(Context& context, const Field& entry, const ReplicaNames& names,
              std::vector<EdgeDraft>& edges) {
  EdgeDraft edge;
  edge.at = entry.key_at;
  // A condition that is not given is this one.
  edge.dependency.set_condition(v1::CONDITION_FINISHED);
  if (!entry.value.is_null()) {
    ReadMap<v1::Dependency>(context, entry, kEdgeKeys, {}, edge.dependency);
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

// Adds the replicas of one process to the draft.
void AddReplicas(const Field& body, const TaskDraft& task,
                 const ReplicaNames& names, Draft& draft) {
  const uint32_t count = names.CountOf(body.name);
  if (count > 1) draft.BeginGroup(std::string(body.name), count);
  for (uint32_t i = 0; i < count && !draft.full(); ++i) {
    TaskDraft replica = task;
    const std::string name = names.NameOf(body.name, i);
    (*replica.exec.mutable_env())["PC_PROC_NAME"] = name;
    (*replica.exec.mutable_env())["PC_REPLICA_NUM"] = std::to_string(i);
    replica.task.set_name(name);
    draft.Add(std::move(replica), body.key_at, {body.value});
  }
}

void ReadAll(Context& context, const Field& processes, ProjectDraft& project) {
  const ReplicaNames names(context, processes.value);
  VisitEntries(context, processes, [&](const Field& body) {
    if (project.draft.full()) return;
    ProcessDraft process{.project = project};
    ReadProcess(context, body, process);
    ReadEdges(context, body, names, process.task.edges);
    AddReplicas(body, process.task, names, project.draft);
  });
}

void AddNotes(Context& context, const ProjectDraft& project) {
  if (!project.dropped.empty()) {
    context.notes.push_back(
        fmt::format("not carried over: {}", fmt::join(project.dropped, ", ")));
  }
  if (project.logs_to_files) {
    context.notes.push_back(
        "log_location: written where the process runs, each line as it is");
  }
}

}  // namespace

void ReadProcessCompose(Context& context, const Value& root, Draft& draft) {
  ProjectDraft project{.draft = draft};
  ProjectReader reader{project, {}};
  Position processes_at = root.at();
  // Says how the rest is read, so it comes first.
  for (const Entry& entry : root.Entries()) {
    const Field field{entry.key.text(), entry.key.at(), entry.value};
    if (field.name == "disable_env_expansion" && entry.value.is_scalar()) {
      project.expand_environment = entry.value.text() != "true";
    }
    if (field.name == "processes") processes_at = field.key_at;
  }
  VisitEntries(context, {"file", root.at(), root}, [&](const Field& entry) {
    if (entry.name.starts_with("x-")) {
      project.dropped.emplace(entry.name);
      return;
    }
    ReadKey<ProjectReader>(context, entry, kKeys, kUnserved, reader);
  });
  ReadAll(context, {"processes", processes_at, reader.processes}, project);
  AddNotes(context, project);
}

}  // namespace w2t::graphfile
