#include "core/graph/blueprint_draft.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/graph/cycles.h"

namespace w2t {

BlueprintDraft::BlueprintDraft(std::string name) : blueprint_(new Blueprint()) {
  blueprint_->name_ = std::move(name);
  blueprint_->demands_.emplace_back();
  blueprint_->retries_.emplace_back();
}

BlueprintDraft BlueprintDraft::Copy() const {
  BlueprintDraft copy{std::string()};
  *copy.blueprint_ = *blueprint_;
  copy.blueprint_->by_name_.clear();
  copy.ordered_by_index_ = ordered_by_index_;
  return copy;
}

void BlueprintDraft::Reserve(size_t tasks, size_t name_bytes) {
  blueprint_->tasks_.reserve(tasks);
  blueprint_->names_.reserve(name_bytes);
}

TaskIndex BlueprintDraft::Add(std::string_view name) {
  Blueprint& b = *blueprint_;
  b.names_ += name;
  b.tasks_.push_back({.name_end = static_cast<uint32_t>(b.names_.size())});
  return b.size() - 1;
}

TaskIndex BlueprintDraft::Add(std::string_view name, const TaskSpec& spec) {
  const TaskIndex index = Add(name);
  Blueprint& b = *blueprint_;
  Blueprint::Task& task = b.tasks_.back();
  task.kind = spec.kind;
  task.has_probe = spec.has_probe;
  task.allow_failure = spec.allow_failure;
  task.fail_run = spec.fail_run;
  task.at_most_once = spec.at_most_once;
  task.removed = spec.removed;
  if (spec.removed) ++b.removed_;
  b.placings_.push_back({.action = spec.action,
                         .demand = spec.demand,
                         .retry = spec.retry,
                         .priority = spec.priority});
  b.lengths_.push_back({.estimate_us = absl::ToInt64Microseconds(
                            std::max(spec.estimate, absl::ZeroDuration())),
                        .remaining_us = 0});
  return index;
}

uint32_t BlueprintDraft::AddQuorum(TaskIndex task, uint32_t need) {
  Blueprint& b = *blueprint_;
  b.quorums_.push_back({.need = need, .size = 0});
  b.tasks_[task].has_quorums = true;
  return static_cast<uint32_t>(b.quorums_.size());
}

void BlueprintDraft::Depend(TaskIndex task, TaskIndex on, Condition condition,
                            uint32_t quorum, bool restart) {
  Blueprint& b = *blueprint_;
  Blueprint::Adjacency& in = b.predecessors_;
  const auto begin = static_cast<uint32_t>(in.edges.size());
  while (in.begin.size() <= task) in.begin.push_back(begin);
  in.edges.push_back({on, condition, restart, quorum});
  if (restart) b.tasks_[on].has_followers = true;
  const bool counts = quorum == 0 || b.quorums_[quorum - 1].size++ == 0;
  if (!counts) ++b.merged_[task];
  if (counts && !b.tasks_[task].waits_for_some) ++b.tasks_[task].need;
  if (condition == Condition::kReady || condition == Condition::kStarted) {
    b.tasks_[on].watched_alive = true;
  }
  if (on < task) {
    // All that `on` depends on is there already.
    b.tasks_[task].step = std::max(b.tasks_[task].step, b.tasks_[on].step + 1);
  } else {
    ordered_by_index_ = false;
  }
}

void BlueprintDraft::SetOnFailure(OnFailure on_failure) {
  blueprint_->on_failure_ = on_failure;
}

void BlueprintDraft::Undo(TaskIndex task, TaskIndex of) {
  blueprint_->tasks_[task].is_undo = true;
  blueprint_->undo_partners_[task] = of;
  blueprint_->undo_partners_[of] = task;
}

void BlueprintDraft::SetNeed(TaskIndex task, uint32_t need) {
  blueprint_->tasks_[task].need = need;
  blueprint_->tasks_[task].waits_for_some = true;
}

void BlueprintDraft::SetDemands(std::vector<Demand> demands) {
  blueprint_->demands_ = std::move(demands);
}

void BlueprintDraft::SetRetries(std::vector<RetryPolicy> retries) {
  blueprint_->retries_ = std::move(retries);
}

void BlueprintDraft::AddRetry(TaskIndex task, const RetryPolicy& policy) {
  blueprint_->placings_.resize(size());
  blueprint_->placings_[task].retry =
      static_cast<uint32_t>(blueprint_->retries_.size());
  blueprint_->retries_.push_back(policy);
}

void BlueprintDraft::EndDependencies() {
  Blueprint::Adjacency& in = blueprint_->predecessors_;
  in.begin.resize(size() + 1, static_cast<uint32_t>(in.edges.size()));
}

void BlueprintDraft::DependLate(std::vector<LateEdge> edges) {
  if (edges.empty()) return;
  EndDependencies();
  std::stable_sort(
      edges.begin(), edges.end(),
      [](const LateEdge& a, const LateEdge& b) { return a.task < b.task; });
  const Blueprint::Adjacency before =
      std::exchange(blueprint_->predecessors_, {});
  for (Blueprint::Quorum& quorum : blueprint_->quorums_) quorum.size = 0;
  blueprint_->merged_.clear();
  ordered_by_index_ = true;
  for (Blueprint::Task& task : blueprint_->tasks_) {
    task.step = 1;
    if (!task.waits_for_some) task.need = 0;
  }
  auto late = edges.begin();
  for (TaskIndex task = 0; task < size(); ++task) {
    for (const Blueprint::Edge& edge : before.of(task)) {
      Depend(task, edge.task, edge.condition, edge.quorum, edge.restart);
    }
    for (; late != edges.end() && late->task == task; ++late) {
      Depend(task, late->on, late->condition);
    }
  }
}

std::vector<std::vector<TaskIndex>> BlueprintDraft::Freeze() {
  EndDependencies();
  FillSuccessors();
  Blueprint& b = *blueprint_;
  if (!ordered_by_index_) {
    OrderByKahn();
    if (b.order_.size() < size()) {
      return FindCycles(b.predecessors_.begin, b.predecessors_.edges);
    }
  }
  Measure();
  return {};
}

void BlueprintDraft::FillSuccessors() {
  const Blueprint::Adjacency& in = blueprint_->predecessors_;
  Blueprint::Adjacency& out = blueprint_->successors_;
  // out.begin[t + 1] is first where the edges of t go next, and so in the end
  // where they end.
  out.begin.assign(size() + 2, 0);
  for (const Blueprint::Edge& edge : in.edges) ++out.begin[edge.task + 2];
  std::partial_sum(out.begin.begin(), out.begin.end(), out.begin.begin());
  out.edges.resize(in.edges.size());
  for (TaskIndex task = 0; task < size(); ++task) {
    for (const Blueprint::Edge& edge : in.of(task)) {
      out.edges[out.begin[edge.task + 1]++] = {task, edge.condition,
                                               edge.restart, edge.quorum};
    }
  }
  out.begin.pop_back();
}

void BlueprintDraft::OrderByKahn() {
  Blueprint& b = *blueprint_;
  std::vector<uint32_t> open(size());
  b.order_.reserve(size());
  for (TaskIndex i = 0; i < size(); ++i) {
    b.tasks_[i].step = 1;
    open[i] = static_cast<uint32_t>(b.predecessors(i).size());
    if (open[i] == 0) b.order_.push_back(i);
  }
  for (size_t head = 0; head < b.order_.size(); ++head) {
    const TaskIndex task = b.order_[head];
    for (const Blueprint::Edge& edge : b.successors(task)) {
      b.tasks_[edge.task].step =
          std::max(b.tasks_[edge.task].step, b.tasks_[task].step + 1);
      if (--open[edge.task] == 0) b.order_.push_back(edge.task);
    }
  }
}

void BlueprintDraft::Measure() {
  // Estimates come from users; a sum of them must not overflow.
  constexpr int64_t kMost = INT64_MAX / 4;
  Blueprint& b = *blueprint_;
  for (const Blueprint::Task& task : b.tasks_) {
    b.steps_ = std::max(b.steps_, task.step);
  }
  if (b.lengths_.empty()) return;
  for (uint32_t place = size(); place-- > 0;) {
    const TaskIndex task = b.in_order(place);
    Blueprint::Length& length = b.lengths_[task];
    int64_t longest = 0;
    for (const Blueprint::Edge& edge : b.successors(task)) {
      longest = std::max(longest, b.lengths_[edge.task].remaining_us);
    }
    length.remaining_us =
        std::min(kMost, longest) + std::min(kMost, length.estimate_us);
    b.critical_path_us_ = std::max(b.critical_path_us_, length.remaining_us);
  }
}

}  // namespace w2t
