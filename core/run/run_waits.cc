// What tasks wait for, for those who ask.
#include "absl/container/flat_hash_set.h"
#include "core/run/run.h"

namespace w2t {
namespace {

// Tasks looked at to find those that have to stop before another one.
constexpr size_t kMaxVisited = 10'000;

}  // namespace

WaitKind Run::KindOfWait(TaskIndex task) const {
  const TaskRecord& record = data_.tasks[task];
  if (Waits(task) && !record.stop_requested) return WaitKind::kDependencies;
  if (IsHeld(record.state)) {
    return Lingers(task) && !record.stop_requested ? WaitKind::kToBeStopped
                                                   : WaitKind::kNone;
  }
  if (record.restarting) {
    return revising() ? WaitKind::kRevision : WaitKind::kRestart;
  }
  if (record.state == TaskState::kSkipped) {
    return blueprint().is_undo(task) ? WaitKind::kUndo
                                     : WaitKind::kDependencies;
  }
  if (record.state != TaskState::kWaiting) return WaitKind::kNone;
  if (!blueprint().is_undo(task)) return WaitKind::kDependencies;
  return undoing() ? WaitKind::kUndo : WaitKind::kDormant;
}

std::vector<TaskIndex> Run::Blockers(TaskIndex task, size_t most) const {
  switch (KindOfWait(task)) {
    case WaitKind::kNone:
    case WaitKind::kDormant:
      break;
    case WaitKind::kDependencies:
      return BlockingDependencies(task, most);
    case WaitKind::kRestart:
    case WaitKind::kRevision:
      return LingeringOfSet(most);
    case WaitKind::kToBeStopped:
      return LingeringBehind(task, most);
    case WaitKind::kUndo: {
      const TaskIndex undone = blueprint().undo_partner(task);
      if (IsHeld(data_.tasks[undone].state)) return {undone};
      return LingeringBehind(undone, most);
    }
  }
  return {};
}

std::vector<TaskIndex> Run::BlockingDependencies(TaskIndex task,
                                                 size_t most) const {
  const EdgeState blocking = data_.tasks[task].state == TaskState::kSkipped
                                 ? EdgeState::kImpossible
                                 : EdgeState::kPending;
  std::vector<TaskIndex> blockers;
  for (const Blueprint::Edge& edge : blueprint().predecessors(task)) {
    if (blockers.size() >= most) break;
    const EdgeState is =
        Evaluate(edge.condition, SourceOf(data_.tasks[edge.task]));
    const bool blocks =
        is == blocking &&
        (edge.quorum == 0 || EvaluateQuorum(edge.quorum) == blocking);
    if (blocks) blockers.push_back(edge.task);
  }
  return blockers;
}

std::vector<TaskIndex> Run::LingeringOfSet(size_t most) const {
  std::vector<TaskIndex> blockers;
  for (const TaskIndex member : restarting_) {
    if (blockers.size() >= most) break;
    if (Lingers(member)) blockers.push_back(member);
  }
  return blockers;
}

std::vector<TaskIndex> Run::LingeringBehind(TaskIndex task, size_t most) const {
  std::vector<TaskIndex> blockers;
  absl::flat_hash_set<TaskIndex> known = {task};
  std::vector<TaskIndex> open = {task};
  while (!open.empty() && known.size() < kMaxVisited) {
    const TaskIndex from = open.back();
    open.pop_back();
    for (const Blueprint::Edge& edge : blueprint().successors(from)) {
      if (!known.insert(edge.task).second) continue;
      if (!Lingers(edge.task)) {
        open.push_back(edge.task);
        continue;
      }
      blockers.push_back(OwesUndo(edge.task)
                             ? blueprint().undo_partner(edge.task)
                             : edge.task);
      if (blockers.size() >= most) return blockers;
    }
  }
  return blockers;
}

}  // namespace w2t
