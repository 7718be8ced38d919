#include "client/cli/run_view.h"

#include <algorithm>
#include <utility>

#include "client/cli/text.h"

namespace w2t::cli {

namespace {

constexpr uint32_t kRunItself = UINT32_MAX;

// Whether an attempt that came to `state` has been started for certain.
bool Ran(v1::TaskState state) {
  return state == v1::TASK_STATE_UP || state == v1::TASK_STATE_BACKOFF ||
         state == v1::TASK_STATE_SUCCEEDED || state == v1::TASK_STATE_FAILED ||
         state == v1::TASK_STATE_TIMED_OUT;
}

}  // namespace

bool EndsOutput(const TaskChange& change) {
  return change.attempt > 0 && change.after != v1::TASK_STATE_SKIPPED &&
         !IsHeld(change.after);
}

std::vector<TaskChange> RunView::Apply(const v1::WatchRunResponse& item) {
  std::vector<TaskChange> changes;
  if (item.has_snapshot()) ApplySnapshot(item.snapshot(), &changes);
  if (item.has_events()) ApplyEvents(item.events(), &changes);
  if (item.has_ended()) {
    run_ = item.ended();
    ended_ = true;
  }
  return changes;
}

uint32_t RunView::done() const {
  uint32_t done = 0;
  for (int state = v1::TASK_STATE_SUCCEEDED; state < v1::TaskState_ARRAYSIZE;
       ++state) {
    done += counts_[state];
  }
  return done;
}

void RunView::Move(uint32_t index, v1::TaskState state) {
  Task& task = tasks_[index];
  --counts_[task.state];
  ++counts_[state];
  task.state = state;
  if (IsHeld(state)) {
    active_.insert(index);
  } else {
    active_.erase(index);
  }
}

void RunView::ApplySnapshot(const v1::RunSnapshot& snapshot,
                            std::vector<TaskChange>* changes) {
  if (snapshot.has_run()) run_ = snapshot.run();
  const uint32_t first = snapshot.first_task();
  const uint32_t end = first + snapshot.names_size();
  if (tasks_.size() < end) {
    counts_[v1::TASK_STATE_WAITING] += end - tasks_.size();
    tasks_.resize(end);
  }
  auto detail = snapshot.details().begin();
  for (int i = 0; i < snapshot.names_size(); ++i) {
    const auto position = static_cast<uint32_t>(i);
    while (detail != snapshot.details().end() &&
           detail->position() < position) {
      ++detail;
    }
    Task& task = tasks_[first + i];
    task.name = snapshot.names(i);
    if (i < snapshot.services_size()) task.service = snapshot.services(i);
    if (i >= snapshot.states_size()) continue;
    const v1::TaskState state = snapshot.states(i);
    const uint32_t attempt =
        i < snapshot.attempts_size() ? snapshot.attempts(i) : 0;
    if (!v1::TaskState_IsValid(state)) continue;
    if (task.state == state && task.attempt == attempt) continue;
    changes->push_back({.task = first + i,
                        .attempt = attempt,
                        .before = task.state,
                        .after = state,
                        .from_snapshot = true});
    if (detail != snapshot.details().end() && detail->position() == position) {
      changes->back().exit_code = detail->exit_code();
      changes->back().signal = detail->signal();
      changes->back().message = detail->message();
      changes->back().worker = detail->worker();
    }
    task.attempt = attempt;
    task.since = absl::InfinitePast();
    Move(first + i, state);
  }
  complete_ |= snapshot.last();
}

void RunView::ApplyEvents(const v1::EventBatch& events,
                          std::vector<TaskChange>* changes) {
  auto detail = events.details().begin();
  for (int i = 0; i < events.task_size(); ++i) {
    TaskChange change;
    while (detail != events.details().end() &&
           detail->position() <= static_cast<uint32_t>(i)) {
      if (detail->position() == static_cast<uint32_t>(i)) {
        change.message = detail->message();
        change.worker = detail->worker();
        change.signal = detail->signal();
      }
      ++detail;
    }
    if (i < events.time_us_size()) {
      latest_ = std::max(latest_, absl::FromUnixMicros(events.time_us(i)));
      if (!run_.has_create_time()) {
        const int64_t micros = absl::ToUnixMicros(latest_);
        run_.mutable_create_time()->set_seconds(micros / 1'000'000);
        run_.mutable_create_time()->set_nanos(
            static_cast<int32_t>(micros % 1'000'000) * 1'000);
      }
    }
    change.task = events.task(i);
    if (change.task == kRunItself || change.task >= tasks_.size() ||
        i >= events.state_size() || !v1::TaskState_IsValid(events.state(i))) {
      continue;
    }
    Task& task = tasks_[change.task];
    change.before = task.state;
    change.after = events.state(i);
    if (i < events.attempt_size()) change.attempt = events.attempt(i);
    if (change.before == v1::TASK_STATE_LEASED && Ran(change.after)) {
      // Too short for its start to have been reported.
      changes->push_back({.task = change.task,
                          .attempt = change.attempt,
                          .before = v1::TASK_STATE_LEASED,
                          .after = v1::TASK_STATE_RUNNING,
                          .worker = change.worker});
      change.before = v1::TASK_STATE_RUNNING;
    }
    if (i < events.exit_code_size()) change.exit_code = events.exit_code(i);
    const bool begins = change.after == v1::TASK_STATE_LEASED ||
                        change.after == v1::TASK_STATE_RUNNING;
    if (begins) {
      task.since = latest_;
    } else if (IsHeld(task.state) && task.since != absl::InfinitePast()) {
      change.elapsed = latest_ - task.since;
    }
    task.attempt = change.attempt;
    Move(change.task, change.after);
    changes->push_back(std::move(change));
  }
  if (events.run_state() != v1::RUN_STATE_UNSPECIFIED) {
    run_.set_state(events.run_state());
  }
}

}  // namespace w2t::cli
