#include <utility>

#include "core/run/run.h"

namespace w2t {

// What no worker has ends here. From the end of the order, every task's
// dependents are dealt with before it, so that no walk back is needed yet.
void Run::StartStopping() {
  stopping_ = true;
  const TaskState unheld =
      cancelled_ || fail_fast_ ? TaskState::kCancelled : TaskState::kSkipped;
  std::vector<uint32_t> open(tasks_.size());
  for (uint32_t place = blueprint().size(); place-- > 0;) {
    const TaskIndex task = blueprint().in_order(place);
    if (IsHeld(tasks_[task].state)) {
      if (open[task] == 0) RequestStop(task);
    } else if (!IsOutcome(tasks_[task].state)) {
      EndTask(task, unheld);
    }
    if (IsOutcome(tasks_[task].state) && open[task] == 0) continue;
    for (const Blueprint::Edge& edge : blueprint().predecessors(task)) {
      ++open[edge.task];
    }
  }
  open_dependents_ = std::move(open);
  unsettled_.clear();
}

// Walks up from a task that has ended and whose dependents have all closed.
void Run::Close(TaskIndex task) {
  std::vector<TaskIndex> closing = {task};
  while (!closing.empty()) {
    const TaskIndex closed = closing.back();
    closing.pop_back();
    for (const Blueprint::Edge& edge : blueprint().predecessors(closed)) {
      if (--open_dependents_[edge.task] > 0) continue;
      const TaskState state = tasks_[edge.task].state;
      if (IsOutcome(state)) {
        closing.push_back(edge.task);
      } else if (IsHeld(state)) {
        RequestStop(edge.task);
      }
    }
  }
}

void Run::RequestStop(TaskIndex task) {
  if (tasks_[task].stop_requested) return;
  tasks_[task].stop_requested = true;
  out_->stop.push_back(task);
}

}  // namespace w2t
