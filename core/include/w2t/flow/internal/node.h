// A task's body and its result, with their types forgotten. Not for users.
#ifndef W2T_FLOW_INTERNAL_NODE_H_
#define W2T_FLOW_INTERNAL_NODE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "w2t/flow/async.h"
#include "w2t/flow/state.h"
#include "w2t/graph.h"

namespace w2t::flow::internal {

enum class Progress : uint8_t { kSucceeded, kFailed, kWaiting };

// What a body is run with, and where it leaves its failure.
struct Activation {
  Runner* runner;
  TaskIndex task;
  const std::stop_token* stop;
  const std::atomic<TaskState>* states;
  absl::Status failure;

  Progress Fail(absl::Status status) {
    failure = std::move(status);
    return Progress::kFailed;
  }
  // Of the exception that is being handled.
  Progress FailWithException();
};

// Lies in an Arena; its functions know the rest of it.
struct Node {
  struct Functions {
    // Runs the body, or goes on with it.
    Progress (*run)(Node* node, Activation& activation);
    void (*destroy)(Node* node);  // null: there is nothing to do
    Fiber* (*fiber)(Node* node);  // null: it never waits
  };
  const Functions* functions;
};

// The value that dependents get.
template <typename T>
struct ValueNode : Node {
  std::optional<T> value;

  Progress Keep(T result, Activation&) {
    value.emplace(std::move(result));
    return Progress::kSucceeded;
  }
  Progress Keep(absl::StatusOr<T> result, Activation& activation) {
    if (!result.ok()) return activation.Fail(std::move(result).status());
    value.emplace(*std::move(result));
    return Progress::kSucceeded;
  }
};

template <>
struct ValueNode<void> : Node {
  Progress Keep(absl::Status result, Activation& activation) {
    if (!result.ok()) return activation.Fail(std::move(result));
    return Progress::kSucceeded;
  }
};

// What a body's type of result stands for.
template <typename R>
struct Returned {
  using Value = std::remove_cvref_t<R>;
  static constexpr bool kIsAsync = false;
};
template <typename R>
struct Returned<absl::StatusOr<R>> : Returned<R> {};
template <>
struct Returned<absl::Status> : Returned<void> {};
template <typename R>
struct Returned<Async<R>> {
  using Value = typename Returned<R>::Value;
  static constexpr bool kIsAsync = true;
};

// A body and where its arguments come from.
template <typename Body, typename... Inputs>
struct Call {
  [[no_unique_address]] Body body;
  [[no_unique_address]] std::tuple<Inputs...> inputs;

  auto Arguments(const Activation& activation) const {
    return std::apply(
        [&](const auto&... input) {
          return std::tuple_cat(input.Arguments(activation)...);
        },
        inputs);
  }
  // The body may keep references to the arguments for as long as it runs.
  template <typename Tuple>
  decltype(auto) Invoke(const Tuple& arguments, const std::stop_token& stop) {
    return std::apply(
        [&](const auto&... values) -> decltype(auto) {
          if constexpr (std::is_invocable_v<Body&, decltype(values)...,
                                            std::stop_token>) {
            return std::invoke(body, values..., stop);
          } else {
            return std::invoke(body, values...);
          }
        },
        arguments);
  }
  decltype(auto) operator()(const Activation& activation) {
    return Invoke(Arguments(activation), *activation.stop);
  }
};

template <typename T, typename Body, typename... Inputs>
struct SyncNode : ValueNode<T> {
  explicit SyncNode(Call<Body, Inputs...> c) : call(std::move(c)) {}

  static Progress Run(Node* node, Activation& activation) {
    auto* self = static_cast<SyncNode*>(node);
    try {
      if constexpr (std::is_void_v<decltype(self->call(activation))>) {
        self->call(activation);
        return Progress::kSucceeded;
      } else {
        return self->Keep(self->call(activation), activation);
      }
    } catch (...) {
      return activation.FailWithException();
    }
  }
  static constexpr Fiber* (*kFiber)(Node*) = nullptr;

  [[no_unique_address]] Call<Body, Inputs...> call;
};

template <typename T, typename Body, typename... Inputs>
struct AsyncNode : ValueNode<T> {
  using Body_ = Call<Body, Inputs...>;
  using Coroutine =
      decltype(std::declval<Body_&>()(std::declval<const Activation&>()));

  explicit AsyncNode(Body_ c) : call(std::move(c)) {}

  static Progress Run(Node* node, Activation& activation) {
    auto* self = static_cast<AsyncNode*>(node);
    try {
      if (!self->coroutine.has_value()) self->Start(activation);
      bool ended = false;
      self->fiber.ended = &ended;
      self->fiber.next.resume();
      // Unless it ended, it may be running somewhere else by now.
      if (!ended) return Progress::kWaiting;
      // A repeated body starts anew.
      self->fiber.next = {};
      const Coroutine done = *std::exchange(self->coroutine, std::nullopt);
      if constexpr (std::is_same_v<Coroutine, Async<void>>) {
        done.handle().promise().Take();
        return Progress::kSucceeded;
      } else {
        return self->Keep(done.handle().promise().Take(), activation);
      }
    } catch (...) {
      return activation.FailWithException();
    }
  }
  static Fiber* FiberOf(Node* node) {
    return &static_cast<AsyncNode*>(node)->fiber;
  }
  static constexpr Fiber* (*kFiber)(Node*) = &FiberOf;

  void Start(const Activation& activation) {
    arguments.emplace(call.Arguments(activation));
    coroutine.emplace(call.Invoke(*arguments, *activation.stop));
    fiber.runner = activation.runner;
    fiber.task = activation.task;
    fiber.next = coroutine->handle();
    coroutine->handle().promise().fiber = &fiber;
  }

  [[no_unique_address]] Body_ call;
  std::optional<decltype(std::declval<const Body_&>().Arguments(
      std::declval<const Activation&>()))>
      arguments;
  std::optional<Coroutine> coroutine;  // may refer to the arguments
  Fiber fiber;
};

template <typename N>
void Destroy(Node* node) {
  static_cast<N*>(node)->~N();
}

template <typename N>
inline constexpr Node::Functions kFunctionsOf = {
    .run = &N::Run,
    .destroy = std::is_trivially_destructible_v<N> ? nullptr : &Destroy<N>,
    .fiber = N::kFiber};

}  // namespace w2t::flow::internal

#endif  // W2T_FLOW_INTERNAL_NODE_H_
