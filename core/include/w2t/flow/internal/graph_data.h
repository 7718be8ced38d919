// What a flow::Graph holds, with the types of bodies forgotten. Not for users.
#ifndef W2T_FLOW_INTERNAL_GRAPH_DATA_H_
#define W2T_FLOW_INTERNAL_GRAPH_DATA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "w2t/blueprint.h"
#include "w2t/flow/internal/node.h"
#include "w2t/flow/task.h"
#include "w2t/graph.h"

namespace w2t {
class BlueprintDraft;
}

namespace w2t::flow::internal {

// Memory that is given back all at once.
class Arena {
 public:
  void* Allocate(size_t size, size_t alignment) {
    const size_t padding =
        -reinterpret_cast<uintptr_t>(next_) & (alignment - 1);
    if (padding + size > left_) return Grow(size, alignment);
    void* place = next_ + padding;
    next_ += padding + size;
    left_ -= padding + size;
    return place;
  }
  size_t bytes() const { return bytes_; }

 private:
  void* Grow(size_t size, size_t alignment);

  std::byte* next_ = nullptr;
  size_t left_ = 0;
  size_t bytes_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

// The nodes of a graph, by index. Destroys them.
class Nodes {
 public:
  Nodes() = default;
  Nodes(Nodes&&) = default;
  Nodes& operator=(Nodes&& other) noexcept {
    std::swap(arena_, other.arena_);
    std::swap(nodes_, other.nodes_);
    std::swap(owning_, other.owning_);
    return *this;
  }
  ~Nodes();

  template <typename N, typename... Arguments>
  N* Add(Arguments&&... arguments) {
    void* place = arena_.Allocate(sizeof(N), alignof(N));
    N* node = new (place) N(std::forward<Arguments>(arguments)...);
    node->functions = &kFunctionsOf<N>;
    nodes_.push_back(node);
    owning_ |= node->functions->destroy != nullptr;
    return node;
  }
  void Reserve(size_t count) { nodes_.reserve(count); }
  Node* operator[](TaskIndex task) const { return nodes_[task]; }
  size_t size() const { return nodes_.size(); }

 private:
  Arena arena_;
  std::vector<Node*> nodes_;
  bool owning_ = false;  // some have something to destroy
};

struct Retry {
  TaskIndex task;
  RetryPolicy policy;
};

struct GraphData {
  explicit GraphData(std::string name);
  ~GraphData();

  // False, and a fault, for a handle of another graph.
  bool Owns(const AnyTask& task);
  // The task of the node added last.
  TaskIndex AddTask(std::string_view name);
  void Depend(const AnyTask& on,
              Condition condition);  // of the task added last
  // Its dependencies so far ended with `count` of which `need` must hold; 0:
  // all of them.
  void EndClause(uint32_t need, uint32_t count);

  uint32_t last_edges = 0;  // of the task added last
  const uint32_t number;    // of this graph, to know its handles by
  std::unique_ptr<BlueprintDraft> draft;
  Nodes nodes;
  struct NamedOrder {
    std::string before;
    std::string after;
  };
  struct Order {
    TaskIndex before;
    TaskIndex after;
  };
  std::vector<Order> orders;
  std::vector<NamedOrder> named_orders;
  std::vector<Retry> retries;  // by task
  Diagnostics faults;
};

// The graph as a Blueprint, or all that is wrong with it. `draft` is that of
// `data`, or a copy.
BlueprintOr Freeze(const GraphData& data, BlueprintDraft draft);

}  // namespace w2t::flow::internal

#endif  // W2T_FLOW_INTERNAL_GRAPH_DATA_H_
