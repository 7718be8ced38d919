#include "core/graph/cycles.h"

#include <algorithm>
#include <cstddef>

#include "fmt/format.h"

namespace w2t {
namespace {

class CycleFinder {
 public:
  CycleFinder(absl::Span<const uint32_t> begin,
              absl::Span<const Blueprint::Edge> edges)
      : begin_(begin),
        edges_(edges),
        size_(begin.size() - 1),
        component_(size_, kNoTask),
        distance_(size_, kNoTask),
        parent_(size_, kNoTask) {}

  std::vector<std::vector<TaskIndex>> Find() {
    FindComponents();
    std::vector<std::vector<TaskIndex>> cycles;
    for (std::vector<TaskIndex>& knot : knots_) {
      std::sort(knot.begin(), knot.end());
      cycles.push_back(ShortestCycle(knot));
    }
    std::sort(cycles.begin(), cycles.end());
    return cycles;
  }

 private:
  struct Frame {
    TaskIndex task;
    uint32_t next_edge;
  };

  void FindComponents() {
    order_.assign(size_, 0);
    low_.assign(size_, 0);
    for (TaskIndex root = 0; root < size_; ++root) {
      if (order_[root] == 0) Visit(root);
    }
  }

  void Visit(TaskIndex root) {
    Enter(root);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const TaskIndex task = frame.task;
      if (frame.next_edge < begin_[task + 1]) {
        const TaskIndex to = edges_[frame.next_edge++].task;
        if (order_[to] == 0) {
          Enter(to);
        } else if (component_[to] == kNoTask) {
          low_[task] = std::min(low_[task], order_[to]);
        }
        continue;
      }
      frames_.pop_back();
      if (!frames_.empty()) {
        uint32_t& low = low_[frames_.back().task];
        low = std::min(low, low_[task]);
      }
      if (low_[task] == order_[task]) CloseComponent(task);
    }
  }

  void Enter(TaskIndex task) {
    order_[task] = low_[task] = ++visited_;
    open_.push_back(task);
    frames_.push_back({task, begin_[task]});
  }

  void CloseComponent(TaskIndex root) {
    std::vector<TaskIndex> members;
    TaskIndex member;
    do {
      member = open_.back();
      open_.pop_back();
      component_[member] = root;
      members.push_back(member);
    } while (member != root);
    if (members.size() > 1) knots_.push_back(std::move(members));
  }

  std::vector<TaskIndex> ShortestCycle(const std::vector<TaskIndex>& knot) {
    std::vector<TaskIndex> best;
    uint64_t spent = 0;
    for (TaskIndex start : knot) {
      std::vector<TaskIndex> cycle =
          ShortestThrough(start, best.size(), &spent);
      if (!cycle.empty()) best = std::move(cycle);
      if (best.size() == 2 || spent > kCycleSearchBudget) break;
    }
    std::rotate(best.begin(), std::min_element(best.begin(), best.end()),
                best.end());
    return best;
  }

  // Breadth first from `start` inside its knot. Empty when there is no cycle
  // through it shorter than `bound` (0: no bound).
  std::vector<TaskIndex> ShortestThrough(TaskIndex start, size_t bound,
                                         uint64_t* spent) {
    std::vector<TaskIndex> queue = {start};
    std::vector<TaskIndex> cycle;
    distance_[start] = 0;
    for (size_t head = 0; head < queue.size() && cycle.empty(); ++head) {
      const TaskIndex task = queue[head];
      if (bound != 0 && distance_[task] + 1 >= bound) break;
      for (uint32_t e = begin_[task]; e < begin_[task + 1]; ++e) {
        ++*spent;
        const TaskIndex to = edges_[e].task;
        if (to == start) {
          cycle = WayBack(task, start);
          break;
        }
        if (component_[to] != component_[start] || distance_[to] != kNoTask) {
          continue;
        }
        distance_[to] = distance_[task] + 1;
        parent_[to] = task;
        queue.push_back(to);
      }
    }
    for (TaskIndex task : queue) distance_[task] = kNoTask;
    return cycle;
  }

  std::vector<TaskIndex> WayBack(TaskIndex last, TaskIndex start) const {
    std::vector<TaskIndex> way;
    for (TaskIndex task = last; task != start; task = parent_[task]) {
      way.push_back(task);
    }
    way.push_back(start);
    std::reverse(way.begin(), way.end());
    return way;
  }

  const absl::Span<const uint32_t> begin_;
  const absl::Span<const Blueprint::Edge> edges_;
  const size_t size_;
  std::vector<TaskIndex> component_;  // its first-visited task; kNoTask: open
  std::vector<uint32_t> order_;       // of the visit, from 1; 0: not visited
  std::vector<uint32_t> low_;
  uint32_t visited_ = 0;
  std::vector<TaskIndex> open_;
  std::vector<Frame> frames_;
  std::vector<std::vector<TaskIndex>> knots_;
  // Scratch of the breadth-first search.
  std::vector<uint32_t> distance_;
  std::vector<TaskIndex> parent_;
};

}  // namespace

std::vector<std::vector<TaskIndex>> FindCycles(
    absl::Span<const uint32_t> begin, absl::Span<const Blueprint::Edge> edges) {
  return CycleFinder(begin, edges).Find();
}

std::string PathInWords(const std::vector<std::string>& path) {
  constexpr size_t kMaxShown = 20;
  if (path.size() <= kMaxShown) {
    return fmt::format("{}", fmt::join(path, " -> "));
  }
  const auto cut = path.begin() + kMaxShown - 1;
  return fmt::format("{} -> ({} more) -> {}",
                     fmt::join(path.begin(), cut, " -> "),
                     path.size() - kMaxShown, path.back());
}

}  // namespace w2t
