// `undo`: what undoes a task, which becomes a task of its own.
#include <memory>
#include <utility>

#include "client/graphfile/task_keys.h"

namespace w2t::graphfile {
namespace {

void ReadUndoTimeout(Context& context, const Field& field, TaskDraft& undo) {
  const std::optional<absl::Duration> timeout = ReadDuration(context, field);
  if (timeout) SetDuration(*timeout, undo.rest.mutable_timeout());
}

constexpr KeyReader<TaskDraft> kUndoKeys[] = {
    {"command", ReadCommand}, {"handler", ReadHandler},
    {"input", ReadInput},     {"env", ReadEnv},
    {"dir", ReadDir},         {"timeout", ReadUndoTimeout},
    {"retry", ReadRetry},     {"resources", ReadResources},
    {"host", ReadHost},
};

}  // namespace

void ReadUndo(Context& context, const Field& field, TaskDraft& draft) {
  auto undo = std::make_shared<TaskDraft>();
  undo->undo_at = field.key_at;
  const uint64_t faults_before = context.faults.total();
  if (field.value.is_map()) {
    ReadMap<TaskDraft>(context, field, kUndoKeys, {}, *undo);
  } else {
    ReadCommand(context, field, *undo);
  }
  if (!undo->has_command && !undo->has_handler) {
    // What is there and wrong has been noted already.
    if (context.faults.total() == faults_before) {
      context.faults.Add(field.key_at, "\"undo\" has no command");
    }
    undo->exec.add_argv("true");
    undo->has_command = true;
  }
  draft.undo = std::move(undo);
}

TaskDraft TakeUndo(TaskDraft& draft) {
  TaskDraft undo = *std::exchange(draft.undo, nullptr);
  undo.task.set_name(draft.task.name() + std::string(kUndoSuffix));
  undo.task.set_undo_of(draft.task.name());
  if (!undo.task.has_host() && draft.task.has_host()) {
    *undo.task.mutable_host() = draft.task.host();
  }
  if (undo.has_handler) return undo;
  for (const auto& [name, value] : draft.exec.env()) {
    undo.exec.mutable_env()->insert({name, value});
  }
  if (undo.exec.dir().empty()) undo.exec.set_dir(draft.exec.dir());
  return undo;
}

}  // namespace w2t::graphfile
