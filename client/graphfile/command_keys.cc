// What a task does: command, handler, and the keys that go with them.
#include <utility>

#include "client/graphfile/source.h"
#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

bool IsSecondAction(Context& context, const Field& field,
                    const TaskDraft& draft, bool other) {
  // What the defaults say is replaced; they are read before any key position
  // of the task itself is known.
  if (!other || draft.defaulted_action) return false;
  context.faults.Add(field.key_at,
                     "\"command\" and \"handler\" exclude each other");
  return true;
}

}  // namespace

void NoteExecOnly(const Field& field, TaskDraft& draft) {
  draft.exec_only = field;
}

void ReadCommand(Context& context, const Field& field, TaskDraft& draft) {
  if (IsSecondAction(context, field, draft, draft.has_handler)) return;
  v1::ExecAction& exec = draft.exec;
  if (field.value.is_list()) {
    std::optional<std::vector<std::string>> argv = ReadTexts(context, field);
    if (!argv) return;
    if (argv->empty() || argv->front().empty()) {
      return WrongValue(context, field,
                        "a line or a list that names a program");
    }
    exec.clear_shell();
    exec.clear_argv();
    for (std::string& argument : *argv) exec.add_argv(std::move(argument));
  } else {
    if (!field.value.is_scalar()) {
      return WrongValue(context, field,
                        "a line or a list that names a program");
    }
    std::optional<std::string> line = ReadNonEmptyText(context, field);
    if (!line) return;
    exec.clear_argv();
    exec.set_shell(*std::move(line));
  }
  draft.has_command = true;
  draft.has_handler = false;
  draft.defaulted_action = false;
}

void ReadHandler(Context& context, const Field& field, TaskDraft& draft) {
  if (IsSecondAction(context, field, draft, draft.has_command)) return;
  std::optional<std::string> name = ReadNonEmptyText(context, field);
  if (!name) return;
  draft.handler.set_name(*std::move(name));
  draft.has_handler = true;
  draft.has_command = false;
  draft.defaulted_action = false;
}

void ReadInput(Context& context, const Field& field, TaskDraft& draft) {
  std::optional<std::string> input = ReadText(context, field);
  if (!input) return;
  draft.handler.set_input(*std::move(input));
  draft.handler_only = field;
}

void ReadEnv(Context& context, const Field& field, TaskDraft& draft) {
  const auto variables = ReadEnvironment(context, field);
  if (!variables) return;
  for (const auto& [name, value] : *variables) {
    (*draft.exec.mutable_env())[name] = value;
  }
  NoteExecOnly(field, draft);
}

void ReadEnvFile(Context& context, const Field& field, TaskDraft& draft) {
  ReadEnvFiles(context, field, draft.file_env);
  NoteExecOnly(field, draft);
}

void ReadDir(Context& context, const Field& field, TaskDraft& draft) {
  std::optional<std::string> dir = ReadNonEmptyText(context, field);
  if (!dir) return;
  draft.exec.set_dir(*std::move(dir));
  NoteExecOnly(field, draft);
}

void ReadSuccessExitCodes(Context& context, const Field& field,
                          TaskDraft& draft) {
  const auto codes = ReadNumbers(context, field, "exit codes", 0, 255);
  if (!codes) return;
  draft.exec.clear_success_exit_codes();
  for (const int32_t code : *codes) draft.exec.add_success_exit_codes(code);
  NoteExecOnly(field, draft);
}

}  // namespace w2t::graphfile
