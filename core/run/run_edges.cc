#include <algorithm>

#include "core/run/run.h"

namespace w2t {

EdgeState Run::EvaluateQuorum(uint32_t quorum) const {
  const Blueprint::Quorum& of = blueprint().quorums()[quorum - 1];
  const QuorumCount& count = quorums_[quorum - 1];
  if (count.satisfied >= of.need) return EdgeState::kSatisfied;
  return of.size - count.impossible < of.need ? EdgeState::kImpossible
                                              : EdgeState::kPending;
}

void Run::CountInQuorum(uint32_t quorum, EdgeState state, uint32_t by) {
  QuorumCount& count = quorums_[quorum - 1];
  if (state == EdgeState::kSatisfied) count.satisfied += by;
  if (state == EdgeState::kImpossible) count.impossible += by;
}

bool Run::IsMoving(TaskIndex task) const {
  const TaskState state = data_.tasks[task].state;
  if (data_.tasks[task].restarting) return true;
  if (state == TaskState::kWaiting || IsOutcome(state)) return false;
  if (blueprint().kind(task) == TaskKind::kTask) return true;
  const bool up = state == TaskState::kUp || (state == TaskState::kRunning &&
                                              !blueprint().has_probe(task));
  return !up;
}

void Run::Move(TaskIndex task, const EdgeSource& to) {
  TaskRecord& record = data_.tasks[task];
  const EdgeSource from = SourceOf(record);
  if (to.state != TaskState::kLeased) SetAhead(task, false);
  if (IsMoving(task)) --moving_;
  --counts_[static_cast<int>(record.state)];
  record.state = to.state;
  record.has_started = to.has_started;
  record.has_been_up = to.has_been_up;
  ++counts_[static_cast<int>(record.state)];
  if (IsMoving(task)) ++moving_;
  AddEvent(task);
  // Before the end only a start or readiness that somebody waits for matters.
  if (IsOutcome(to.state) || IsOutcome(from.state) ||
      blueprint().watched_alive(task)) {
    UpdateEdges(task, from, to);
  }
  if (IsHeld(from.state) && !IsHeld(to.state)) UnsettleAhead(task);
}

void Run::MoveOn(TaskIndex task, TaskState state) {
  EdgeSource to = SourceOf(data_.tasks[task]);
  to.state = state;
  if (blueprint().kind(task) == TaskKind::kService) {
    to.has_started = to.has_been_up = false;
  }
  Move(task, to);
}

void Run::MarkStarted(TaskIndex task) {
  const EdgeSource from = SourceOf(data_.tasks[task]);
  data_.tasks[task].has_started = true;
  if (blueprint().watched_alive(task)) {
    UpdateEdges(task, from, SourceOf(data_.tasks[task]));
  }
}

void Run::UpdateEdges(TaskIndex task, const EdgeSource& before,
                      const EdgeSource& after) {
  for (const Blueprint::Edge& edge : blueprint().successors(task)) {
    EdgeState was = Evaluate(edge.condition, before);
    EdgeState is = Evaluate(edge.condition, after);
    if (was == is) continue;
    if (edge.quorum != 0) {
      const EdgeState quorum_was = EvaluateQuorum(edge.quorum);
      CountInQuorum(edge.quorum, was, UINT32_MAX);  // one less
      CountInQuorum(edge.quorum, is, 1);
      was = quorum_was;
      is = EvaluateQuorum(edge.quorum);
      if (was == is) continue;
    }
    TaskRecord& dependent = data_.tasks[edge.task];
    if (was == EdgeState::kSatisfied) --dependent.satisfied;
    if (was == EdgeState::kImpossible) --dependent.impossible;
    if (is == EdgeState::kSatisfied) ++dependent.satisfied;
    if (is == EdgeState::kImpossible) ++dependent.impossible;
    unsettled_.push_back(edge.task);
  }
}

void Run::SettleAll() {
  // Settling a task may unsettle others; the list grows while it is read.
  for (size_t i = 0; i < unsettled_.size(); ++i) Settle(unsettled_[i]);
  unsettled_.clear();
}

void Run::Settle(TaskIndex task) {
  TaskRecord& record = data_.tasks[task];
  if (record.ahead) return SettleAhead(task);
  const bool unheld = record.state == TaskState::kWaiting ||
                      record.state == TaskState::kReady ||
                      record.state == TaskState::kSkipped;
  const bool barred =
      blueprint().is_undo(task) ? !IsUndoDue(task) : data_.stopping;
  if (barred || record.restarting || !unheld) return;
  if (blueprint().removed(task)) {
    data_.details[task].message = "removed";
    return EndTask(task, TaskState::kCancelled);
  }
  const uint32_t need = blueprint().need(task);
  if (blueprint().countable(task) - record.impossible < need) {
    if (record.state != TaskState::kSkipped) {
      EndTask(task, TaskState::kSkipped);
    }
    return;
  }
  const TaskState right =
      record.satisfied >= need ? TaskState::kReady : TaskState::kWaiting;
  if (record.state == right) return;
  if (record.state == TaskState::kSkipped) Reopen(task);
  EdgeSource to = SourceOf(record);
  to.state = right;
  Move(task, to);
  if (right == TaskState::kReady) out_->ready.push_back(task);
}

void Run::CountEdges() {
  for (TaskIndex task = 0; task < data_.tasks.size(); ++task) {
    TaskRecord& record = data_.tasks[task];
    record.satisfied = record.impossible = 0;
    std::vector<uint32_t> counted;  // quorums
    for (const Blueprint::Edge& edge : blueprint().predecessors(task)) {
      EdgeState state =
          Evaluate(edge.condition, SourceOf(data_.tasks[edge.task]));
      if (edge.quorum != 0) {
        if (std::count(counted.begin(), counted.end(), edge.quorum) > 0) {
          continue;
        }
        counted.push_back(edge.quorum);
        state = EvaluateQuorum(edge.quorum);
      }
      if (state == EdgeState::kSatisfied) ++record.satisfied;
      if (state == EdgeState::kImpossible) ++record.impossible;
    }
  }
}

void Run::AddEvent(TaskIndex task) {
  RunEvent event{.time_us = now_us_, .task = task};
  if (task != kNoTask) {
    const TaskRecord& record = data_.tasks[task];
    event.attempt = record.attempt;
    event.worker = record.worker;
    event.state = record.state;
    if (record.state >= TaskState::kSucceeded ||
        record.state == TaskState::kBackoff) {
      event.exit_code = record.exit_code;
    }
  }
  data_.events.push_back(event);
  ++data_.last_seq;
  if (data_.events.size() > limits_.max_run_events) data_.events.pop_front();
}

}  // namespace w2t
