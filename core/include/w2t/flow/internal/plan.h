// The tasks of a static blueprint with their types: what each returns, and
// whether each takes what it is given. Not for users.
#ifndef W2T_FLOW_INTERNAL_PLAN_H_
#define W2T_FLOW_INTERNAL_PLAN_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "w2t/flow/internal/input.h"
#include "w2t/flow/internal/shape.h"
#include "w2t/flow/mistakes.h"
#include "w2t/flow/task.h"
#include "w2t/flow/text.h"

namespace w2t::flow::internal {

// A list of types, or of objects, with quick access by position.
template <size_t kIndex, typename T>
struct Item {
  [[no_unique_address]] T value;
};
template <typename Indices, typename... Ts>
struct Items;
template <size_t... kIndex, typename... Ts>
struct Items<std::index_sequence<kIndex...>, Ts...> : Item<kIndex, Ts>... {};
template <typename... Ts>
using ItemsOf = Items<std::index_sequence_for<Ts...>, Ts...>;

template <size_t kIndex, typename T>
constexpr const T& At(const Item<kIndex, T>& item) {
  return item.value;
}
template <size_t kIndex, typename T>
std::type_identity<T> TypeAt(const Item<kIndex, T>*);

constexpr size_t CountOf(const auto& lists) {
  size_t count = 0;
  for (const auto& list : lists) count += list.size();
  return count;
}

// Tasks are StaticTasks.
template <typename... Tasks>
struct Plan {
  static constexpr size_t kTasks = sizeof...(Tasks);
  static constexpr std::array<std::span<const std::string_view>, kTasks>
      kNames = {Tasks::kNames...};
  static constexpr auto kShape = ShapeOf<kTasks, CountOf(kNames)>(kNames);

  template <size_t kTask>
  using TaskAt = typename decltype(TypeAt<kTask>(
      static_cast<ItemsOf<Tasks...>*>(nullptr)))::type;

  // Its position, or kTasks.
  static constexpr size_t Find(std::string_view name) {
    const auto& names = kShape.names;
    return std::find(names.begin(), names.end(), name) - names.begin();
  }
};

// What a body that does not fit returns, and all that depend on it.
struct Unknown;

// One task: what it is given, and what it returns.
template <typename Plan, size_t kTask,
          typename Edges = std::make_index_sequence<
              Plan::kShape.begin[kTask + 1] - Plan::kShape.begin[kTask]>>
struct Step;

template <typename Plan, size_t kTask>
using ValueAt = typename Step<Plan, kTask>::Value;

template <typename Body, typename... Values>
struct Fit {
  using Inputs = std::tuple<Input<Pass::kValue, Task<Values>>...>;
  using Arguments = typename Passed<Inputs>::Arguments;
  static constexpr bool kFits = IsCallable<Body, Arguments>;

  static auto Find() {
    if constexpr (kFits) {
      return std::type_identity<typename CallOf<Body, Inputs>::Value>();
    } else {
      return std::type_identity<Unknown>();
    }
  }
  using Value = typename decltype(Find())::type;
};
// Its dependency is at fault, not the body.
template <typename Body, typename... Values>
requires(std::is_same_v<Values, Unknown> || ...) struct Fit<Body, Values...> {
  static constexpr bool kFits = true;
  using Value = Unknown;
};

template <typename Plan, size_t kTask, size_t... kEdge>
struct Step<Plan, kTask, std::index_sequence<kEdge...>> {
  using Body = typename Plan::template TaskAt<kTask>::Body;
  using Given = Fit<
      Body,
      ValueAt<Plan, Plan::kShape.edges[Plan::kShape.begin[kTask] + kEdge]>...>;
  using Value = typename Given::Value;
};

// The first task in order whose body does not take what it is given; else none.
template <typename Plan, size_t... kPosition>
constexpr size_t FirstMisfit(std::index_sequence<kPosition...>) {
  // From first to last, so that no type needs more than those just before it.
  const std::array<bool, Plan::kTasks> fits = {
      Step<Plan, Plan::kShape.order[kPosition]>::Given::kFits...};
  for (size_t i = 0; i < fits.size(); ++i) {
    if (!fits[i]) return Plan::kShape.order[i];
  }
  return Plan::kTasks;
}

template <typename Plan>
consteval auto FaultText() {
  constexpr size_t kSize = WriteFault(Plan::kShape, nullptr);
  std::array<char, kSize> text{};
  WriteFault(Plan::kShape, text.data());
  return Text<kSize + 1>(std::string_view(text.data(), kSize));
}
template <typename Name, typename Given>
struct MisfitOf;
template <typename Name, typename... Given>
struct MisfitOf<Name, std::tuple<Given...>>
    : std::type_identity<TaskMustTake<Name, Given...>> {};

// The fault of some tasks; void when they have none.
template <typename... Tasks>
constexpr auto Verdict() {
  using P = Plan<Tasks...>;
  constexpr ShapeFault kFault = P::kShape.fault;
  if constexpr (kFault == ShapeFault::kDuplicateTask) {
    return Spelled<DuplicateTask, FaultText<P>()>();
  } else if constexpr (kFault == ShapeFault::kSelfDependency) {
    return Spelled<SelfDependency, FaultText<P>()>();
  } else if constexpr (kFault == ShapeFault::kUnknownDependency) {
    return Spelled<UnknownDependency, FaultText<P>()>();
  } else if constexpr (kFault == ShapeFault::kDuplicateDependency) {
    return Spelled<DuplicateDependency, FaultText<P>()>();
  } else if constexpr (kFault == ShapeFault::kDependencyCycle) {
    return Spelled<DependencyCycle, FaultText<P>()>();
  } else {
    constexpr size_t kMisfit =
        FirstMisfit<P>(std::make_index_sequence<P::kTasks>());
    if constexpr (kMisfit < P::kTasks) {
      using Misfit = Step<P, kMisfit>;
      using Name =
          typename decltype(Spelled<TaskCalled, P::template TaskAt<
                                                    kMisfit>::kName>())::type;
      return MisfitOf<Name, typename Misfit::Given::Arguments>();
    } else {
      return std::type_identity<void>();
    }
  }
}

template <typename... Tasks>
concept Sound =
    std::is_same_v<decltype(Verdict<Tasks...>()), std::type_identity<void>>;

template <typename Plan, Text kName>
concept HasTask = Plan::Find(kName.view())
< Plan::kTasks;

template <typename Plan, Text kName>
consteval auto UnknownName() {
  constexpr std::string_view kGuess = Nearest(kName.view(), Plan::kShape.names);
  constexpr std::string_view kAsks = kGuess.empty() ? "" : ", did you mean ";
  constexpr std::string_view kMark = kGuess.empty() ? "" : "?";
  constexpr size_t kSize =
      kName.view().size() + kAsks.size() + kGuess.size() + kMark.size();
  std::array<char, kSize> text{};
  auto at = text.begin();
  for (std::string_view part : {kName.view(), kAsks, kGuess, kMark}) {
    at = std::copy(part.begin(), part.end(), at);
  }
  return Text<kSize + 1>(std::string_view(text.data(), kSize));
}

// The mistake of a name that is not there.
template <typename Plan, Text kName>
constexpr auto UnknownTaskOf() {
  return Spelled<UnknownTask, UnknownName<Plan, kName>()>();
}

}  // namespace w2t::flow::internal

#endif  // W2T_FLOW_INTERNAL_PLAN_H_
