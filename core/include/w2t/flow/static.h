// A blueprint that is checked by the compiler.
//
//   constexpr auto pipeline = blueprint(
//       task<"join", "parse", "index">([](int p, long i) { return p + i; }),
//       task<"fetch">([] { return 20; }),
//       task<"parse", "fetch">([](int x) { return 2 * x; }),
//       task<"index", "fetch">([](int x) -> absl::StatusOr<long> { ... }));
//
//   auto result = Executor(2).Run(pipeline);
//   absl::StatusOr<long> sum = result.Of<"join">();
//
// Tasks are written in any order. A cycle, a name that is unknown or there
// twice, and a body that does not take what its dependencies return are one
// error each, at the call of blueprint, which names the fault; see mistakes.h.
// Bodies are those of Graph::Add: they are given a const T& of each dependency
// that has a value, in the order of the names.
//
// A blueprint keeps its bodies and each run has copies of them, so that bodies
// must be copyable. It is immutable: any number of threads may run one, as
// often as they like.
#ifndef W2T_FLOW_STATIC_H_
#define W2T_FLOW_STATIC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "w2t/flow/executor.h"
#include "w2t/flow/graph.h"
#include "w2t/flow/internal/graph_data.h"
#include "w2t/flow/internal/plan.h"
#include "w2t/flow/mistakes.h"
#include "w2t/flow/result.h"
#include "w2t/flow/state.h"
#include "w2t/flow/task.h"
#include "w2t/flow/text.h"

namespace w2t::flow {

// A task as declared by task().
template <typename BodyOfTask, Text kNameOfTask, Text... kAfter>
struct StaticTask {
  using Body = BodyOfTask;
  static constexpr Text kName = kNameOfTask;
  // Its own first.
  static constexpr std::array<std::string_view, 1 + sizeof...(kAfter)> kNames =
      {kName.view(), kAfter.view()...};

  [[no_unique_address]] Body body;
};

// The task `kName`, which waits until those of `kAfter` have succeeded.
template <Text kName, Text... kAfter, typename Body>
constexpr StaticTask<Body, kName, kAfter...> task(Body body) {
  return {std::move(body)};
}

// The handles of one graph, by name. Cheap to copy, like handles.
template <typename... Tasks>
class StaticTasks {
 public:
  // The Task<T> of that name.
  template <Text kName>
  requires internal::HasTask<internal::Plan<Tasks...>, kName>
  auto Of() const { return Handle<Plan::Find(kName.view())>(); }
  // An error: there is none.
  template <Text kName>
  auto Of() const -> decltype(internal::Bare(
      internal::UnknownTaskOf<internal::Plan<Tasks...>, kName>()));

 private:
  template <typename...>
  friend class StaticBlueprint;
  using Plan = internal::Plan<Tasks...>;

  template <size_t kTask>
  auto Handle() const {
    using Node = internal::ValueNode<internal::ValueAt<Plan, kTask>>;
    return internal::Access::Make(graph_, indices_[kTask],
                                  static_cast<Node*>(nodes_[kTask]));
  }
  template <size_t kTask, typename T>
  void Keep(const Task<T>& task) {
    graph_ = internal::Access::GraphOf(task);
    indices_[kTask] = task.index();
    nodes_[kTask] = internal::Access::NodeOf(task);
  }

  uint32_t graph_ = 0;
  std::array<TaskIndex, sizeof...(Tasks)> indices_ = {};
  std::array<internal::Node*, sizeof...(Tasks)> nodes_ = {};
};

// A graph made of a blueprint. More tasks can be added to it.
template <typename... Tasks>
struct StaticGraph {
  Graph graph;
  StaticTasks<Tasks...> tasks;
};

// Made by blueprint().
template <typename... Tasks>
class StaticBlueprint {
 public:
  constexpr explicit StaticBlueprint(Tasks... tasks)
      : tasks_{{std::move(tasks)}...} {}

  static constexpr size_t size() { return sizeof...(Tasks); }
  // The names of its tasks, each after those that it waits for.
  static constexpr std::array<std::string_view, sizeof...(Tasks)> order() {
    std::array<std::string_view, sizeof...(Tasks)> names;
    for (size_t i = 0; i < size(); ++i) {
      names[i] = Plan::kShape.names[Plan::kShape.order[i]];
    }
    return names;
  }

