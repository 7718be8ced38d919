// How the results of tasks become the arguments of a body. Not for users.
#ifndef W2T_FLOW_INTERNAL_INPUT_H_
#define W2T_FLOW_INTERNAL_INPUT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "w2t/flow/internal/node.h"
#include "w2t/flow/task.h"
#include "w2t/flow/values.h"

namespace w2t::flow::internal {

enum class Pass {
  kValue,    // const T&
  kPointer,  // const T*
  kFailure,  // const absl::Status&
};

// Any handle, or a vector of handles of one type.
template <typename H>
inline constexpr bool kIsTask = false;
template <typename T>
inline constexpr bool kIsTask<Task<T>> = true;
template <typename T>
inline constexpr bool kIsTask<std::vector<Task<T>>> = true;
template <typename H>
concept TaskOrTasks = kIsTask<H>;

// Tasks, and how they are waited for.
template <Pass kPass, typename... Handles>
struct Clause {
  Condition condition;
  uint32_t need;  // how many of them; 0: all
  std::tuple<Handles...> handles;
};

template <Pass kPass, typename... Handles>
std::true_type TestClause(const Clause<kPass, Handles...>&);
std::false_type TestClause(...);
template <typename C>
concept IsClause = decltype(TestClause(std::declval<const C&>()))::value;

template <typename T>
const T* ValueIfSucceeded(const ValueNode<T>* node, TaskIndex task,
                          const Activation& activation) {
  // One that ends only now may be writing its value.
  const TaskState state =
      activation.states[task].load(std::memory_order_acquire);
  return state == TaskState::kSucceeded ? &*node->value : nullptr;
}

// What one handle passes.
template <Pass kPass, typename Handle>
struct Input;

template <typename T>
struct Input<Pass::kValue, Task<T>> {
  explicit Input(const Task<T>& task) : node(Access::NodeOf(task)) {}
  std::tuple<const T&> Arguments(const Activation&) const {
    return std::tuple<const T&>(*node->value);
  }
  const ValueNode<T>* node;
};

template <typename T>
struct Input<Pass::kPointer, Task<T>> {
  explicit Input(const Task<T>& task)
      : node(Access::NodeOf(task)), index(task.index()) {}
  std::tuple<const T*> Arguments(const Activation& activation) const {
    return {ValueIfSucceeded(node, index, activation)};
  }
  const ValueNode<T>* node;
  TaskIndex index;
};

template <typename T>
struct Input<Pass::kFailure, Task<T>> {
  explicit Input(const Task<T>& task) : index(task.index()) {}
  std::tuple<absl::Status> Arguments(const Activation& activation) const {
    return {activation.runner->FailureOf(index)};
  }
  TaskIndex index;
};

template <Pass kPass, typename T>
struct Input<kPass, std::vector<Task<T>>> {
  explicit Input(std::vector<Task<T>> t) : tasks(std::move(t)) {}
  std::tuple<Values<T>> Arguments(const Activation& activation) const {
    auto values = std::make_shared<std::vector<const T*>>();
    values->reserve(tasks.size());
    for (const Task<T>& task : tasks) {
      values->push_back(
          ValueIfSucceeded(Access::NodeOf(task), task.index(), activation));
    }
    return {Values<T>(std::move(values))};
  }
  std::vector<Task<T>> tasks;
};

// What passes nothing.
struct NoInput {
  template <typename Handle>
  explicit NoInput(const Handle&) {}
  std::tuple<> Arguments(const Activation&) const { return {}; }
};
template <>
struct Input<Pass::kValue, Task<void>> : NoInput {
  using NoInput::NoInput;
};
template <>
struct Input<Pass::kPointer, Task<void>> : NoInput {
  using NoInput::NoInput;
};
template <Pass kPass>
struct Input<kPass, std::vector<Task<void>>> : NoInput {
  using NoInput::NoInput;
};

template <Pass kPass, typename... Handles>
std::tuple<Input<kPass, Handles>...> InputsOf(
    const Clause<kPass, Handles...>& clause) {
  return std::apply(
      [](const Handles&... handles) {
        return std::tuple<Input<kPass, Handles>...>(
            Input<kPass, Handles>(handles)...);
      },
      clause.handles);
}

// Everything that clauses pass, as a tuple's type.
template <typename Inputs>
struct Passed;
template <typename... Inputs>
struct Passed<std::tuple<Inputs...>> {
  using Arguments =
      decltype(std::tuple_cat(std::declval<const Inputs&>().Arguments(
          std::declval<const Activation&>())...));
};
template <typename... Clauses>
using ArgumentsOf = typename Passed<decltype(std::tuple_cat(
    InputsOf(std::declval<const Clauses&>())...))>::Arguments;

template <typename Body, typename Arguments>
inline constexpr bool IsCallable = false;
template <typename Body, typename... Arguments>
inline constexpr bool IsCallable<Body, std::tuple<Arguments...>> =
    std::is_invocable_v<Body&, const Arguments&...> ||
    std::is_invocable_v<Body&, const Arguments&..., std::stop_token>;

template <typename Body, typename Inputs>
struct CallOf;
template <typename Body, typename... Inputs>
struct CallOf<Body, std::tuple<Inputs...>> {
  using Type = Call<Body, Inputs...>;
  using Result =
      decltype(std::declval<Type&>()(std::declval<const Activation&>()));
  using Value = typename Returned<Result>::Value;
  using Node = std::conditional_t<Returned<Result>::kIsAsync,
                                  AsyncNode<Value, Body, Inputs...>,
                                  SyncNode<Value, Body, Inputs...>>;
};

template <typename Clause, typename F>
void ForEachTask(const Clause& clause, F f) {
  const auto visit = [&f](const auto& handle) {
    if constexpr (std::is_base_of_v<AnyTask,
                                    std::remove_cvref_t<decltype(handle)>>) {
      f(handle);
    } else {
      for (const auto& task : handle) f(task);
    }
  };
  std::apply([&](const auto&... handles) { (visit(handles), ...); },
             clause.handles);
}

}  // namespace w2t::flow::internal

#endif  // W2T_FLOW_INTERNAL_INPUT_H_
