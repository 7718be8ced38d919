#include "client/graphfile/process_keys.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "client/graphfile/source.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

void ReadProcessCommand(Context& context, const Field& field,
                        ProcessDraft& process) {
  process.task.has_command = true;
  std::optional<std::string> line = ReadRendered(context, field, process);
  if (line) process.command = *std::move(line);
}

// What the process is, word by word; a command counts before it.
void ReadEntrypoint(Context& context, const Field& field,
                    ProcessDraft& process) {
  process.task.has_command = true;
  std::optional<std::vector<std::string>> words = ReadTexts(context, field);
  if (!words) return;
  if (words->empty() || words->front().empty()) {
    return WrongValue(context, field, "a list that names a program");
  }
  process.entrypoint = *std::move(words);
}

void ReadWorkingDir(Context& context, const Field& field,
                    ProcessDraft& process) {
  std::optional<std::string> dir = ReadRendered(context, field, process);
  if (!dir) return;
  const auto folder = process.project.folders.find(field.at().file);
  if (folder != process.project.folders.end()) {
    dir = (std::filesystem::path(folder->second) / *dir).lexically_normal();
  }
  process.task.exec.set_dir(*std::move(dir));
}

void ReadProcessEnvironment(Context& context, const Field& field,
                            ProcessDraft& process) {
  const auto variables = ReadEnvironment(context, field);
  if (!variables) return;
  for (const auto& [name, value] : *variables) {
    (*process.task.exec.mutable_env())[name] = value;
  }
}

void ReadProcessEnvFile(Context& context, const Field& field,
                        ProcessDraft& process) {
  ReadEnvFiles(context, field, process.task.file_env);
}

void ReadProcessCodes(Context& context, const Field& field,
                      ProcessDraft& process) {
  ReadSuccessExitCodes(context, field, process.task);
}

void ReadReadyLogLine(Context& context, const Field& field,
                      ProcessDraft& process) {
  process.has_ready_log_line = true;
  v1::Probe& probe = *process.task.rest.mutable_ready();
  std::optional<std::string> line = ReadNonEmptyText(context, field);
  probe.set_log_text(line ? *std::move(line) : "?");
  SetDuration(absl::Hours(24), probe.mutable_deadline());
}

void ReadLogLocation(Context& context, const Field& field,
                     ProcessDraft& process) {
  std::optional<std::string> path = ReadRendered(context, field, process);
  if (path) process.log_location = *std::move(path);
}

void ReadIsDaemon(Context& context, const Field& field, ProcessDraft& process) {
  process.is_daemon = ReadProcessBool(context, field).value_or(false);
}

// Bounds how long process-compose listens to what a daemon prints once it has
// been launched; here it is listened to until the end.
void ReadLaunchTimeout(Context& context, const Field& field,
                       ProcessDraft& process) {
  if (ReadSeconds(context, field, 0))
    process.project.dropped.emplace(field.name);
}

void ReadDotEnvDisabled(Context& context, const Field& field,
                        ProcessDraft& process) {
  process.reads_dot_env = !ReadProcessBool(context, field).value_or(false);
}

void Drop(Context& /*context*/, const Field& field, ProcessDraft& process) {
  process.project.dropped.emplace(field.name);
}

// Means a terminal, which nothing here has.
void DropSwitch(Context& context, const Field& field, ProcessDraft& process) {
  if (ReadProcessBool(context, field).value_or(false)) {
    process.project.dropped.emplace(field.name);
  }
}

void RefuseElevated(Context& context, const Field& field,
                    ProcessDraft& /*process*/) {
  RefuseSwitch(context, field,
               "nobody can type a password here; run a worker as that user");
}

void RefuseSchedule(Context& context, const Field& field,
                    ProcessDraft& /*process*/) {
  context.faults.Add(field.key_at,
                     "\"schedule\" is not carried over: nothing here starts at "
                     "a time of day, or again and again");
}

// Read before.
void Skip(Context& /*context*/, const Field& /*field*/,
          ProcessDraft& /*process*/) {}

constexpr KeyReader<ProcessDraft> kKeys[] = {
    {"command", ReadProcessCommand},
    {"entrypoint", ReadEntrypoint},
    {"working_dir", ReadWorkingDir},
    {"environment", ReadProcessEnvironment},
    {"env_file", ReadProcessEnvFile},
    {"depends_on", Skip},
    {"replicas", Skip},
    {"disabled", Skip},
    {"is_disabled", Skip},
    {"is_foreground", Skip},
    {"vars", Skip},
    {"is_template_disabled", Skip},
    {"availability", ReadAvailability},
    {"success_exit_codes", ReadProcessCodes},
    {"ready_log_line", ReadReadyLogLine},
    {"readiness_probe", ReadReadinessProbe},
    {"liveness_probe", ReadLivenessProbe},
    {"shutdown", ReadShutdown},
    {"log_location", ReadLogLocation},
    {"is_daemon", ReadIsDaemon},
    {"launch_timeout_seconds", ReadLaunchTimeout},
    {"is_dotenv_disabled", ReadDotEnvDisabled},
    {"is_elevated", RefuseElevated},
    {"schedule", RefuseSchedule},
    {"is_tty", DropSwitch},
    {"is_interactive", DropSwitch},
    {"description", Drop},
    {"disable_ansi_colors", Drop},
    {"log_configuration", Drop},
    {"mcp", Drop},
    {"monitor_for", Drop},
    {"namespace", Drop},
    {"truncate_log", Drop},
    {"watch", Drop},
};

// Says how texts are read, so it comes first.
void ReadOwnVars(Context& context, const Field& body, ProcessDraft& process) {
  process.vars = process.project.vars;
  for (const Entry& entry : body.value.Entries()) {
    const Field field{entry.key.text(), entry.key.at(), entry.value};
    if (field.name == "vars") ReadVars(context, field, process.vars);
    if (field.name == "is_template_disabled") {
      process.renders = !ReadProcessBool(context, field).value_or(false);
    }
  }
  process.vars["PC_REPLICA_NUM"] = std::to_string(process.replica);
}

}  // namespace

void ReadProcess(Context& context, const Field& body, ProcessDraft& process) {
  // process-compose has no bound on how many run at once.
  process.task.task.set_resources_set(true);
  process.task.task.set_kind(v1::TASK_KIND_TASK);
  ReadOwnVars(context, body, process);
  VisitEntries(context, body, [&](const Field& entry) {
    if (entry.name.starts_with("x-")) {
      process.project.dropped.emplace(entry.name);
      return;
    }
    // Theirs is the default then.
    const bool says_nothing =
        entry.value.is_null() ||
        (entry.value.is_scalar() && entry.value.text().empty());
    if (says_nothing && entry.name == "command") {
      process.task.has_command = true;
    }
    if (says_nothing) return;
    ReadKey<ProcessDraft>(context, entry, kKeys, {}, process);
  });
  FinishProcess(context, body, process);
}

std::optional<bool> ReadProcessBool(Context& context, const Field& field) {
  const std::string_view text = field.value.text();
  if (field.value.is_scalar()) {
    if (text == "yes" || text == "on") return true;
    if (text == "no" || text == "off") return false;
  }
  return ReadBool(context, field);
}

void RefuseSwitch(Context& context, const Field& field, std::string_view why) {
  if (!ReadProcessBool(context, field).value_or(false)) return;
  context.faults.Add(
      field.key_at,
      fmt::format("\"{}: true\" is not carried over: {}", field.name, why));
}

}  // namespace w2t::graphfile
