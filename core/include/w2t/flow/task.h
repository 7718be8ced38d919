// Task: the handle of a task in a flow::Graph.
#ifndef W2T_FLOW_TASK_H_
#define W2T_FLOW_TASK_H_

#include <cstdint>

#include "w2t/graph.h"

namespace w2t::flow {

namespace internal {
struct Access;
template <typename T>
struct ValueNode;
}  // namespace internal

// A task, whatever it returns. Copies stand for the same one.
class AnyTask {
 public:
  // Its position in its graph.
  TaskIndex index() const { return index_; }

 private:
  friend struct internal::Access;
  template <typename T>
  friend class Task;
  AnyTask(uint32_t graph, TaskIndex index) : graph_(graph), index_(index) {}

  uint32_t graph_;
  TaskIndex index_;
};

// A task whose body returns a T, or only ends.
template <typename T = void>
class Task : public AnyTask {
 public:
  using Value = T;

 private:
  friend struct internal::Access;
  Task(uint32_t graph, TaskIndex index, internal::ValueNode<T>* node)
      : AnyTask(graph, index), node_(node) {}

  internal::ValueNode<T>* node_;
};

namespace internal {

// The way from a handle to what it stands for.
struct Access {
  template <typename T>
  static Task<T> Make(uint32_t graph, TaskIndex index, ValueNode<T>* node) {
    return Task<T>(graph, index, node);
  }
  template <typename T>
  static ValueNode<T>* NodeOf(const Task<T>& task) {
    return task.node_;
  }
  static uint32_t GraphOf(const AnyTask& task) { return task.graph_; }
};

}  // namespace internal
}  // namespace w2t::flow

#endif  // W2T_FLOW_TASK_H_
