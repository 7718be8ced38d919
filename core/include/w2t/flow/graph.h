// flow::Graph: tasks of this program, and what they wait for.
//
//   Graph graph;
//   Task<int> fetch = graph.Add("fetch", [] { return 20; });
//   Task<int> parse = graph.Add("parse", After(fetch), Parse);
//   Task<> log = graph.Add("log", AnyOf(fetch, parse),
//                          [](const int* fetched, const int* parsed) { ... });
//
// A body returns T, absl::StatusOr<T>, or Async<T> of either; with no value:
// void, absl::Status or Async<>. An error, or an exception, is the failure of
// its task, and what needs that task is skipped. It is given what its
// dependencies returned, in order, those without a value left out; and, when it
// takes one more, a std::stop_token. A body that is moved into the graph is
// destroyed with the Result.
//
// A handle exists only after its task, so that Add cannot make a cycle; Order
// can. That, and everything else that is wrong, is found when the graph is run,
// or by Check. Not thread-safe.
#ifndef W2T_FLOW_GRAPH_H_
#define W2T_FLOW_GRAPH_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "w2t/blueprint.h"
#include "w2t/flow/async.h"
#include "w2t/flow/internal/graph_data.h"
#include "w2t/flow/internal/input.h"
#include "w2t/flow/internal/node.h"
#include "w2t/flow/internal/refusal.h"
#include "w2t/flow/mistakes.h"
#include "w2t/flow/task.h"
#include "w2t/graph.h"

namespace w2t::flow {

// What a task waits for. Each takes tasks and vectors of tasks of one type; a
// body gets a Values<T> for a vector.
//
// All of them have succeeded. Passes const T&.
template <internal::TaskOrTasks... Handles>
struct After : internal::Clause<internal::Pass::kValue, Handles...> {
  explicit After(Handles... handles)
      : After::Clause{Condition::kSucceeded, 0, {std::move(handles)...}} {}
};
// All of them have ended, whether well or not, or were skipped. Passes const
// T*, null when there is no value.
template <internal::TaskOrTasks... Handles>
struct AfterEnd : internal::Clause<internal::Pass::kPointer, Handles...> {
  explicit AfterEnd(Handles... handles)
      : AfterEnd::Clause{Condition::kFinished, 0, {std::move(handles)...}} {}
};
// All of them have failed. Passes const absl::Status&.
template <internal::TaskOrTasks... Handles>
struct AfterFailure : internal::Clause<internal::Pass::kFailure, Handles...> {
  explicit AfterFailure(Handles... handles)
      : AfterFailure::Clause{Condition::kFailed, 0, {std::move(handles)...}} {}
};
// At least `count` of them have succeeded. Passes const T*, null for those that
// have not, or not yet.
template <internal::TaskOrTasks... Handles>
struct AtLeast : internal::Clause<internal::Pass::kPointer, Handles...> {
  explicit AtLeast(uint32_t count, Handles... handles)
      : AtLeast::Clause{Condition::kSucceeded, count, {std::move(handles)...}} {
  }
};
template <internal::TaskOrTasks... Handles>
struct AnyOf : internal::Clause<internal::Pass::kPointer, Handles...> {
  explicit AnyOf(Handles... handles)
      : AnyOf::Clause{Condition::kSucceeded, 1, {std::move(handles)...}} {}
};

// A body that can be called with what these clauses pass, in order.
template <typename Body, typename... Clauses>
concept TakesResultsOf =
    internal::IsCallable<Body, internal::ArgumentsOf<Clauses...>>;

class Graph {
 public:
  explicit Graph(std::string name = "graph");
  Graph(Graph&&) noexcept;
  Graph& operator=(Graph&&) noexcept;
  ~Graph();

  // Adds a task; see above for bodies. Names are for people: they need not
  // differ, unless tasks are ordered by name. With several clauses, all of them
  // must hold; AnyOf and AtLeast stand alone, or the graph has a fault.
  template <TakesResultsOf Body>
  auto Add(std::string_view name, Body body) {
    return AddTask(name, std::move(body));
  }
  template <internal::IsClause C, TakesResultsOf<C> Body>
  auto Add(std::string_view name, C clause, Body body) {
    return AddTask(name, std::move(body), std::move(clause));
  }
  template <internal::IsClause C, internal::IsClause D,
            TakesResultsOf<C, D> Body>
  auto Add(std::string_view name, C first, D second, Body body) {
    return AddTask(name, std::move(body), std::move(first), std::move(second));
  }
  template <internal::IsClause C, internal::IsClause D, internal::IsClause E,
            TakesResultsOf<C, D, E> Body>
  auto Add(std::string_view name, C first, D second, E third, Body body) {
    return AddTask(name, std::move(body), std::move(first), std::move(second),
                   std::move(third));
  }
  // What none of these takes is an error, which says why: w2t/flow/mistakes.h.
  BodyMustTake<> Add(std::string_view name, internal::Anything body);
  template <typename C>
  auto Add(std::string_view name, C clause, internal::Anything body)
      -> decltype(internal::Bare(internal::Refusal<C>()));
  template <typename C, typename D>
  auto Add(std::string_view name, C first, D second, internal::Anything body)
      -> decltype(internal::Bare(internal::Refusal<C, D>()));
  template <typename C, typename D, typename E>
  auto Add(std::string_view name, C first, D second, E third,
           internal::Anything body)
      -> decltype(internal::Bare(internal::Refusal<C, D, E>()));

  // `after` waits for `before` to succeed, too. By name, both must exist, once,
  // when the graph is run.
  void Order(const AnyTask& before, const AnyTask& after);
  void Order(std::string_view before, std::string_view after);

  // Repeats the body when it fails. Of the policy, `attempts` and the backoff
  // count.
  void Retry(const AnyTask& task, const RetryPolicy& policy);

  size_t size() const;
  // Room for so many tasks.
  void Reserve(size_t tasks);

  // The graph as it stands, or all that is wrong with it: cycles, each as its
  // shortest path by name, names that are not there, limits.
  BlueprintOr Check() const;

 private:
  friend class Executor;

  template <typename Body, typename... Clauses>
  auto AddTask(std::string_view name, Body body, Clauses... clauses) {
    auto inputs = std::tuple_cat(internal::InputsOf(clauses)...);
    using Call = internal::CallOf<Body, decltype(inputs)>;
    auto* node = data_->nodes.Add<typename Call::Node>(
        typename Call::Type{std::move(body), std::move(inputs)});
    const TaskIndex index = data_->AddTask(name);
    (AddDependencies(clauses), ...);
    return internal::Access::Make<typename Call::Value>(data_->number, index,
                                                        node);
  }
  template <typename Clause>
  void AddDependencies(const Clause& clause) {
    uint32_t count = 0;
    internal::ForEachTask(clause, [&](const AnyTask& task) {
      data_->Depend(task, clause.condition);
      ++count;
    });
    data_->EndClause(clause.need, count);
  }

  std::unique_ptr<internal::GraphData> data_;
};

}  // namespace w2t::flow

#endif  // W2T_FLOW_GRAPH_H_
