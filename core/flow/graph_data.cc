#include "w2t/flow/internal/graph_data.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/graph/blueprint_draft.h"
#include "core/graph/cycles.h"
#include "fmt/format.h"
#include "w2t/flow/graph.h"
#include "w2t/internal/suggest.h"

namespace w2t::flow {
namespace internal {

Progress Activation::FailWithException() {
  try {
    throw;
  } catch (const std::exception& error) {
    return Fail(absl::InternalError(error.what()));
  } catch (...) {
    return Fail(absl::InternalError("an exception of an unknown type"));
  }
}

void* Arena::Grow(size_t size, size_t alignment) {
  constexpr size_t kFirst = 4 * 1024;
  constexpr size_t kMost = 256 * 1024;
  const size_t twice = std::clamp(bytes_, kFirst, kMost);
  const size_t bytes = std::max(twice, size + alignment);
  blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(bytes));
  bytes_ += bytes;
  next_ = blocks_.back().get();
  left_ = bytes;
  return Allocate(size, alignment);
}

Nodes::~Nodes() {
  if (!owning_) return;
  for (Node* node : nodes_) {
    if (node->functions->destroy != nullptr) node->functions->destroy(node);
  }
}

namespace {

// Tells graphs of this process apart, so that a handle of another one is found
// out.
uint32_t NextNumber() {
  static std::atomic<uint32_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

GraphData::GraphData(std::string name)
    : number(NextNumber()),
      draft(std::make_unique<BlueprintDraft>(std::move(name))) {}
GraphData::~GraphData() = default;

TaskIndex GraphData::AddTask(std::string_view name) {
  last_edges = 0;
  return draft->Add(name);
}

bool GraphData::Owns(const AnyTask& task) {
  if (Access::GraphOf(task) == number) return true;
  faults.Add({.code = DiagnosticCode::kInvalidValue,
              .message = fmt::format(
                  "the handle of task {} is of another graph", task.index()),
              .task = draft->size() - 1});
  return false;
}

void GraphData::Depend(const AnyTask& on, Condition condition) {
  if (!Owns(on)) return;
  draft->Depend(draft->size() - 1, on.index(), condition);
  ++last_edges;
}

void GraphData::EndClause(uint32_t need, uint32_t count) {
  const TaskIndex task = draft->size() - 1;
  const bool alone = last_edges == count;
  if (need == 0 && (alone || !draft->WaitsForSome(task))) return;
  if (alone && need <= count) return draft->SetNeed(task, need);
  const std::string name(draft->task_name(task));
  if (alone) {
    faults.Add(
        {.code = DiagnosticCode::kTriggerTooLarge,
         .message = fmt::format("task \"{}\" waits for at least {} of {} tasks",
                                name, need, count),
         .task = task,
         .task_name = name});
  } else {
    faults.Add({.code = DiagnosticCode::kConflict,
                .message = fmt::format(
                    "task \"{}\" waits for some tasks and for others too; let "
                    "AnyOf and AtLeast stand alone, in a task of their own",
                    name),
                .task = task,
                .task_name = name});
  }
}

namespace {

// Finds the one task of a name, or says why there is none.
class NameTable {
 public:
  NameTable(const BlueprintDraft& draft, Diagnostics& faults)
      : draft_(draft), faults_(faults) {
    for (TaskIndex task = 0; task < draft.size(); ++task) {
      const std::string_view name = draft.task_name(task);
      auto [it, added] = by_name_.try_emplace({name.data(), name.size()}, task);
      if (!added) it->second = kSeveral;
    }
  }

  TaskIndex Find(std::string_view name, const GraphData::NamedOrder& order) {
    const auto it = by_name_.find({name.data(), name.size()});
    if (it == by_name_.end()) {
      AddUnknown(name, order);
      return kNoTask;
    }
    if (it->second == kSeveral) {
      faults_.Add({.code = DiagnosticCode::kDuplicateTask,
                   .message = fmt::format("several tasks are called \"{}\"; "
                                          "order them by their handles",
                                          name),
                   .task_name = std::string(name)});
      return kNoTask;
    }
    return it->second;
  }

 private:
  static constexpr TaskIndex kSeveral = kNoTask;

  void AddUnknown(std::string_view name, const GraphData::NamedOrder& order) {
    const std::string_view near =
        Suggest(name, draft_.size(),
                [&](size_t task) { return draft_.task_name(task); });
    faults_.Add(
        {.code = DiagnosticCode::kUnknownDependency,
         .message = fmt::format(
             "\"{}\" is ordered after \"{}\"; there is no task \"{}\"{}",
             order.after, order.before, name,
             near.empty() ? std::string()
                          : fmt::format("; did you mean \"{}\"?", near)),
         .suggestion = std::string(near)});
  }

  const BlueprintDraft& draft_;
  Diagnostics& faults_;
  absl::flat_hash_map<absl::string_view, TaskIndex> by_name_;
};

void AddOrders(const GraphData& data, BlueprintDraft& draft,
               Diagnostics& faults) {
  std::vector<BlueprintDraft::LateEdge> edges;
  for (const GraphData::Order& order : data.orders) {
    edges.push_back({order.after, order.before, Condition::kSucceeded});
  }
  if (!data.named_orders.empty()) {
    NameTable names(draft, faults);
    for (const GraphData::NamedOrder& order : data.named_orders) {
      const TaskIndex before = names.Find(order.before, order);
      const TaskIndex after = names.Find(order.after, order);
      if (before == kNoTask || after == kNoTask) continue;
      edges.push_back({after, before, Condition::kSucceeded});
    }
  }
  for (const BlueprintDraft::LateEdge& edge : edges) {
    if (edge.task == edge.on) {
      const std::string name(draft.task_name(edge.task));
      faults.Add(
          {.code = DiagnosticCode::kSelfDependency,
           .message = fmt::format("task \"{}\" is ordered after itself", name),
           .task = edge.task,
           .task_name = name});
    }
    if (!draft.WaitsForSome(edge.task)) continue;
    faults.Add(
        {.code = DiagnosticCode::kConflict,
         .message = fmt::format(
             "task \"{}\" waits for some of its tasks only and cannot be "
             "ordered after \"{}\"; order what depends on it",
             draft.task_name(edge.task), draft.task_name(edge.on)),
         .task = edge.task,
         .task_name = std::string(draft.task_name(edge.task))});
  }
  draft.DependLate(std::move(edges));
}

void AddCycle(const BlueprintDraft& draft, const std::vector<TaskIndex>& cycle,
              Diagnostics& faults) {
  std::vector<std::string> path;
  for (const TaskIndex task : cycle) path.emplace_back(draft.task_name(task));
  path.push_back(path.front());
  faults.Add({.code = DiagnosticCode::kCycle,
              .message = fmt::format("dependency cycle: {}", PathInWords(path)),
              .task = cycle.front(),
              .task_name = path.front(),
              .path = path});
}

void CheckLimits(const BlueprintDraft& draft, Diagnostics& faults) {
  const auto check = [&](std::string_view what, std::string_view name,
                         uint64_t value) {
    if (value > BlueprintDraft::kMost) {
      faults.AddLimit(what, "graph", name, BlueprintDraft::kMost, value);
    }
  };
  check("the number of tasks", "max_tasks", draft.tasks());
  check("the number of dependencies", "max_edges", draft.edges());
  check("the length of all names", "max_name_bytes", draft.name_bytes());
}

}  // namespace

BlueprintOr Freeze(const GraphData& data, BlueprintDraft draft) {
  Diagnostics faults = data.faults;
  CheckLimits(draft, faults);
  if (faults.empty()) AddOrders(data, draft, faults);
  if (!faults.empty()) return {nullptr, std::move(faults)};
  for (const Retry& retry : data.retries) {
    draft.AddRetry(retry.task, retry.policy);
  }
  for (const std::vector<TaskIndex>& cycle : draft.Freeze()) {
    AddCycle(draft, cycle, faults);
  }
  if (!faults.empty()) return {nullptr, std::move(faults)};
  return {std::move(draft).Take(), {}};
}

}  // namespace internal

Graph::Graph(std::string name)
    : data_(std::make_unique<internal::GraphData>(std::move(name))) {}
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;
Graph::~Graph() = default;

void Graph::Order(const AnyTask& before, const AnyTask& after) {
  if (!data_->Owns(before) || !data_->Owns(after)) return;
  data_->orders.push_back({before.index(), after.index()});
}

void Graph::Order(std::string_view before, std::string_view after) {
  data_->named_orders.push_back({std::string(before), std::string(after)});
}

void Graph::Retry(const AnyTask& task, const RetryPolicy& policy) {
  if (data_->Owns(task)) data_->retries.push_back({task.index(), policy});
}

size_t Graph::size() const { return data_->draft->size(); }

void Graph::Reserve(size_t tasks) {
  data_->draft->Reserve(tasks, 0);
  data_->nodes.Reserve(tasks);
}

BlueprintOr Graph::Check() const {
  return internal::Freeze(*data_, data_->draft->Copy());
}

}  // namespace w2t::flow
