// ReadyQueue: the tasks of one shape that may start, the most urgent first.
#ifndef W2T_CORE_SCHEDULE_READY_QUEUE_H_
#define W2T_CORE_SCHEDULE_READY_QUEUE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "core/base/ids.h"
#include "w2t/graph.h"

namespace w2t {

struct ReadyTask {
  RunNumber run;
  TaskIndex task = kNoTask;
};

// Higher priority first, then the longer remaining critical path, then whoever
// has waited longer. `ticket` counts up with every push.
struct Rank {
  int32_t priority = 0;
  int64_t remaining_us = 0;
  uint64_t ticket = 0;

  // Less means more urgent.
  std::strong_ordering operator<=>(const Rank& other) const {
    if (const auto c = other.priority <=> priority; c != 0) return c;
    if (const auto c = other.remaining_us <=> remaining_us; c != 0) return c;
    return ticket <=> other.ticket;
  }
  bool operator==(const Rank& other) const = default;
};

// Push and Pop cost O(log of the number of different (priority, remaining)):
// tasks that share them wait in a plain list.
class ReadyQueue {
 public:
  void Push(const Rank& rank, ReadyTask task);
  // Of the first task. The queue must not be empty.
  Rank top() const;
  ReadyTask front() const;
  ReadyTask Pop();
  bool empty() const { return lists_.empty(); }
  size_t size() const { return size_; }

 private:
  struct Key {
    int32_t priority;
    int64_t remaining_us;
    bool operator<(const Key& other) const {
      if (priority != other.priority) return priority > other.priority;
      return remaining_us > other.remaining_us;
    }
  };
  struct Entry {
    ReadyTask task;
    uint64_t ticket;
  };
  // First in, first out; `head` is the next one out.
  struct List {
    std::vector<Entry> entries;
    size_t head = 0;
  };

  absl::btree_map<Key, List> lists_;
  size_t size_ = 0;
};

}  // namespace w2t

#endif  // W2T_CORE_SCHEDULE_READY_QUEUE_H_
