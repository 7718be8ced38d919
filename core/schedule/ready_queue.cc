#include "core/schedule/ready_queue.h"

#include <cassert>

namespace w2t {

void ReadyQueue::Push(const Rank& rank, ReadyTask task) {
  lists_[{rank.priority, rank.remaining_us}].entries.push_back(
      {task, rank.ticket});
  ++size_;
}

Rank ReadyQueue::top() const {
  assert(!empty());
  const auto& [key, list] = *lists_.begin();
  return {key.priority, key.remaining_us, list.entries[list.head].ticket};
}

ReadyTask ReadyQueue::front() const {
  assert(!empty());
  const List& list = lists_.begin()->second;
  return list.entries[list.head].task;
}

ReadyTask ReadyQueue::Pop() {
  assert(!empty());
  const auto it = lists_.begin();
  List& list = it->second;
  const ReadyTask task = list.entries[list.head++].task;
  --size_;
  if (list.head == list.entries.size()) {
    lists_.erase(it);
  } else if (list.head >= 1024 && list.head * 2 >= list.entries.size()) {
    // A list that never runs empty must not keep what has left it.
    list.entries.erase(list.entries.begin(),
                       list.entries.begin() + static_cast<long>(list.head));
    list.head = 0;
  }
  return task;
}

}  // namespace w2t
