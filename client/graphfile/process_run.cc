// What a process of a process-compose file runs in the end.
#include <fmt/format.h>

#include <utility>

#include "client/graphfile/process_keys.h"
#include "client/graphfile/shell_words.h"

namespace w2t::graphfile {
namespace {

// How long each line of env_cmds may take, as there.
constexpr int kEnvCommandSeconds = 2;
// What tells that a daemon was launched, when nothing else does.
constexpr char kLaunched[] = "w2t: launched";
// As long as there.
constexpr absl::Duration kReadyDeadline = absl::Hours(24);

std::string ShellWords(const ProjectDraft& project) {
  return fmt::format("{} {}", ShellQuoted(project.shell),
                     ShellQuoted(project.shell_argument));
}

// Sets the variables of env_cmds in a POSIX shell.
std::string SetVariables(const ProjectDraft& project) {
  std::string lines;
  for (const auto& [name, line] : project.env_commands) {
    fmt::format_to(std::back_inserter(lines),
                   "if W2T_VALUE=$(timeout {} {} {}); then "
                   "export {}=\"$W2T_VALUE\"; fi; ",
                   kEnvCommandSeconds, ShellWords(project), ShellQuoted(line),
                   name);
  }
  return lines;
}

std::string LogPathOf(const ProcessDraft& process) {
  constexpr std::string_view kNumber = "{PC_REPLICA_NUM}";
  std::string path = process.log_location.empty() ? process.project.log_location
                                                  : process.log_location;
  const std::string number = std::to_string(process.replica);
  const size_t at = path.find(kNumber);
  if (at != std::string::npos) {
    path.replace(at, kNumber.size(), number);
  } else if (process.replicas > 1 && !process.log_location.empty()) {
    path += "." + number;
  }
  return path;
}

// The line that launches a daemon goes on as what stands for it.
void HoldDaemon(ProcessDraft& process, std::string& line) {
  TaskDraft& task = process.task;
  task.task.set_kind(v1::TASK_KIND_SERVICE);
  const bool tells =
      !process.has_readiness_probe && !process.has_ready_log_line;
  if (tells) {
    v1::Probe& ready = *task.rest.mutable_ready();
    ready.set_log_text(kLaunched);
    SetDuration(kReadyDeadline, ready.mutable_deadline());
  }
  line = fmt::format("({}) || exit; echo '{}'; exec sleep infinity", line,
                     kLaunched);
  v1::StopPolicy& stop = *task.rest.mutable_stop();
  if (!stop.command().empty()) {
    stop.set_command(
        fmt::format("({}) && kill -- \"-$W2T_PID\"", stop.command()));
  }
}

void SetAction(ProcessDraft& process) {
  const ProjectDraft& project = process.project;
  v1::ExecAction& exec = process.task.exec;
  const std::string log = LogPathOf(process);
  const bool by_entrypoint =
      process.command.empty() && !process.entrypoint.empty();
  std::string line = process.command.empty() ? "true" : process.command;
  if (by_entrypoint) {
    line = "exec";
    for (const std::string& word : process.entrypoint) {
      line += ' ';
      line += ShellQuoted(word);
    }
  }
  const bool plain =
      log.empty() && project.env_commands.empty() && !process.is_daemon;
  if (plain && by_entrypoint) {
    for (std::string& word : process.entrypoint) {
      exec.add_argv(std::move(word));
    }
  } else if (plain && project.shell_argument == "-c") {
    exec.set_shell_program(project.shell);
    exec.set_shell(line);
  } else if (plain) {
    exec.add_argv(project.shell);
    exec.add_argv(project.shell_argument);
    exec.add_argv(line);
  } else {
    line = by_entrypoint ? SetVariables(project) + line
                         : RunByProject(project, line, "");
    if (process.is_daemon) HoldDaemon(process, line);
    exec.set_shell_program("bash");
    exec.set_shell(log.empty() ? line : WithLogFile(line, log));
    process.project.logs_to_files |= !log.empty();
  }
}

}  // namespace

std::string RunByProject(const ProjectDraft& project, std::string_view line,
                         std::string_view dir) {
  return SetVariables(project) + RunBy(ShellWords(project), line, dir);
}

void FinishProcess(Context& context, const Field& body, ProcessDraft& process) {
  TaskDraft& task = process.task;
  const ProjectDraft& project = process.project;
  auto& env = *task.exec.mutable_env();
  for (const auto& [name, value] : task.file_env) env.insert({name, value});
  for (const auto& [name, value] : project.environment) {
    env.insert({name, value});
  }
  if (process.reads_dot_env) {
    for (const auto& [name, value] : project.dot_env) env.insert({name, value});
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
  const auto folder = project.folders.find(body.key_at.file);
  if (task.exec.dir().empty() && folder != project.folders.end()) {
    task.exec.set_dir(folder->second);
  }
  SetAction(process);
}

}  // namespace w2t::graphfile
