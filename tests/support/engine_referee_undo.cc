#include <algorithm>

#include "fmt/format.h"
#include "tests/support/engine_referee.h"

namespace w2t::testing {

bool EngineReferee::Undoes(const RunBook& book, const Run& run) {
  return run.state() >= RunState::kStopping && run.data().fail_fast &&
         book.blueprint->on_failure() == OnFailure::kUndo;
}

bool EngineReferee::IsUndone(const RunBook& book, TaskIndex task) {
  if (book.blueprint->is_undo(task) ||
      book.tasks[task].outcome != TaskState::kSucceeded) {
    return true;
  }
  const TaskIndex undo = book.blueprint->undo_partner(task);
  return undo == kNoTask || IsOutcome(book.tasks[undo].outcome);
}

bool EngineReferee::HasClosed(const RunBook& book, TaskIndex task, bool undoes,
                              bool all) {
  std::vector<bool> seen(book.tasks.size());
  std::vector<TaskIndex> todo = {task};
  while (!todo.empty()) {
    const TaskIndex at = todo.back();
    todo.pop_back();
    for (const Blueprint::Edge& edge : book.blueprint->successors(at)) {
      if (seen[edge.task]) continue;
      seen[edge.task] = true;
      todo.push_back(edge.task);
      const bool must_end = all || book.set.contains(edge.task);
      if (must_end && book.tasks[edge.task].lease) return false;
      if (undoes && !IsUndone(book, edge.task)) return false;
    }
  }
  return true;
}

// Whether a task that undoes another one, and that nobody holds, is where it
// should be.
void EngineReferee::CheckUndo(const RunBook& book, const Run& run,
                              TaskIndex undo) {
  const TaskIndex undone = book.blueprint->undo_partner(undo);
  const TaskState was = run.task(undone).state;
  const TaskState state = run.task(undo).state;
  TaskState right = TaskState::kWaiting;
  if (run.state() >= RunState::kStopping) {
    const bool undoes = Undoes(book, run);
    const bool may_come =
        undoes && (IsHeld(was) || was == TaskState::kSucceeded);
    if (!may_come) {
      right = TaskState::kSkipped;
    } else if (!IsHeld(was) && HasClosed(book, undone, undoes, /*all=*/true)) {
      right = TaskState::kReady;
    }
  }
  if (state == right || book.set.contains(undo)) return;
  Fault(fmt::format("task {}, which undoes task {}, is {} and should be {}",
                    undo, undone, Name(state), Name(right)));
}

}  // namespace w2t::testing
