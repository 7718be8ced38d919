// The tasks of a static blueprint as names only: put in order, or what is wrong
// with them. All of it happens in the compiler. Not for users.
#ifndef W2T_FLOW_INTERNAL_SHAPE_H_
#define W2T_FLOW_INTERNAL_SHAPE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "w2t/internal/suggest.h"

namespace w2t::flow::internal {

enum class ShapeFault {
  kNone,
  kDuplicateTask,
  kSelfDependency,
  kUnknownDependency,
  kDuplicateDependency,
  kDependencyCycle,
};

// Indices are positions in the list of tasks, as written.
template <size_t kTasks, size_t kEdges>
struct Shape {
  std::array<std::string_view, kTasks> names;
  std::array<size_t, kTasks + 1> begin;  // where a task's dependencies begin
  std::array<std::string_view, kEdges> edge_names;
  std::array<size_t, kEdges> edges;
  // Each after those that it depends on; else in the order as written.
  std::array<size_t, kTasks> order;

  // The first thing that is wrong, and what it is about: `said` of `path`.
  ShapeFault fault = ShapeFault::kNone;
  std::array<std::string_view, kTasks + 2> path;
  size_t said = 0;
  std::string_view guess;  // what may have been meant

  constexpr void Fail(ShapeFault kind,
                      std::initializer_list<std::string_view> about) {
    fault = kind;
    said = about.size();
    std::copy(about.begin(), about.end(), path.begin());
  }
};

// The name that may have been meant by `name`; else empty.
constexpr std::string_view Nearest(std::string_view name, const auto& names) {
  return Suggest(name, names.size(), [&](size_t i) { return names[i]; });
}

// Finds names. Compilers bound how much they compute, so this and all below is
// linear, but for the search for a cycle that is there.
template <size_t kTasks>
class NameIndex {
 public:
  // Its position when `name` is there, else `position`, where it is from now.
  constexpr size_t Add(std::string_view name, size_t position) {
    Slot& slot = slots_[Find(name)];
    if (slot.number == 0) slot = {name, position + 1};
    return slot.number - 1;
  }
  // Its position, or kTasks.
  constexpr size_t At(std::string_view name) const {
    const size_t number = slots_[Find(name)].number;
    return number == 0 ? kTasks : number - 1;
  }

 private:
  struct Slot {
    std::string_view name;
    size_t number = 0;  // its position and 1; 0: free
  };

  // The slot of `name`, or the free one where it belongs.
  constexpr size_t Find(std::string_view name) const {
    uint32_t hash = 2166136261;  // FNV-1a
    for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619;
    size_t at = hash % slots_.size();
    while (slots_[at].number != 0 && slots_[at].name != name) {
      at = (at + 1) % slots_.size();
    }
    return at;
  }

  std::array<Slot, 2 * kTasks + 1> slots_{};
};

// Fills in `edges`.
template <size_t kTasks, size_t kEdges>
constexpr void FindNames(Shape<kTasks, kEdges>& shape) {
  NameIndex<kTasks> index;
  for (size_t task = 0; task < kTasks; ++task) {
    const std::string_view name = shape.names[task];
    if (index.Add(name, task) != task) {
      return shape.Fail(ShapeFault::kDuplicateTask, {name});
    }
  }
  for (size_t task = 0; task < kTasks; ++task) {
    for (size_t e = shape.begin[task]; e < shape.begin[task + 1]; ++e) {
      const std::string_view name = shape.edge_names[e];
      const size_t found = index.At(name);
      if (found == kTasks) {
        shape.Fail(ShapeFault::kUnknownDependency, {shape.names[task], name});
        shape.guess = Nearest(name, shape.names);
        return;
      }
      shape.edges[e] = found;
      if (found == task) {
        return shape.Fail(ShapeFault::kSelfDependency, {name, name});
      }
      for (size_t before = shape.begin[task]; before < e; ++before) {
        if (shape.edges[before] == found) {
          return shape.Fail(ShapeFault::kDuplicateDependency,
                            {shape.names[task], name});
        }
      }
    }
  }
}

// Kahn's algorithm, which fills in `order`.
template <size_t kTasks, size_t kEdges>
struct Sorter {
  Shape<kTasks, kEdges>& shape;
  std::array<size_t, kTasks + 2> begin{};  // of the dependents of a task
  std::array<size_t, kEdges> dependents{};
  std::array<size_t, kTasks> waits{};  // for so many tasks
  std::array<bool, kTasks> ordered{};
  size_t filled = 0;  // how much of `order` is