  // A graph of copies of the bodies, for what Run does not offer:
  //   auto [graph, tasks] = pipeline.MakeGraph();
  //   graph.Retry(tasks.Of<"fetch">(), {.attempts = 3});
  //   Result result = executor.Run(std::move(graph));
  //   absl::StatusOr<long> sum = result[tasks.Of<"join">()];
  StaticGraph<Tasks...> MakeGraph(std::string name = "graph") const {
    StaticGraph<Tasks...> made{Graph(std::move(name)), {}};
    made.graph.Reserve(size());
    [&]<size_t... kPosition>(std::index_sequence<kPosition...>) {
      // In order, and unlike a fold expression without a limit in clang.
      static_cast<void>(std::initializer_list<int>{
          (Add<Plan::kShape.order[kPosition]>(made), 0)...});
    }
    (std::index_sequence_for<Tasks...>());
    return made;
  }

 private:
  using Plan = internal::Plan<Tasks...>;

  template <size_t kTask>
  void Add(StaticGraph<Tasks...>& made) const {
    constexpr size_t kBegin = Plan::kShape.begin[kTask];
    constexpr size_t kEnd = Plan::kShape.begin[kTask + 1];
    const std::string_view name = Plan::kShape.names[kTask];
    const auto& body = internal::At<kTask>(tasks_).body;
    if constexpr (kBegin == kEnd) {
      made.tasks.template Keep<kTask>(made.graph.Add(name, body));
    } else {
      [&]<size_t... kEdge>(std::index_sequence<kEdge...>) {
        made.tasks.template Keep<kTask>(made.graph.Add(
            name,
            After(
                made.tasks
                    .template Handle<Plan::kShape.edges[kBegin + kEdge]>()...),
            body));
      }
      (std::make_index_sequence<kEnd - kBegin>());
    }
  }

  [[no_unique_address]] internal::ItemsOf<Tasks...> tasks_;
};

// Makes a blueprint of what task() returned.
template <typename... Tasks>
requires internal::Sound<Tasks...>
constexpr StaticBlueprint<Tasks...> blueprint(Tasks... tasks) {
  return StaticBlueprint<Tasks...>(std::move(tasks)...);
}
// Of those that cannot be run, this is chosen, whose type is the mistake.
template <typename... Tasks>
auto blueprint(Tasks... tasks)
    -> decltype(internal::Bare(internal::Verdict<Tasks...>()));

// What became of a run of a blueprint: a Result, whose tasks go by name, too.
template <typename... Tasks>
class StaticResult : public Result {
 public:
  StaticResult(Result result, StaticTasks<Tasks...> tasks)
      : Result(std::move(result)), tasks_(tasks) {}

  // The handles, for the rest of what a Result can tell.
  const StaticTasks<Tasks...>& tasks() const { return tasks_; }

  // What became of a task, with a copy of its value: StatusOr<T>, or Status.
  template <Text kName>
  requires internal::HasTask<internal::Plan<Tasks...>, kName>
  auto Of() const { return (*this)[tasks_.template Of<kName>()]; }
  // An error: there is no such task.
  template <Text kName>
  auto Of() const -> decltype(internal::Bare(
      internal::UnknownTaskOf<internal::Plan<Tasks...>, kName>()));

  using Result::Get;  // its value, or null
  template <Text kName>
  requires internal::HasTask<internal::Plan<Tasks...>, kName>
  auto Get() const { return Result::Get(tasks_.template Of<kName>()); }
  using Result::Take;  // moves its value out, once
  template <Text kName>
  requires internal::HasTask<internal::Plan<Tasks...>, kName>
  auto Take() { return Result::Take(tasks_.template Of<kName>()); }
  using Result::state;
  template <Text kName>
  requires internal::HasTask<internal::Plan<Tasks...>, kName> TaskState state()
  const { return Result::state(tasks_.template Of<kName>()); }

 private:
  StaticTasks<Tasks...> tasks_;
};

template <typename... Tasks>
StaticResult<Tasks...> Executor::Run(const StaticBlueprint<Tasks...>& blueprint,
                                     RunOptions options) {
  auto made = blueprint.MakeGraph();
  return {Run(std::move(made.graph), std::move(options)), made.tasks};
}

}  // namespace w2t::flow

#endif  // W2T_FLOW_STATIC_H_
