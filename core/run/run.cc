#include "core/run/run.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace w2t {

void Run::Enter(int64_t now_us, RunOutbox* out) {
  now_us_ = now_us;
  out_ = out;
}

void Run::Leave() {
  SettleAll();
  if (lingering_ == 0 && !restarting_.empty() && !revising()) {
    for (const TaskIndex task : TakeSet()) unsettled_.push_back(task);
    SettleAll();
  }
  if (std::exchange(list_failures_, false)) ListFailures();
  UpdateRunState();
  out_ = nullptr;
}

void Run::Begin(int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  AddEvent(kNoTask);
  for (TaskIndex task = 0; task < data_.tasks.size(); ++task) {
    if (blueprint().need(task) == 0) Settle(task);
  }
  Leave();
}

void Run::Lease(const LeaseRef& lease, WorkerNumber worker, int64_t now_us) {
  now_us_ = now_us;
  TaskRecord& record = data_.tasks[lease.task];
  record.attempt = lease.attempt;
  record.fence = lease.fence;
  record.worker = worker;
  record.start_us = record.up_us = 0;
  record.stop_requested = false;
  SetAhead(lease.task, record.state == TaskState::kWaiting);
  EdgeSource to = SourceOf(record);
  to.state = TaskState::kLeased;
  Move(lease.task, to);
}

void Run::Report(const LeaseRef& lease, TaskState state, int32_t exit_code,
                 const ReportDetail* detail, int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  TaskRecord& record = data_.tasks[lease.task];
  const bool unstarted = record.ahead && state == TaskState::kCancelled;
  if (record.start_us == 0 && !unstarted) record.start_us = now_us;
  if (detail != nullptr) {
    data_.details[lease.task] = {detail->message, detail->signal,
                                 detail->cpu_us, detail->max_rss_bytes,
                                 detail->output};
  } else if (IsOutcome(state)) {
    data_.details.Erase(lease.task);  // of an earlier attempt
  }
  if (IsOutcome(state)) {
    record.exit_code = exit_code;
    // Of a short attempt only the end is reported, but it did start.
    if (state != TaskState::kCancelled) MarkStarted(lease.task);
    EndAttempt(lease.task, state);
  } else {
    const bool up = state == TaskState::kUp;
    if (up) record.up_us = now_us;
    Move(lease.task, {.state = state,
                      .has_started = true,
                      .has_been_up = record.has_been_up || up});
  }
  Leave();
}

void Run::Lose(const LeaseRef& lease, bool not_started, std::string_view reason,
               int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  EndLost(lease.task, not_started, reason);
  Leave();
}

void Run::RetryDue(TaskIndex task, int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  Requeue(task);
  Leave();
}

void Run::Cancel(std::string_view reason, int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  data_.cancel_reason = std::string(reason);
  data_.cancelled = data_.state != RunState::kUp;
  StartStopping();
  Leave();
}

LeaseStanding Run::Standing(const LeaseRef& lease, WorkerNumber worker) const {
  if (lease.task >= data_.tasks.size()) return LeaseStanding::kOld;
  const TaskRecord& record = data_.tasks[lease.task];
  if (record.attempt != lease.attempt || record.fence != lease.fence ||
      record.worker != worker) {
    return LeaseStanding::kOld;
  }
  if (IsHeld(record.state)) return LeaseStanding::kHeld;
  // What waits again was lost, or failed and is tried again at once; in both
  // cases nobody waits for this lease.
  const bool reported =
      record.state == TaskState::kBackoff ||
      (IsOutcome(record.state) && record.state != TaskState::kLost);
  return reported ? LeaseStanding::kRecorded : LeaseStanding::kOld;
}

bool Run::Accepts(const LeaseRef& lease, WorkerNumber worker,
                  TaskState state) const {
  if (!Holds(lease, worker)) return false;
  const TaskRecord& record = data_.tasks[lease.task];
  // One that is to stop may have started just before it was told.
  if (Waits(lease.task) && state != TaskState::kCancelled &&
      !record.stop_requested && !Lingers(lease.task)) {
    return false;
  }
  // Only forwards: a repeated or overtaken report changes nothing.
  return state > record.state;
}

const TaskDetail* Run::detail(TaskIndex task) const {
  return data_.details.Find(task);
}

void Run::EndAttempt(TaskIndex task, TaskState reported) {
  TaskRecord& record = data_.tasks[task];
  if (record.restarting) return EndMember(task);
  if (reported == TaskState::kCancelled && !MustWindDown(task)) {
    if (record.stop_requested) return GiveBack(task);
    return EndLost(task, /*not_started=*/false, "its worker stopped it");
  }
  record.end_us = now_us_;
  out_->released.push_back({spec_.number, task, record.attempt, record.fence});
  const TaskState outcome = record.ahead && reported == TaskState::kCancelled
                                ? UnstartedOutcome()
                                : Judge(task, reported);
  CountAttempt(task);
  if (!WantsRetry(task, outcome)) return EndTask(task, outcome);
  MoveOn(task, TaskState::kBackoff);
  if (BackoffUs(task) == 0) {
    Requeue(task);
  } else {
    out_->backoff.push_back({task, now_us_ + BackoffUs(task)});
  }
  RestartFollowers(task);
}