  constexpr explicit Sorter(Shape<kTasks, kEdges>& s) : shape(s) {
    // begin[task + 1] is first where the next dependent of a task goes, and so
    // in the end where they end.
    for (size_t to : shape.edges) ++begin[to + 2];
    for (size_t i = 2; i < begin.size(); ++i) begin[i] += begin[i - 1];
    for (size_t task = 0; task < kTasks; ++task) {
      for (size_t e = shape.begin[task]; e < shape.begin[task + 1]; ++e) {
        dependents[begin[shape.edges[e] + 1]++] = task;
        ++waits[task];
      }
    }
    for (size_t task = 0; task < kTasks; ++task) {
      if (waits[task] == 0) shape.order[filled++] = task;
    }
    PassOn(0);
  }

  constexpr void PassOn(size_t head) {
    for (; head < filled; ++head) {
      const size_t task = shape.order[head];
      ordered[task] = true;
      for (size_t e = begin[task]; e < begin[task + 1]; ++e) {
        const size_t to = dependents[e];
        if (--waits[to] == 0 && !ordered[to]) shape.order[filled++] = to;
      }
    }
  }
  // As if it waited for nothing.
  constexpr void TakeOut(size_t task) {
    ordered[task] = true;
    shape.order[filled++] = task;
    PassOn(filled - 1);
  }
};

// The shortest cycle among the tasks that could not be put in order. It begins
// and ends with the task of it that is written last: the one most likely to be
// the end of the work.
template <size_t kTasks, size_t kEdges>
constexpr void FindCycle(Sorter<kTasks, kEdges>& sorter) {
  Shape<kTasks, kEdges>& shape = sorter.shape;
  std::array<size_t, kTasks> best{};
  size_t length = kTasks + 1;
  for (size_t start = kTasks; start-- > 0;) {
    if (sorter.ordered[start]) continue;
    // Breadth first, against the direction of the work.
    std::array<size_t, kTasks> queue{};
    std::array<size_t, kTasks> from{};
    std::array<size_t, kTasks> depth{};  // 0: not seen
    size_t filled = 1;
    queue[0] = start;
    depth[start] = 1;
    for (size_t head = 0; head < filled && depth[queue[head]] < length;
         ++head) {
      const size_t task = queue[head];
      for (size_t e = shape.begin[task]; e < shape.begin[task + 1]; ++e) {
        const size_t to = shape.edges[e];
        if (to == start && depth[task] < length) {
          length = depth[task];
          for (size_t at = task, i = length; i-- > 0; at = from[at]) {
            best[i] = at;
          }
        }
        if (depth[to] != 0 || sorter.ordered[to]) continue;
        depth[to] = depth[task] + 1;
        from[to] = task;
        queue[filled++] = to;
      }
    }
    // No other cycle goes through it.
    sorter.TakeOut(start);
  }
  const auto end = best.begin() + length;
  std::rotate(best.begin(), std::max_element(best.begin(), end), end);
  shape.Fail(ShapeFault::kDependencyCycle, {});
  for (size_t i = 0; i < length; ++i) shape.path[i] = shape.names[best[i]];
  shape.path[length] = shape.path[0];
  shape.said = length + 1;
}

// Of tasks given as names: its own first, then its dependencies'.
template <size_t kTasks, size_t kNames>
consteval auto ShapeOf(
    const std::array<std::span<const std::string_view>, kTasks>& tasks) {
  Shape<kTasks, kNames - kTasks> shape{};
  size_t edge = 0;
  for (size_t task = 0; task < kTasks; ++task) {
    shape.names[task] = tasks[task][0];
    for (std::string_view name : tasks[task].subspan(1)) {
      shape.edge_names[edge++] = name;
    }
    shape.begin[task + 1] = edge;
  }
  FindNames(shape);
  if (shape.fault != ShapeFault::kNone) return shape;
  Sorter<kTasks, kNames - kTasks> sorter(shape);
  if (sorter.filled < kTasks) FindCycle(sorter);
  return shape;
}

// What a shape says of its fault: "join -> parse (did you mean ...?)". Writes
// to `out` unless it is null; returns its size.
constexpr size_t WriteFault(const auto& shape, char* out) {
  size_t size = 0;
  const auto write = [&](std::string_view text) {
    if (out != nullptr) std::copy(text.begin(), text.end(), out + size);
    size += text.size();
  };
  for (size_t i = 0; i < shape.said; ++i) {
    if (i > 0) write(" -> ");
    write(shape.path[i]);
  }
  if (!shape.guess.empty()) {
    write(", did you mean ");
    write(shape.guess);
    write("?");
  }
  return size;
}

}  // namespace w2t::flow::internal

#endif  // W2T_FLOW_INTERNAL_SHAPE_H_
