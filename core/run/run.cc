#include "core/run/run.h"

#include <algorithm>
#include <utility>

#include "core/base/state_hash.h"
#include "fmt/format.h"

namespace w2t {

Run::Run(Spec spec, int64_t now_us, const Limits& limits)
    : spec_(std::move(spec)),
      limits_(limits),
      create_us_(now_us),
      tasks_(blueprint().size()) {
  counts_[static_cast<int>(TaskState::kWaiting)] = blueprint().size();
  for (TaskIndex task = 0; task < tasks_.size(); ++task) {
    if (blueprint().kind(task) == TaskKind::kTask) {
      ++tasks_open_;
    } else {
      ++services_open_;
    }
  }
}

void Run::Enter(int64_t now_us, RunOutbox* out) {
  now_us_ = now_us;
  out_ = out;
}

void Run::Leave() {
  SettleAll();
  UpdateRunState();
  out_ = nullptr;
}

void Run::Begin(int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  AddEvent(kNoTask);
  for (TaskIndex task = 0; task < tasks_.size(); ++task) {
    if (blueprint().need(task) == 0) Settle(task);
  }
  Leave();
}

void Run::Lease(const LeaseRef& lease, WorkerNumber worker, int64_t now_us) {
  now_us_ = now_us;
  TaskRecord& record = tasks_[lease.task];
  record.attempt = lease.attempt;
  record.fence = lease.fence;
  record.worker = worker;
  record.start_us = 0;
  Source to = SourceOf(record);
  to.state = TaskState::kLeased;
  Move(lease.task, to);
}

void Run::Report(const LeaseRef& lease, TaskState state, int32_t exit_code,
                 const ReportDetail* detail, int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  TaskRecord& record = tasks_[lease.task];
  if (record.start_us == 0) record.start_us = now_us;
  if (detail != nullptr) {
    details_[lease.task] = {detail->message, detail->signal, detail->cpu_us,
                            detail->max_rss_bytes, detail->output};
  } else if (IsOutcome(state)) {
    details_.erase(lease.task);  // of an earlier attempt
  }
  if (IsOutcome(state)) {
    record.exit_code = exit_code;
    // Of a short attempt only the end is reported, but it did start.
    if (state != TaskState::kCancelled) MarkStarted(lease.task);
    EndAttempt(lease.task, state);
  } else {
    const bool up = state == TaskState::kUp;
    Move(lease.task, {.state = state,
                      .has_started = true,
                      .has_been_up = record.has_been_up || up});
  }
  Leave();
}

void Run::Lose(const LeaseRef& lease, std::string_view reason, int64_t now_us,
               RunOutbox* out) {
  Enter(now_us, out);
  EndLost(lease.task, reason);
  Leave();
}

void Run::RetryDue(TaskIndex task, int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  Requeue(task);
  Leave();
}

void Run::Cancel(std::string_view reason, int64_t now_us, RunOutbox* out) {
  Enter(now_us, out);
  cancel_reason_ = std::string(reason);
  cancelled_ = state_ != RunState::kUp;
  StartStopping();
  Leave();
}

bool Run::Holds(const LeaseRef& lease, WorkerNumber worker) const {
  if (lease.task >= tasks_.size()) return false;
  const TaskRecord& record = tasks_[lease.task];
  return IsHeld(record.state) && record.attempt == lease.attempt &&
         record.fence == lease.fence && record.worker == worker;
}

bool Run::Accepts(const LeaseRef& lease, WorkerNumber worker,
                  TaskState state) const {
  if (!Holds(lease, worker)) return false;
  // Only forwards: a repeated or overtaken report changes nothing.
  return state > tasks_[lease.task].state;
}

const TaskDetail* Run::detail(TaskIndex task) const {
  const auto it = details_.find(task);
  return it == details_.end() ? nullptr : &it->second;
}

void Run::EndAttempt(TaskIndex task, TaskState reported) {
  TaskRecord& record = tasks_[task];
  if (reported == TaskState::kCancelled && !stopping_) {
    return EndLost(task, "its worker stopped it");
  }
  record.end_us = now_us_;
  out_->released.push_back({spec_.number, task, record.attempt, record.fence});
  const TaskState outcome = Judge(task, reported);
  if (!WantsRetry(task, outcome)) return EndTask(task, outcome);
  Source to = SourceOf(record);
  to.state = TaskState::kBackoff;
  if (blueprint().kind(task) == TaskKind::kService) {
    to.has_started = to.has_been_up = false;
  }
  Move(task, to);
  if (BackoffUs(task) == 0) return Requeue(task);
  out_->backoff.push_back({task, now_us_ + BackoffUs(task)});
}

TaskState Run::Judge(TaskIndex task, TaskState reported) {
  if (blueprint().kind(task) == TaskKind::kTask) return reported;
  if (stopping_ && tasks_[task].stop_requested) {
    return cancelled_ ? TaskState::kCancelled : TaskState::kSucceeded;
  }
  if (reported != TaskState::kSucceeded) return reported;
  details_[task].message = fmt::format(
      "the service ended by itself with exit code {}", tasks_[task].exit_code);
  return TaskState::kFailed;
}

bool Run::WantsRetry(TaskIndex task, TaskState outcome) const {
  const RetryPolicy& retry = blueprint().retry(task);
  const TaskRecord& record = tasks_[task];
  if (stopping_ || record.attempt - record.lost_attempts >= retry.attempts) {
    return false;
  }
  if (outcome == TaskState::kSucceeded) return retry.on_success;
  if (!IsFailure(outcome)) return false;
  if (retry.exit_codes.empty()) return true;
  return outcome == TaskState::kFailed &&
         std::find(retry.exit_codes.begin(), retry.exit_codes.end(),
                   record.exit_code) != retry.exit_codes.end();
}

int64_t Run::BackoffUs(TaskIndex task) const {
  const RetryPolicy& retry = blueprint().retry(task);
  const TaskRecord& record = tasks_[task];
  const absl::Duration most =
      std::max(retry.initial_backoff, retry.max_backoff);
  absl::Duration wait = retry.initial_backoff;
  for (uint32_t n = record.attempt - record.lost_attempts; n > 1 && wait < most;
       --n) {
    wait *= 2;
  }
  return absl::ToInt64Microseconds(std::min(wait, most));
}

void Run::Requeue(TaskIndex task) {
  Source to = SourceOf(tasks_[task]);
  to.state = TaskState::kWaiting;
  if (blueprint().kind(task) == TaskKind::kService) {
    to.has_started = to.has_been_up = false;
  }
  Move(task, to);
  unsettled_.push_back(task);
}

void Run::EndLost(TaskIndex task, std::string_view reason) {
  TaskRecord& record = tasks_[task];
  record.end_us = now_us_;
  out_->released.push_back({spec_.number, task, record.attempt, record.fence});
  if (record.lost_attempts < UINT8_MAX) ++record.lost_attempts;
  if (stopping_) {
    const bool done =
        blueprint().kind(task) == TaskKind::kService && !cancelled_;
    return EndTask(task, done ? TaskState::kSucceeded : TaskState::kCancelled);
  }
  details_[task].message =
      fmt::format("attempt {} was lost: {}", record.attempt, reason);
  if (record.lost_attempts < limits_.max_lost_attempts) return Requeue(task);
  details_[task].message += fmt::format("; the limit max_lost_attempts is {}",
                                        limits_.max_lost_attempts);
  EndTask(task, TaskState::kLost);
}

void Run::EndTask(TaskIndex task, TaskState outcome) {
  TaskRecord& record = tasks_[task];
  record.end_us = now_us_;
  if (IsFailure(outcome) && !blueprint().allow_failure(task)) {
    failed_ = true;
    if (failures_.size() < kMaxFailures) failures_.push_back(task);
    if (exit_code_ == 0) exit_code_ = 1;
    if (blueprint().fail_run(task) && !stopping_) {
      fail_fast_ = true;
      if (record.exit_code != 0) exit_code_ = record.exit_code;
    }
  }
  --(blueprint().kind(task) == TaskKind::kTask ? tasks_open_ : services_open_);
  Source to = SourceOf(record);
  to.state = outcome;
  if (blueprint().kind(task) == TaskKind::kService) {
    to.has_started = to.has_been_up = false;
  }
  Move(task, to);
  if (!open_dependents_.empty() && open_dependents_[task] == 0) Close(task);
}

void Run::UpdateRunState() {
  if (IsEnded(state_)) return;
  // What still waits then can only wait for the end of services that are up.
  const bool through = moving_ == 0;
  const bool held = spec_.hold && !failed_ && services_open_ > 0;
  if (!stopping_ && (fail_fast_ || (through && !held))) StartStopping();
  if (tasks_open_ + services_open_ == 0) {
    end_us_ = now_us_;
    SetState(cancelled_ ? RunState::kCancelled
             : failed_  ? RunState::kFailed
                        : RunState::kSucceeded);
  } else {
    SetState(stopping_ ? RunState::kStopping
             : through ? RunState::kUp
                       : RunState::kRunning);
  }
}

void Run::SetState(RunState state) {
  if (state == state_) return;
  state_ = state;
  AddEvent(kNoTask);
}

uint64_t Run::Hash() const {
  StateHash hash;
  hash.Add(spec_.number.value);
  hash.Add(spec_.run_id);
  hash.Add(static_cast<uint64_t>(state_));
  hash.Add(last_seq_);
  hash.Add(static_cast<uint64_t>(exit_code_));
  hash.Add(static_cast<uint64_t>(end_us_));
  hash.Add(cancel_reason_);
  for (const TaskRecord& record : tasks_) {
    hash.Add(static_cast<uint64_t>(record.state) | record.has_started << 8 |
             record.has_been_up << 9 | record.stop_requested << 10 |
             static_cast<uint64_t>(record.lost_attempts) << 16 |
             static_cast<uint64_t>(record.attempt) << 32);
    hash.Add(static_cast<uint64_t>(record.satisfied) << 32 | record.impossible);
    hash.Add(static_cast<uint64_t>(record.worker.value) << 32 |
             static_cast<uint32_t>(record.exit_code));
    hash.Add(record.fence.value);
    hash.Add(static_cast<uint64_t>(record.start_us));
    hash.Add(static_cast<uint64_t>(record.end_us));
  }
  for (TaskIndex task = 0; task < tasks_.size(); ++task) {
    if (const TaskDetail* d = detail(task)) {
      hash.Add(task);
      hash.Add(d->message);
      hash.Add(d->output);
    }
  }
  return hash.value();
}

}  // namespace w2t
