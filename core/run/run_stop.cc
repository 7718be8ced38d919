#include <utility>

#include "core/run/run.h"

namespace w2t {

// What no worker has ends here, and of the rest what nothing depends on is told
// to stop. From the end of the order, so that no walk back is needed yet.
void Run::StartStopping() {
  data_.stopping = true;
  spec_.pending = {};
  TakeSet();
  const TaskState unheld = data_.cancelled || data_.fail_fast
                               ? TaskState::kCancelled
                               : TaskState::kSkipped;
  for (uint32_t place = blueprint().size(); place-- > 0;) {
    const TaskIndex task = blueprint().in_order(place);
    const TaskState state = data_.tasks[task].state;
    if (!IsHeld(state) && !IsOutcome(state)) EndTask(task, unheld);
  }
  StopInOrder();
  unsettled_.clear();
}

bool Run::Lingers(TaskIndex task) const {
  const TaskRecord& record = data_.tasks[task];
  return IsHeld(record.state) && (data_.stopping || record.restarting);
}

void Run::StopInOrder() {
  open_dependents_ = OpenDependents();
  for (uint32_t place = blueprint().size(); place-- > 0;) {
    const TaskIndex task = blueprint().in_order(place);
    if (Lingers(task) && open_dependents_[task] == 0) RequestStop(task);
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
  if (data_.tasks[task].stop_requested) return;
  data_.tasks[task].stop_requested = true;
  out_->stop.push_back(task);
}

}  // namespace w2t
