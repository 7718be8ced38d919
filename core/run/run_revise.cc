#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/base/state_hash.h"
#include "core/run/run.h"
#include "fmt/format.h"

namespace w2t {

absl::Status Run::CheckRevision(const Revision& revision,
                                absl::Span<const TaskIndex> changed) const {
  const Blueprint& old = blueprint();
  const Blueprint& next = *revision.blueprint;
  if (next.size() < old.size() || next.name() != old.name()) {
    return absl::InvalidArgumentError(fmt::format(
        "run {} is \"{}\" of {} tasks, the new graph \"{}\" of {}",
        spec_.run_id, old.name(), old.size(), next.name(), next.size()));
  }
  absl::flat_hash_set<TaskIndex> others(changed.begin(), changed.end());
  for (const TaskIndex task : changed) {
    if (task >= old.size()) {
      return absl::InvalidArgumentError(
          fmt::format("run {} has no task {}", spec_.run_id, task));
    }
  }
  for (TaskIndex task = 0; task < old.size(); ++task) {
    if (next.task_name(task) != old.task_name(task)) {
      return absl::InvalidArgumentError(
          fmt::format("task {} of run {} is \"{}\", and not \"{}\"", task,
                      spec_.run_id, old.task_name(task), next.task_name(task)));
    }
    if (next.removed(task) || old.removed(task)) continue;
    if (others.contains(task)) {
      if (!IsSpent(task) || !IsHeld(data_.tasks[task].state)) continue;
      return absl::FailedPreconditionError(
          fmt::format("task \"{}\" is to run at most once, and a worker has it",
                      old.task_name(task)));
    }
    if (next.kind(task) != old.kind(task) ||
        next.demands()[next.demand(task)] != old.demands()[old.demand(task)]) {
      return absl::InvalidArgumentError(fmt::format(
          "task \"{}\" has another kind or demand, and is not named as changed",
          old.task_name(task)));
    }
  }
  return absl::OkStatus();
}

void Run::Revise(Revision revision, absl::Span<const TaskIndex> changed,
                 int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  AddEvent(kNoTask);
  std::vector<TaskIndex> others;
  for (const TaskIndex task : changed) {
    if (!IsSpent(task)) others.push_back(task);
  }
  const Blueprint& next = *revision.blueprint;
  for (TaskIndex task = 0; task < blueprint().size(); ++task) {
    if (next.removed(task) == blueprint().removed(task)) continue;
    // A task that comes back has still run, if it ever did.
    const bool ran = next.at_most_once(task) && data_.tasks[task].attempt > 0;
    if (next.removed(task) || !ran) others.push_back(task);
  }
  spec_.pending = std::move(revision);
  JoinRestart(RestartSet(others), /*forgive=*/true);
  // Its worker waits by the old graph.
  for (TaskIndex task = 0; ahead_ > 0 && task < blueprint().size(); ++task) {
    const TaskRecord& record = data_.tasks[task];
    if (record.ahead && !record.restarting) RequestStop(task);
  }
  Leave();
}

void Run::Swap(int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  if (data_.content == 0) {
    data_.content = ContentHash(spec_.definition->encoded());
  }
  TakeSet();
  spec_.blueprint = std::move(spec_.pending.blueprint);
  spec_.definition = std::move(spec_.pending.definition);
  spec_.pending = {};
  ++data_.revision;
  AddEvent(kNoTask);
  data_.revised_seq = data_.last_seq;
  data_.tasks.resize(blueprint().size());
  Count();
  CountEdges();
  list_failures_ = true;
  for (uint32_t place = 0; place < blueprint().size(); ++place) {
    unsettled_.push_back(blueprint().in_order(place));
  }
  Leave();
}

}  // namespace w2t
