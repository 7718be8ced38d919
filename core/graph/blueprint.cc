#include "w2t/blueprint.h"

#include "core/base/absl_view.h"

namespace w2t {

std::string_view Blueprint::task_name(TaskIndex task) const {
  const uint32_t begin = task == 0 ? 0 : tasks_[task - 1].name_end;
  return std::string_view(names_).substr(begin, tasks_[task].name_end - begin);
}

TaskIndex Blueprint::Find(std::string_view name) const {
  if (by_name_.empty()) {
    for (TaskIndex task = 0; task < size(); ++task) {
      if (task_name(task) == name) return task;
    }
    return kNoTask;
  }
  const auto it = by_name_.find(AbslView(name));
  return it == by_name_.end() ? kNoTask : it->second;
}

std::vector<TaskIndex> Blueprint::CriticalTasks() const {
  std::vector<TaskIndex> path;
  TaskIndex next = kNoTask;
  for (TaskIndex task = 0; task < size(); ++task) {
    if (predecessors(task).empty() &&
        (next == kNoTask || remaining_us(task) > remaining_us(next))) {
      next = task;
    }
  }
  while (next != kNoTask) {
    path.push_back(next);
    TaskIndex longest = kNoTask;
    for (const Edge& edge : successors(next)) {
      if (longest == kNoTask ||
          remaining_us(edge.task) > remaining_us(longest)) {
        longest = edge.task;
      }
    }
    next = longest;
  }
  return path;
}

}  // namespace w2t
