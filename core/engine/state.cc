#include "core/engine/state.h"

#include <utility>

#include "core/base/absl_view.h"

namespace w2t {
State::State(const Limits& limits) : limits_(limits), scheduler_(&fleet_) {}

Effects State::TakeEffects() { return std::exchange(effects_, Effects()); }

void State::FillQueues() {
  queues_filled_ = true;
  for (const auto& [number, run] : runs_) {
    if (IsEnded(run->state())) continue;
    for (TaskIndex task = 0; task < run->blueprint().size(); ++task) {
      const TaskRecord& record = run->task(task);
      if (record.state == TaskState::kReady) PushReady(*run, task);
      if (record.state == TaskState::kBackoff) {
        due_.push({record.end_us + run->BackoffUs(task), number, task});
      }
    }
  }
}

void State::PushReady(const Run& run, TaskIndex task) {
  const Blueprint& blueprint = run.blueprint();
  scheduler_.Push(ShapeIdOf(run, task), blueprint.priority(task),
                  blueprint.remaining_us(task), {run.spec().number, task});
}

Leased State::Place(int64_t now_us) {
  now_us_ = now_us;
  Leased leased;
  scheduler_.Place(
      [this](ShapeId shape, ReadyTask ready) {
        const Run* run = FindRun(ready.run);
        return run != nullptr && run->IsReady(ready.task) &&
               ShapeIdOf(*run, ready.task) == shape;
      },
      [&](Worker& worker, ReadyTask ready) {
        Grant(worker, *FindRun(ready.run), ready.task, &leased);
      });
  GrantAhead(&leased);
  return leased;
}

void State::Grant(Worker& worker, Run& run, TaskIndex task, Leased* leased) {
  const LeaseRef lease{run.spec().number, task, run.task(task).attempt + 1,
                       next_fence_};
  Lease(worker, run, lease);
  leased->worker.push_back(worker.number.value);
  leased->leases.Add(lease);
}

RetriesDue State::TakeDue(int64_t now_us) {
  RetriesDue fact;
  while (!due_.empty() && due_.top().due_us <= now_us) {
    const Due due = due_.top();
    due_.pop();
    const Run* run = FindRun(due.run);
    if (run == nullptr || !IsDue(*run, due)) continue;
    const bool again = !fact.run.empty() && fact.run.back() == due.run.value &&
                       fact.task.back() == due.task;
    if (again) continue;
    fact.run.push_back(due.run.value);
    fact.task.push_back(due.task);
  }
  return fact;
}

// The run may have been stopped meanwhile, or the task restarted.
bool State::IsDue(const Run& run, const Due& due) {
  const TaskRecord& record = run.task(due.task);
  return record.state == TaskState::kBackoff &&
         due.due_us == record.end_us + run.BackoffUs(due.task);
}

int64_t State::next_due_us() const {
  return due_.empty() ? INT64_MAX : due_.top().due_us;
}

Run* State::FindRun(RunNumber number) {
  if (last_run_ != nullptr && last_run_->spec().number == number) {
    return last_run_;
  }
  const auto it = runs_.find(number);
  if (it == runs_.end()) return nullptr;
  last_run_ = it->second.get();
  return last_run_;
}

const Run* State::FindRun(RunNumber number) const {
  const auto it = runs_.find(number);
  return it == runs_.end() ? nullptr : it->second.get();
}

const Run* State::FindRun(std::string_view run_id) const {
  return FindRun(FindId(run_id));
}

RunNumber State::FindId(std::string_view run_id) const {
  const auto it = by_id_.find(AbslView(run_id));
  return it == by_id_.end() ? RunNumber() : it->second;
}

RunNumber State::FindRequest(std::string_view request_id) const {
  const auto it = by_request_.find(AbslView(request_id));
  return it == by_request_.end() ? RunNumber() : it->second;
}

RunNumber State::OldestEnded() const {
  RunNumber oldest;
  if (!archived_.empty()) oldest = archived_.begin()->first;
  for (const auto& [number, run] : runs_) {
    if (oldest && oldest < number) break;
    if (IsEnded(run->state())) return number;
  }
  return oldest;
}

void State::VisitEnded(
    absl::FunctionRef<void(RunNumber, int64_t end_us)> visit) const {
  for (const auto& [number, run] : archived_) visit(number, run.end_us);
  for (const auto& [number, run] : runs_) {
    if (IsEnded(run->state())) visit(number, run->end_us());
  }
}

const Shape& State::ShapeOf(const Run& run, TaskIndex task) {
  return scheduler_.shape(ShapeIdOf(run, task));
}

ShapeId State::ShapeIdOf(const Run& run, TaskIndex task) {
  return shapes_[run.spec().number][run.blueprint().demand(task)];
}

}  // namespace w2t
