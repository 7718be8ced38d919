#include "client/graphfile/process_keys.h"

#include <fmt/format.h>

#include <utility>

#include "client/graphfile/shell_words.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

bool HasVariable(std::string_view text) {
  for (size_t at = text.find('$'); at != std::string_view::npos;
       at = text.find('$', at + 2)) {
    if (at + 1 < text.size() && text[at + 1] != '$') return true;
  }
  return false;
}

std::string WithoutEscapes(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    plain += text[i];
    if (text.substr(i, 2) == "$$") ++i;
  }
  return plain;
}

bool IsTemplate(Context& context, const Field& field) {
  if (field.value.text().find("{{") == std::string_view::npos) return false;
  context.faults.Add(field.at(),
                     fmt::format("\"{}\" holds a template, \"{{{{\"; templates "
                                 "are not served yet",
                                 field.name));
  return true;
}

bool RefuseVariable(Context& context, const Field& field,
                    std::string_view text) {
  if (!HasVariable(text)) return false;
  context.faults.Add(field.at(),
                     fmt::format("\"{}\" holds a variable; variables outside "
                                 "of commands are not served yet",
                                 field.name));
  return true;
}

void ReadProcessCommand(Context& context, const Field& field,
                        ProcessDraft& process) {
  std::optional<std::string> line =
      ReadExpandedLine(context, field, process.project);
  process.task.has_command = true;
  if (line) process.command = *std::move(line);
}

void ReadWorkingDir(Context& context, const Field& field,
                    ProcessDraft& process) {
  std::optional<std::string> dir =
      ReadExpandedText(context, field, process.project);
  if (dir) process.task.exec.set_dir(*std::move(dir));
}

void ReadProcessEnvironment(Context& context, const Field& field,
                            ProcessDraft& process) {
  const auto variables =
      ReadExpandedEnvironment(context, field, process.project);
  if (!variables) return;
  for (const auto& [name, value] : *variables) {
    (*process.task.exec.mutable_env())[name] = value;
  }
}

void ReadProcessCodes(Context& context, const Field& field,
                      ProcessDraft& process) {
  ReadSuccessExitCodes(context, field, process.task);
}

void ReadReadyLogLine(Context& context, const Field& field,
                      ProcessDraft& process) {
  process.has_ready_log_line = true;
  v1::Probe& probe = *process.task.rest.mutable_ready();
  std::optional<std::string> line =
      ReadExpandedText(context, field, process.project);
  probe.set_log_text(line ? *std::move(line) : "?");
  SetDuration(absl::Hours(24), probe.mutable_deadline());
}

void ReadLogLocation(Context& context, const Field& field,
                     ProcessDraft& process) {
  std::optional<std::string> path =
      ReadExpandedText(context, field, process.project);
  if (path) process.log_location = *std::move(path);
}

void Drop(Context& /*context*/, const Field& field, ProcessDraft& process) {
  process.project.dropped.emplace(field.name);
}

void ReadOffSwitch(Context& context, const Field& field,
                   ProcessDraft& /*process*/) {
  ReadSwitch(context, field, false);
}

// Read by the file's reader.
void Skip(Context& /*context*/, const Field& /*field*/,
          ProcessDraft& /*process*/) {}

constexpr KeyReader<ProcessDraft> kKeys[] = {
    {"command", ReadProcessCommand},
    {"working_dir", ReadWorkingDir},
    {"environment", ReadProcessEnvironment},
    {"depends_on", Skip},
    {"replicas", Skip},
    {"availability", ReadAvailability},
    {"success_exit_codes", ReadProcessCodes},
    {"ready_log_line", ReadReadyLogLine},
    {"readiness_probe", ReadReadinessProbe},
    {"liveness_probe", ReadLivenessProbe},
    {"shutdown", ReadShutdown},
    {"log_location", ReadLogLocation},
    {"description", Drop},
    {"namespace", Drop},
    {"disable_ansi_colors", Drop},
    {"disabled", ReadOffSwitch},
    {"is_daemon", ReadOffSwitch},
    {"is_elevated", ReadOffSwitch},
    {"is_foreground", ReadOffSwitch},
    {"is_tty", ReadOffSwitch},
    {"is_interactive", ReadOffSwitch},
};
constexpr std::string_view kUnserved[] = {
    "entrypoint",
    "env_file",
    "launch_timeout_seconds",
    "log_configuration",
    "mcp",
    "schedule",
    "vars",
    "watch",
};

// The last word on what the process runs.
void FinishProcess(Context& context, const Field& body, ProcessDraft& process) {
  TaskDraft& task = process.task;
  for (const auto& [name, value] : process.project.environment) {
    task.exec.mutable_env()->insert({name, value});
  }
  if (!task.has_command) {
    context.faults.Add(body.key_at,
                       fmt::format("\"{}\" has no command", body.name));
  }
  if (process.has_ready_log_line && process.has_readiness_probe) {
    context.faults.Add(body.key_at,
                       fmt::format("\"{}\" has both \"ready_log_line\" and "
                                   "\"readiness_probe\"; it can have one",
                                   body.name));
  }
  const std::string& log = process.log_location.empty()
                               ? process.project.log_location
                               : process.log_location;
  task.exec.set_shell_program(process.project.shell);
  if (process.command.empty()) {
    task.exec.set_shell("true");
  } else if (log.empty()) {
    task.exec.set_shell(process.command);
  } else {
    task.exec.set_shell(
        WithLogFile(process.project.shell, process.command, log));
    task.exec.set_shell_program("bash");
    process.project.logs_to_files = true;
  }
}

}  // namespace

void ReadProcess(Context& context, const Field& body, ProcessDraft& process) {
  // process-compose has no bound on how many run at once.
  process.task.task.set_resources_set(true);
  process.task.task.set_kind(v1::TASK_KIND_TASK);
  VisitEntries(context, body, [&](const Field& entry) {
    if (entry.name.starts_with("x-")) {
      process.project.dropped.emplace(entry.name);
      return;
    }
    ReadKey<ProcessDraft>(context, entry, kKeys, kUnserved, process);
  });
  FinishProcess(context, body, process);
}

std::optional<std::string> ReadExpandedLine(Context& context,
                                            const Field& field,
                                            const ProjectDraft& project) {
  std::optional<std::string> line = ReadNonEmptyText(context, field);
  if (!line || IsTemplate(context, field)) return std::nullopt;
  return project.expand_environment ? WithoutEscapes(*line) : *line;
}

std::optional<std::string> ReadExpandedText(Context& context,
                                            const Field& field,
                                            const ProjectDraft& project) {
  std::optional<std::string> text = ReadNonEmptyText(context, field);
  if (!text || IsTemplate(context, field)) return std::nullopt;
  if (!project.expand_environment) return text;
  if (RefuseVariable(context, field, *text)) return std::nullopt;
  return WithoutEscapes(*text);
}

std::optional<absl::btree_map<std::string, std::string>>
ReadExpandedEnvironment(Context& context, const Field& field,
                        const ProjectDraft& project) {
  auto variables = ReadEnvironment(context, field);
  if (!variables || !project.expand_environment) return variables;
  for (auto& [name, value] : *variables) {
    if (RefuseVariable(context, field, value)) return std::nullopt;
    value = WithoutEscapes(value);
  }
  return variables;
}

void ReadSwitch(Context& context, const Field& field, bool served) {
  const std::optional<bool> on = ReadBool(context, field);
  if (!on || *on == served) return;
  context.faults.Add(field.key_at, fmt::format("\"{}: {}\" is not served yet",
                                               field.name, *on));
}

}  // namespace w2t::graphfile
