#include "core/run/run.h"

namespace w2t {

bool Run::undoing() const {
  return data_.stopping && data_.fail_fast &&
         blueprint().on_failure() == OnFailure::kUndo;
}

bool Run::MustWindDown(TaskIndex task) const {
  return data_.stopping && !blueprint().is_undo(task);
}

bool Run::OwesUndo(TaskIndex task) const {
  if (!undoing() || data_.tasks[task].state != TaskState::kSucceeded ||
      blueprint().is_undo(task)) {
    return false;
  }
  const TaskIndex undo = blueprint().undo_partner(task);
  return undo != kNoTask && !IsOutcome(data_.tasks[undo].state);
}

bool Run::IsUndoDue(TaskIndex undo) const {
  const TaskIndex undone = blueprint().undo_partner(undo);
  return OwesUndo(undone) && !open_dependents_.empty() &&
         open_dependents_[undone] == 0;
}

void Run::SkipUndos() {
  for (TaskIndex task = 0; task < data_.tasks.size(); ++task) {
    if (!blueprint().is_undo(task) || IsOutcome(data_.tasks[task].state)) {
      continue;
    }
    const TaskState undone = data_.tasks[blueprint().undo_partner(task)].state;
    // What is being stopped may yet report that it had succeeded.
    const bool may_come =
        undoing() && (IsHeld(undone) || undone == TaskState::kSucceeded);
    if (!may_come) EndTask(task, TaskState::kSkipped);
  }
}

}  // namespace w2t
