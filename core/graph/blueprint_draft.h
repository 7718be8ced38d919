// BlueprintDraft: a Blueprint that is being put together, by index.
//
// Its callers know what their tasks and edges are called and check them; Freeze
// finds out whether there is an order.
#ifndef W2T_CORE_GRAPH_BLUEPRINT_DRAFT_H_
#define W2T_CORE_GRAPH_BLUEPRINT_DRAFT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "w2t/blueprint.h"

namespace w2t {

class BlueprintDraft {
 public:
  // Bounds of tasks, of edges and of the bytes of all names; for the callers to
  // keep.
  static constexpr uint64_t kMost = UINT32_MAX - 1;

  explicit BlueprintDraft(std::string name);
  BlueprintDraft(BlueprintDraft&&) = default;
  BlueprintDraft& operator=(BlueprintDraft&&) = default;

  uint32_t size() const { return blueprint_->size(); }
  uint64_t tasks() const { return blueprint_->tasks_.size(); }
  uint64_t edges() const { return blueprint_->edges(); }
  uint64_t name_bytes() const { return blueprint_->names_.size(); }
  std::string_view task_name(TaskIndex task) const {
    return blueprint_->task_name(task);
  }

  void Reserve(size_t tasks, size_t name_bytes);
  // The task at the next index: one like any other and of no length, or one as
  // specified. A draft has tasks of one kind only.
  TaskIndex Add(std::string_view name);
  TaskIndex Add(std::string_view name, const TaskSpec& spec);
  // `task` depends on `on`, which may not be there yet. Tasks come in order
  // here, each with all its dependencies; not all need any.
  // `quorum` is what AddQuorum returned for this task, or 0.
  void Depend(TaskIndex task, TaskIndex on, Condition condition,
              uint32_t quorum = 0, bool restart = false);
  // A quorum of `task`, before its dependencies. At most
  // Blueprint::kMostQuorums in all.
  uint32_t AddQuorum(TaskIndex task, uint32_t need);
  const Blueprint::Quorum& quorum(uint32_t quorum) const {
    return blueprint_->quorums_[quorum - 1];
  }
  void SetOnFailure(OnFailure on_failure);
  // `task` undoes `of`; neither has a partner yet.
  void Undo(TaskIndex task, TaskIndex of);
  TaskIndex undo_partner(TaskIndex task) const {
    return blueprint_->undo_partner(task);
  }
  // How many of its dependencies must hold. Default: all.
  void SetNeed(TaskIndex task, uint32_t need);
  bool WaitsForSome(TaskIndex task) const {
    return blueprint_->tasks_[task].waits_for_some;
  }
  // What the tasks' specs count from. Default: one default of each.
  void SetDemands(std::vector<Demand> demands);
  void SetRetries(std::vector<RetryPolicy> retries);
  void AddRetry(TaskIndex task, const RetryPolicy& policy);
  // Adds edges to tasks in any order, in one pass over the draft.
  struct LateEdge {
    TaskIndex task;
    TaskIndex on;
    Condition condition;
  };
  void DependLate(std::vector<LateEdge> edges);
  // What Blueprint::Find looks names up in. Without it, that takes O(V).
  auto& by_name() { return blueprint_->by_name_; }

  // Orders the tasks and measures them. When that cannot be done, returns the
  // cycles, as FindCycles does; the draft is then good for its names only.
  std::vector<std::vector<TaskIndex>> Freeze();
  // After Freeze.
  std::shared_ptr<const Blueprint> Take() && { return std::move(blueprint_); }

  // Without by_name.
  BlueprintDraft Copy() const;

 private:
  void EndDependencies();
  void FillSuccessors();
  void OrderByKahn();
  void Measure();

  std::shared_ptr<Blueprint> blueprint_;
  // No task depends on one of a higher index, so that this is an order.
  bool ordered_by_index_ = true;
};

}  // namespace w2t

#endif  // W2T_CORE_GRAPH_BLUEPRINT_DRAFT_H_
