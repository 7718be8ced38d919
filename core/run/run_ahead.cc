#include <algorithm>

#include "core/run/run.h"

namespace w2t {
namespace {

// Dependencies of a task that is leased ahead, so that looking at them for each
// of them costs little.
constexpr size_t kMaxAwaited = 64;

}  // namespace

WorkerNumber Run::AheadWorker(TaskIndex task) const {
  const TaskRecord& record = data_.tasks[task];
  const absl::Span<const Blueprint::Edge> edges =
      blueprint().predecessors(task);
  if (record.state != TaskState::kWaiting || record.restarting ||
      data_.stopping || revising() || blueprint().is_undo(task) ||
      blueprint().at_most_once(task) || blueprint().removed(task) ||
      edges.size() > kMaxAwaited ||
      blueprint().need(task) != blueprint().countable(task)) {
    return WorkerNumber();
  }
  for (const Blueprint::Edge& edge : edges) {
    const TaskRecord& from = data_.tasks[edge.task];
    if (!IsHeld(from.state) ||
        Evaluate(edge.condition, SourceOf(from)) != EdgeState::kPending) {
      continue;
    }
    return CanAwait(task, from.worker) ? from.worker : WorkerNumber();
  }
  return WorkerNumber();
}

bool Run::CanAwait(TaskIndex task, WorkerNumber worker) const {
  for (const Blueprint::Edge& edge : blueprint().predecessors(task)) {
    if (!CanAwait(edge, worker)) return false;
  }
  return true;
}

// A quorum is not awaited: it may hold by what other workers have.
bool Run::CanAwait(const Blueprint::Edge& edge, WorkerNumber worker) const {
  if (edge.quorum != 0) {
    return EvaluateQuorum(edge.quorum) == EdgeState::kSatisfied;
  }
  const TaskRecord& from = data_.tasks[edge.task];
  const EdgeState is = Evaluate(edge.condition, SourceOf(from));
  if (is != EdgeState::kPending) return is == EdgeState::kSatisfied;
  if (!IsHeld(from.state) || from.worker != worker || from.stop_requested ||
      from.restarting || !IsMoving(edge.task)) {
    return false;
  }
  switch (edge.condition) {
    case Condition::kStarted:
    case Condition::kReady:
      return true;
    case Condition::kDefault:
    case Condition::kSucceeded:
      // The end of one that is tried again is not the task's.
      return blueprint().kind(edge.task) == TaskKind::kTask &&
             !blueprint().retry(edge.task).on_success;
    case Condition::kFinished:
    case Condition::kFailed:
      break;
  }
  return false;
}

std::vector<Awaited> Run::AwaitedBy(TaskIndex task) const {
  std::vector<Awaited> awaited;
  for (const Blueprint::Edge& edge : blueprint().predecessors(task)) {
    const TaskRecord& from = data_.tasks[edge.task];
    const EdgeState is = Evaluate(edge.condition, SourceOf(from));
    // What a service has come to is taken back when it ends, and its worker
    // knows that first.
    const bool may_end = blueprint().kind(edge.task) == TaskKind::kService &&
                         IsHeld(from.state) &&
                         from.worker == data_.tasks[task].worker;
    if (edge.quorum != 0 || (is != EdgeState::kPending && !may_end)) continue;
    TaskState state = TaskState::kSucceeded;
    if (edge.condition == Condition::kStarted) state = TaskState::kRunning;
    if (edge.condition == Condition::kReady) state = TaskState::kUp;
    awaited.push_back({edge.task, from.fence, state});
  }
  return awaited;
}

bool Run::IsAwaitedOnlyBy(TaskIndex task, WorkerNumber worker) const {
  const absl::Span<const Blueprint::Edge> edges = blueprint().successors(task);
  return edges.size() <= kMaxAwaited &&
         std::all_of(edges.begin(), edges.end(), [&](const auto& edge) {
           const TaskRecord& waiter = data_.tasks[edge.task];
           return IsHeld(waiter.state) && waiter.worker == worker;
         });
}

bool Run::Waits(TaskIndex task) const {
  const TaskRecord& record = data_.tasks[task];
  return record.ahead && record.satisfied < blueprint().need(task);
}

void Run::SetAhead(TaskIndex task, bool ahead) {
  if (data_.tasks[task].ahead == ahead) return;
  data_.tasks[task].ahead = ahead;
  ahead_ += ahead ? 1 : UINT32_MAX;
}

void Run::SettleAhead(TaskIndex task) {
  const TaskRecord& record = data_.tasks[task];
  if (data_.stopping || record.restarting || record.stop_requested ||
      CanAwait(task, record.worker)) {
    return;
  }
  RequestStop(task);
  UnsettleAhead(task);
}

// `source` may not come to where those that are leased ahead await it.
void Run::UnsettleAhead(TaskIndex source) {
  if (ahead_ == 0) return;
  for (const Blueprint::Edge& edge : blueprint().successors(source)) {
    if (data_.tasks[edge.task].ahead) unsettled_.push_back(edge.task);
  }
}

void Run::GiveBack(TaskIndex task) {
  TaskRecord& record = data_.tasks[task];
  record.end_us = now_us_;
  ++record.excused;
  data_.details.Erase(task);
  out_->released.push_back({spec_.number, task, record.attempt, record.fence});
  Requeue(task);
  RestartFollowers(task);
}

}  // namespace w2t
