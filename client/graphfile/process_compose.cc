// process-compose files: the top level.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "client/graphfile/expand.h"
#include "client/graphfile/formats.h"
#include "client/graphfile/process_keys.h"
#include "w2t/internal/suggest.h"

namespace w2t::graphfile {
namespace {

struct ProjectReader {
  ProjectDraft& project;
  Value processes;
};

void ReadShellCommand(Context& context, const Field& field,
                      ProjectDraft& project) {
  std::optional<std::string> command = ReadNonEmptyText(context, field);
  if (command) project.shell = *std::move(command);
}

void ReadShellArgument(Context& context, const Field& field,
                       ProjectDraft& project) {
  std::optional<std::string> argument = ReadNonEmptyText(context, field);
  if (argument) project.shell_argument = *std::move(argument);
}

void DropElevated(Context& /*context*/, const Field& field,
                  ProjectDraft& project) {
  project.dropped.emplace(field.name);
}

constexpr KeyReader<ProjectDraft> kShellKeys[] = {
    {"shell_command", ReadShellCommand},
    {"shell_argument", ReadShellArgument},
    {"elevated_shell_command", DropElevated},
    {"elevated_shell_argument", DropElevated},
};

void ReadShell(Context& context, const Field& field, ProjectReader& reader) {
  ReadMap<ProjectDraft>(context, field, kShellKeys, {}, reader.project);
}

void ReadProjectEnvironment(Context& context, const Field& field,
                            ProjectReader& reader) {
  const auto variables = ReadEnvironment(context, field);
  if (!variables) return;
  reader.project.environment.insert(variables->begin(), variables->end());
}

void ReadEnvCommands(Context& context, const Field& field,
                     ProjectReader& reader) {
  VisitEntries(context, field, [&](const Field& entry) {
    if (!IsVariableName(entry.name)) {
      context.faults.Add(
          entry.key_at,
          fmt::format("\"{}\" is no name of a variable", entry.name));
      return;
    }
    std::optional<std::string> line = ReadNonEmptyText(context, entry);
    if (!line) return;
    reader.project.env_commands.emplace(entry.name, *std::move(line));
  });
}

void ReadProjectVars(Context& context, const Field& field,
                     ProjectReader& reader) {
  ReadVars(context, field, reader.project.vars);
}

void ReadProjectLog(Context& context, const Field& field,
                    ProjectReader& reader) {
  std::optional<std::string> path = ReadNonEmptyText(context, field);
  if (path) reader.project.log_location = *std::move(path);
}

void FindProcesses(Context& /*context*/, const Field& field,
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

// Done before the rest is read.
void Skip(Context& /*context*/, const Field& /*field*/,
          ProjectReader& /*reader*/) {}

constexpr KeyReader<ProjectReader> kKeys[] = {
    {"processes", FindProcesses},
    {"environment", ReadProjectEnvironment},
    {"env_cmds", ReadEnvCommands},
    {"vars", ReadProjectVars},
    {"shell", ReadShell},
    {"log_location", ReadProjectLog},
    {"ordered_shutdown", ReadOrderedShutdown},
    {"name", ReadName},
    {"extends", Skip},
    {"disable_env_expansion", Skip},
    {"version", Drop},
    {"log_configuration", Drop},
    {"log_level", Drop},
    {"log_length", Drop},
    {"log_format", Drop},
    {"is_strict", Drop},
    {"is_tui_disabled", Drop},
    {"mcp_server", Drop},
};

// How files on top of others count: lists of variables and of dependencies by
// name, all else by its keys.
Document::MergeRule RuleFor(absl::Span<const std::string_view> keys) {
  const bool by_name = !keys.empty() && keys.back() == "environment";
  return by_name ? Document::MergeRule::kByName : Document::MergeRule::kDeep;
}

// A key at the top that is none of theirs, nor a slip: often a place to put
// anchors. They let it pass.
bool IsForeign(std::string_view name) {
  return Suggest(name, std::size(kKeys), [](size_t i) { return kKeys[i].key; })
      .empty();
}

bool SaysTrue(const Value& root, std::string_view key) {
  return root.Get(key).text() == "true";
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

// What stands in the variables of files, as far as it is set.
void AddDotEnv(Context& context, absl::Span<const Source> sources,
               ProjectDraft& project) {
  for (const Source& source : sources) {
    if (source.included) {
      const std::filesystem::path path = context.files.names()[source.file];
      project.folders[source.file] =
          std::filesystem::absolute(path).parent_path().string();
    } else {
      for (const auto& [name, value] : source.variables) {
        project.dot_env[name] = value;
      }
    }
  }
  // What is set outside counts before it.
  for (auto& [name, value] : project.dot_env) {
    const auto outside = context.options.environment.find(name);
    if (outside != context.options.environment.end()) value = outside->second;
  }
}

}  // namespace

void ReadProcessCompose(Context& context, absl::Span<const Source> sources,
                        Draft& draft) {
  ProjectDraft project{.draft = draft};
  ProjectReader reader{project, {}};
  AddDotEnv(context, sources, project);
  std::unique_ptr<Document> merged;
  std::unique_ptr<Document> expanded;
  const Value root = MergedRoot(context, sources, RuleFor, merged);
  Field file{"file", root.at(), root};
  std::set<std::string, std::less<>> unset;
  if (!SaysTrue(root, "disable_env_expansion")) {
    const Scope scope{.outside = &context.options.environment,
                      .file = &project.dot_env,
                      .unset = &unset};
    file = ExpandProcesses(context, file, scope, expanded);
  }
  draft.Keep(std::move(merged));
  draft.Keep(std::move(expanded));
  const bool strict = SaysTrue(root, "is_strict");
  Position processes_at = root.at();
  VisitEntries(context, file, [&](const Field& entry) {
    if (entry.name == "processes") processes_at = entry.key_at;
    if (entry.name.starts_with("x-") || (!strict && IsForeign(entry.name))) {
      project.dropped.emplace(entry.name);
    } else if (!entry.value.is_null() || entry.name == "processes") {
      ReadKey<ProjectReader>(context, entry, kKeys, {}, reader);
    }
  });
  ReadProcesses(context, {"processes", processes_at, reader.processes},
                project);
  if (!unset.empty()) {
    context.notes.push_back(fmt::format("empty, because they are not set: {}",
                                        fmt::join(unset, ", ")));
  }
  AddNotes(context, project);
}

}  // namespace w2t::graphfile
