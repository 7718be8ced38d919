#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/base/state_hash.h"
#include "core/run/run.h"
#include "fmt/format.h"

namespace w2t {

bool Run::IsSpent(TaskIndex task) const {
  const TaskRecord& record = data_.tasks[task];
  if (!blueprint().at_most_once(task) || record.attempt == 0) return false;
  // What was skipped, or waits, was given to a worker and never reached it.
  return IsHeld(record.state) ||
         (IsOutcome(record.state) && record.state != TaskState::kSkipped);
}

absl::Status Run::CheckRestart(absl::Span<const TaskIndex> tasks) const {
  if (data_.stopping || IsEnded(data_.state)) {
    return absl::FailedPreconditionError(
        fmt::format("run {} is {}; nothing of it can be restarted",
                    spec_.run_id, Name(data_.state)));
  }
  for (const TaskIndex task : tasks) {
    if (task >= blueprint().size() || blueprint().removed(task)) {
      return absl::InvalidArgumentError(
          fmt::format("run {} has no task {}", spec_.run_id, task));
    }
    if (blueprint().is_undo(task)) {
      return absl::FailedPreconditionError(fmt::format(
          "task \"{}\" only undoes \"{}\"; it runs when the run fails",
          blueprint().task_name(task),
          blueprint().task_name(blueprint().undo_partner(task))));
    }
    if (IsSpent(task)) {
      return absl::FailedPreconditionError(fmt::format(
          "task \"{}\" is to run at most once, and may have started",
          blueprint().task_name(task)));
    }
  }
  return absl::OkStatus();
}

std::vector<Restarting> Run::RestartSet(
    absl::Span<const TaskIndex> tasks) const {
  std::vector<Restarting> set;
  absl::flat_hash_set<TaskIndex> known;
  for (const TaskIndex task : tasks) {
    if (known.insert(task).second) set.push_back({task, kNoTask});
  }
  for (size_t i = 0; i < set.size(); ++i) {
    const TaskIndex followed = set[i].task;
    if (!blueprint().has_followers(followed)) continue;
    for (const Blueprint::Edge& edge : blueprint().successors(followed)) {
      if (!edge.restart || IsSpent(edge.task)) continue;
      if (known.insert(edge.task).second) set.push_back({edge.task, followed});
    }
  }
  std::sort(set.begin(), set.end(),
            [this](const Restarting& a, const Restarting& b) {
              return std::pair(blueprint().step(a.task), a.task) <
                     std::pair(blueprint().step(b.task), b.task);
            });
  return set;
}

const RestartRequest* Run::FindRestart(std::string_view request_id) const {
  for (const RestartRequest& request : data_.restarts) {
    if (request.request_id == request_id) return &request;
  }
  return nullptr;
}

uint64_t Run::RestartContent(absl::Span<const TaskIndex> tasks) {
  StateHash hash;
  for (const TaskIndex task : tasks) hash.Add(task);
  return hash.value();
}

void Run::Restart(absl::Span<const TaskIndex> tasks,
                  std::string_view request_id, int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  if (!request_id.empty()) {
    data_.restarts.push_back({std::string(request_id), RestartContent(tasks)});
    if (data_.restarts.size() > kMaxKnownRestarts) data_.restarts.pop_front();
  }
  AddEvent(kNoTask);
  JoinRestart(RestartSet(tasks), /*forgive=*/true);
  Leave();
}

// A new attempt of `task` is to come, after one that had started.
void Run::RestartFollowers(TaskIndex task) {
  if (!blueprint().has_followers(task) || data_.tasks[task].start_us == 0) {
    return;
  }
  JoinRestart(RestartSet({&task, 1}), /*forgive=*/false);
}

void Run::JoinRestart(const std::vector<Restarting>& set, bool forgive) {
  for (const Restarting& member : set) Join(member.task, forgive);
  if (lingering_ > 0) StopInOrder();
}

void Run::Join(TaskIndex task, bool forgive) {
  TaskRecord& record = data_.tasks[task];
  const bool fresh = !record.restarting;
  const bool held = IsHeld(record.state);
  if (forgive) {
    ForgetAttempts(task, record.attempt);
  } else if (fresh && held) {
    ++record.excused;  // its end will be nobody's failure
  }
  if (fresh) SetRestarting(task, true);
  if (fresh && held) ++lingering_;
  // Whose turn comes later anyway may as well wait for that, unless somebody
  // asked for it.
  if (held || (record.state == TaskState::kBackoff && !forgive)) return;
  EdgeSource to = SourceOf(record);
  to.state = TaskState::kWaiting;
  if (forgive || IsOutcome(record.state)) to = kNeverStarted;
  if (SourceOf(record) != to) Park(task, to);
}

void Run::Park(TaskIndex task, const EdgeSource& to) {
  if (IsOutcome(data_.tasks[task].state)) Reopen(task);
  data_.tasks[task].stop_requested = false;
  data_.details.Erase(task);
  Move(task, to);
}

// What a worker had of the set has ended, whichever way.
void Run::EndMember(TaskIndex task) {
  TaskRecord& record = data_.tasks[task];
  record.end_us = now_us_;
  out_->released.push_back({spec_.number, task, record.attempt, record.fence});
  Park(task, kNeverStarted);
  --lingering_;
  if (open_dependents_[task] == 0) Close(task);
}

void Run::SetRestarting(TaskIndex task, bool restarting) {
  if (IsMoving(task)) --moving_;
  data_.tasks[task].restarting = restarting;
  if (IsMoving(task)) ++moving_;
  if (!restarting) return;
  restarting_.push_back(task);
  UnsettleAhead(task);
}

std::vector<TaskIndex> Run::TakeSet() {
  std::vector<TaskIndex> set = std::exchange(restarting_, {});
  std::sort(set.begin(), set.end(), [this](TaskIndex a, TaskIndex b) {
    return std::pair(blueprint().step(a), a) <
           std::pair(blueprint().step(b), b);
  });
  for (const TaskIndex task : set) SetRestarting(task, false);
  lingering_ = 0;
  open_dependents_.clear();
  return set;
}

}  // namespace w2t