TaskState Run::Judge(TaskIndex task, TaskState reported) {
  if (blueprint().kind(task) == TaskKind::kTask) return reported;
  if (data_.stopping && data_.tasks[task].stop_requested) {
    return data_.cancelled ? TaskState::kCancelled : TaskState::kSucceeded;
  }
  if (reported != TaskState::kSucceeded) return reported;
  data_.details[task].message =
      fmt::format("the service ended by itself with exit code {}",
                  data_.tasks[task].exit_code);
  return TaskState::kFailed;
}

void Run::EndLost(TaskIndex task, bool not_started, std::string_view reason) {
  TaskRecord& record = data_.tasks[task];
  if (record.restarting) return EndMember(task);
  if (Waits(task) && !MustWindDown(task)) return GiveBack(task);
  record.end_us = now_us_;
  out_->released.push_back({spec_.number, task, record.attempt, record.fence});
  if (WasStable(task)) ForgetAttempts(task, record.attempt - 1);
  const bool forgiven = ForgivesLosses(task);
  if (forgiven) {
    ++record.excused;
  } else if (record.lost_attempts < UINT8_MAX) {
    ++record.lost_attempts;
  }
  const bool service = blueprint().kind(task) == TaskKind::kService;
  const bool unknown = blueprint().at_most_once(task) && !not_started;
  if (record.ahead && MustWindDown(task)) {
    return EndTask(task, UnstartedOutcome());
  }
  if (MustWindDown(task) && (service || !unknown)) {
    const bool done = service && !data_.cancelled;
    return EndTask(task, done ? TaskState::kSucceeded : TaskState::kCancelled);
  }
  if (unknown) {
    data_.details[task].message =
        fmt::format("lost, outcome unknown: {}; it {}", reason,
                    record.state == TaskState::kLeased
                        ? "may or may not have run"
                        : "had started, and may or may not have ended");
    return EndTask(task, TaskState::kLost);
  }
  data_.details[task].message =
      fmt::format("attempt {} was lost: {}", record.attempt, reason);
  if (forgiven || record.lost_attempts < limits_.max_lost_attempts) {
    Requeue(task);
    return RestartFollowers(task);
  }
  data_.details[task].message += fmt::format(
      "; the limit max_lost_attempts is {}", limits_.max_lost_attempts);
  EndTask(task, TaskState::kLost);
}

void Run::EndTask(TaskIndex task, TaskState outcome) {
  TaskRecord& record = data_.tasks[task];
  record.end_us = now_us_;
  if (IsFailure(outcome) && !blueprint().allow_failure(task)) {
    data_.failed = true;
    if (data_.failures.size() < kMaxFailures) data_.failures.push_back(task);
    if (data_.exit_code == 0) data_.exit_code = 1;
    const bool fails_run = blueprint().fail_run(task);
    if (!data_.stopping &&
        (fails_run || blueprint().on_failure() != OnFailure::kContinue)) {
      data_.fail_fast = true;
      if (fails_run && record.exit_code != 0) {
        data_.exit_code = record.exit_code;
      }
    }
  }
  --(blueprint().kind(task) == TaskKind::kTask ? tasks_open_ : services_open_);
  MoveOn(task, outcome);
  if (data_.stopping && !open_dependents_.empty()) EndStopped(task);
}

void Run::Reopen(TaskIndex task) {
  ++(blueprint().kind(task) == TaskKind::kTask ? tasks_open_ : services_open_);
  if (IsFailure(data_.tasks[task].state)) list_failures_ = true;
}

void Run::ListFailures() {
  std::vector<TaskIndex>& failures = data_.failures;
  failures.clear();
  for (TaskIndex task = 0; task < data_.tasks.size(); ++task) {
    if (IsFailure(data_.tasks[task].state) && !blueprint().allow_failure(task))
      failures.push_back(task);
  }
  std::stable_sort(failures.begin(), failures.end(),
                   [this](TaskIndex a, TaskIndex b) {
                     return data_.tasks[a].end_us < data_.tasks[b].end_us;
                   });
  if (failures.size() > kMaxFailures) failures.resize(kMaxFailures);
  data_.failed = !failures.empty();
  if (!data_.failed) data_.exit_code = 0;
}

void Run::UpdateRunState() {
  if (IsEnded(data_.state)) return;
  // What still waits then can only wait for the end of services that are up.
  const bool through = moving_ == 0;
  const bool held =
      spec_.hold && (!data_.failed || spec_.keep) && services_open_ > 0;
  if (!data_.stopping && (data_.fail_fast || (through && !held))) {
    StartStopping();
    SettleAll();
  }
  if (tasks_open_ + services_open_ == 0) {
    data_.end_us = now_us_;
    SetState(data_.cancelled ? RunState::kCancelled
             : data_.failed  ? RunState::kFailed
                             : RunState::kSucceeded);
  } else {
    SetState(data_.stopping ? RunState::kStopping
             : through      ? RunState::kUp
                            : RunState::kRunning);
  }
}

void Run::SetState(RunState state) {
  if (state == data_.state) return;
  data_.state = state;
  AddEvent(kNoTask);
}

}  // namespace w2t
