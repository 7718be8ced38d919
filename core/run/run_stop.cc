#include <utility>

#include "core/run/run.h"

namespace w2t {

// What no worker has ends here, and of the rest what nothing depends on is told
// to stop. From the end of the order, so that no walk back is needed yet.
void Run::StartStopping() {
  data_.stopping = true;
  spec_.pending = {};
  TakeSet();
  const TaskState unheld = UnstartedOutcome();
  for (uint32_t place = blueprint().size(); place-- > 0;) {
    const TaskIndex task = blueprint().in_order(place);
    const TaskState state = data_.tasks[task].state;
    if (!IsHeld(state) && !IsOutcome(state) && !blueprint().is_undo(task)) {
      EndTask(task, unheld);
    }
  }
  SkipUndos();
  unsettled_.clear();
  StopInOrder();
}

TaskState Run::UnstartedOutcome() const {
  return data_.cancelled || data_.fail_fast ? TaskState::kCancelled
                                            : TaskState::kSkipped;
}

bool Run::Lingers(TaskIndex task) const {
  const TaskRecord& record = data_.tasks[task];
  return OwesUndo(task) ||
         (IsHeld(record.state) && (MustWindDown(task) || record.restarting));
}

void Run::StopInOrder() {
  open_dependents_ = OpenDependents();
  for (uint32_t place = blueprint().size(); place-- > 0;) {
    const TaskIndex task = blueprint().in_order(place);
    if (Lingers(task) && open_dependents_[task] == 0) RequestStop(task);
  }
}

// What is being stopped has ended.
void Run::EndStopped(TaskIndex task) {
  const TaskIndex partner = blueprint().undo_partner(task);
  if (blueprint().is_undo(task)) {
    // That waited for its undoing.
    if (!Lingers(partner) && open_dependents_[partner] == 0) Close(partner);
    return;
  }
  if (partner != kNoTask && !OwesUndo(task) &&
      !IsOutcome(data_.tasks[partner].state)) {
    return EndTask(partner, TaskState::kSkipped);
  }
  if (open_dependents_[task] > 0) return;
  if (Lingers(task)) {
    RequestStop(task);
  } else {
    Close(task);
  }
}

// Walks up from a task that lingers no more and whose dependents have all
// closed.
void Run::Close(TaskIndex task) {
  std::vector<TaskIndex> closing = {task};
  while (!closing.empty()) {
    const TaskIndex closed = closing.back();
    closing.pop_back();
    for (const Blueprint::Edge& edge : blueprint().predecessors(closed)) {
      if (--open_dependents_[edge.task] > 0) continue;
      if (Lingers(edge.task)) {
        RequestStop(edge.task);
      } else {
        closing.push_back(edge.task);
      }
    }
  }
}

void Run::RequestStop(TaskIndex task) {
  if (!IsHeld(data_.tasks[task].state)) {
    unsettled_.push_back(blueprint().undo_partner(task));
    return;
  }
  if (data_.tasks[task].stop_requested) return;
  data_.tasks[task].stop_requested = true;
  data_.tasks[task].end_us = now_us_;
  out_->stop.push_back(task);
}

}  // namespace w2t
