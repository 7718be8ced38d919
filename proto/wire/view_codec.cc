#include "proto/wire/view_codec.h"

#include <algorithm>
#include <string>
#include <vector>

#include "proto/wire/field.h"

namespace w2t::wire {
namespace {

constexpr std::string_view kHandlerKind = "handler:";
constexpr size_t kMaxBlockers = 5;

void FillCounts(const RunSummary& run, v1::TaskCounts* out) {
  const auto count = [&run](TaskState state) {
    return run.counts[static_cast<size_t>(state)];
  };
  out->set_waiting(count(TaskState::kWaiting));
  out->set_ready(count(TaskState::kReady));
  out->set_backoff(count(TaskState::kBackoff));
  out->set_leased(count(TaskState::kLeased));
  out->set_running(count(TaskState::kRunning));
  out->set_up(count(TaskState::kUp));
  out->set_succeeded(count(TaskState::kSucceeded));
  out->set_failed(count(TaskState::kFailed));
  out->set_timed_out(count(TaskState::kTimedOut));
  out->set_lost(count(TaskState::kLost));
  out->set_cancelled(count(TaskState::kCancelled));
  out->set_skipped(count(TaskState::kSkipped));
  out->set_removed(run.removed);
  out->set_dormant(run.dormant);
}

v1::TaskState ToProto(TaskState state) {
  return static_cast<v1::TaskState>(state);
}

// Watchers learn the worker when an attempt starts and when it ends, which is
// all they see of one whose start was never reported.
bool TellsWorker(const RunEvent& event) {
  return event.worker &&
         (event.state == TaskState::kRunning ||
          event.state == TaskState::kBackoff || IsOutcome(event.state));
}

// Words about an event that is still its task's latest one.
const TaskDetail* DetailOf(const Run& run, const RunEvent& event) {
  if (!IsOutcome(event.state) && event.state != TaskState::kBackoff) {
    return nullptr;
  }
  const TaskRecord& record = run.task(event.task);
  if (record.attempt != event.attempt || record.state != event.state) {
    return nullptr;
  }
  return run.detail(event.task);
}

void AddDetail(const Run& run, const RunEvent& event, uint32_t position,
               WorkerNamer name_of, v1::EventBatch* out) {
  const TaskDetail* words = DetailOf(run, event);
  const bool has_words =
      words != nullptr && (!words->message.empty() || words->signal != 0);
  if (!has_words && !TellsWorker(event)) return;
  v1::EventDetail* detail = out->add_details();
  detail->set_position(position);
  if (has_words) {
    detail->set_message(words->message);
    detail->set_signal(words->signal);
  }
  if (TellsWorker(event)) {
    detail->set_worker(std::string(name_of(event.worker)));
  }
}

bool WentWrong(TaskState state) {
  return IsFailure(state) || state == TaskState::kBackoff;
}

TaskColumns::Detail SnapshotDetailOf(const Run& run, TaskIndex task,
                                     WorkerNamer name_of) {
  const TaskRecord& record = run.task(task);
  TaskColumns::Detail told;
  told.task = task;
  told.exit_code = record.exit_code;
  if (record.worker) told.worker = std::string(name_of(record.worker));
  if (const TaskDetail* detail = run.detail(task); detail != nullptr) {
    told.signal = detail->signal;
    told.message = Shown(detail->message, TaskColumns::kMaxMessageBytes);
  }
  return told;
}

v1::WaitKind ToProto(WaitKind kind) {
  switch (kind) {
    case WaitKind::kDependencies:
      return v1::WAIT_KIND_DEPENDENCIES;
    case WaitKind::kRestart:
      return v1::WAIT_KIND_RESTART;
    case WaitKind::kRevision:
      return v1::WAIT_KIND_REVISION;
    case WaitKind::kToBeStopped:
      return v1::WAIT_KIND_TO_BE_STOPPED;
    case WaitKind::kUndo:
      return v1::WAIT_KIND_UNDO;
    case WaitKind::kDormant:
      return v1::WAIT_KIND_DORMANT;
    case WaitKind::kNone:
      break;
  }
  return v1::WAIT_KIND_UNSPECIFIED;
}

}  // namespace

v1::Condition ToProto(Condition condition) {
  switch (condition) {
    case Condition::kSucceeded:
      return v1::CONDITION_SUCCEEDED;
    case Condition::kFinished:
      return v1::CONDITION_FINISHED;
    case Condition::kFailed:
      return v1::CONDITION_FAILED;
    case Condition::kStarted:
      return v1::CONDITION_STARTED;
    case Condition::kReady:
      return v1::CONDITION_READY;
    case Condition::kDefault:
      break;
  }
  return v1::CONDITION_UNSPECIFIED;
}

google::protobuf::Duration DurationOf(int64_t micros) {
  google::protobuf::Duration out;
  out.set_seconds(micros / 1'000'000);
  out.set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1'000);
  return out;
}

google::protobuf::Timestamp TimestampOf(int64_t micros) {
  google::protobuf::Timestamp out;
  out.set_seconds(micros / 1'000'000);
  out.set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1'000);
  return out;
}

void FillRun(const RunSummary& run, v1::Run* out) {
  out->set_run_id(run.run_id);
  out->set_name(run.name);
  out->set_state(static_cast<v1::RunState>(run.state));
  FillCounts(run, out->mutable_counts());
  out->set_last_seq(run.last_seq);
  *out->mutable_create_time() = TimestampOf(run.create_us);
  if (run.end_us != 0) *out->mutable_end_time() = TimestampOf(run.end_us);
  out->set_exit_code(run.exit_code);
  out->set_cancel_reason(run.cancel_reason);
  out->set_hold(run.hold);
  out->set_steps(run.steps);
  *out->mutable_critical_path() = DurationOf(run.critical_path_us);
  out->set_unique_name(run.keep);
  out->set_revision(run.revision);
}

void FillRun(const Run& run, v1::Run* out) {
  FillRun(run.Summary(), out);
  out->set_restarting(run.restarting());
}

void FillRunWithFailures(const Run& run, WorkerNamer name_of, v1::Run* out) {
  FillRun(run, out);
  for (const TaskIndex task : run.failures()) {
    FillTask(run, task, name_of, out->add_failures());
  }
}

void FillTask(const Run& run, TaskIndex task, WorkerNamer name_of,
              v1::TaskStatus* out) {
  const Blueprint& blueprint = run.blueprint();
  const TaskRecord& record = run.task(task);
  out->set_name(std::string(blueprint.task_name(task)));
  out->set_index(task);
  out->set_service(blueprint.kind(task) == TaskKind::kService);
  out->set_state(ToProto(record.state));
  out->set_step(blueprint.step(task));
  out->set_attempt(record.attempt);
  if (record.worker) out->set_worker(std::string(name_of(record.worker)));
  out->set_exit_code(record.exit_code);
  if (record.start_us != 0) {
    *out->mutable_start_time() = TimestampOf(record.start_us);
  }
  // Of a task that runs it is the end of an earlier attempt.
  if (record.end_us != 0 && !IsHeld(record.state)) {
    *out->mutable_end_time() = TimestampOf(record.end_us);
  }
  if (const TaskDetail* detail = run.detail(task); detail != nullptr) {
    out->set_signal(detail->signal);
    out->set_message(detail->message);
    *out->mutable_cpu_time() = DurationOf(static_cast<int64_t>(detail->cpu_us));
    out->set_max_rss_bytes(detail->max_rss_bytes);
    out->set_output(detail->output);
  }
  out->set_stopping(IsHeld(record.state) && record.stop_requested);
  out->set_removed(blueprint.removed(task));
  out->set_wait_kind(ToProto(run.KindOfWait(task)));
  for (const TaskIndex blocker : run.Blockers(task, kMaxBlockers)) {
    out->add_waiting_for(std::string(blueprint.task_name(blocker)));
  }
}

TaskColumns TaskColumns::Of(const Run& run, WorkerNamer name_of) {
  TaskColumns columns;
  columns.blueprint = run.spec().blueprint;
  const uint32_t size = run.blueprint().size();
  columns.states.reserve(size);
  columns.attempts.reserve(size);
  for (TaskIndex task = 0; task < size; ++task) {
    columns.states.push_back(run.task(task).state);
    columns.attempts.push_back(run.task(task).attempt);
  }
  for (const bool failures : {true, false}) {
    for (TaskIndex task = 0;
         task < size && columns.details.size() < kMaxDetails; ++task) {
      const TaskRecord& record = run.task(task);
      if (record.attempt != 0 && WentWrong(record.state) == failures) {
        columns.details.push_back(SnapshotDetailOf(run, task, name_of));
      }
    }
  }
  std::sort(columns.details.begin(), columns.details.end(),
            [](const Detail& a, const Detail& b) { return a.task < b.task; });
  return columns;
}

size_t TaskColumns::bytes() const {
  size_t sum = size() * (sizeof(TaskState) + sizeof(uint32_t));
  for (const Detail& detail : details) {
    sum += sizeof(detail) + detail.message.size() + detail.worker.size();
  }
  return sum;
}

void FillSnapshot(const TaskColumns& tasks, uint32_t first, uint32_t count,
                  v1::RunSnapshot* out) {
  out->set_first_task(first);
  const uint32_t end = std::min(tasks.size(), first + count);
  for (TaskIndex task = first; task < end; ++task) {
    out->add_names(std::string(tasks.blueprint->task_name(task)));
    out->add_states(ToProto(tasks.states[task]));
    out->add_attempts(tasks.attempts[task]);
    out->add_steps(tasks.blueprint->step(task));
    out->add_services(tasks.blueprint->kind(task) == TaskKind::kService);
  }
  auto detail =
      std::lower_bound(tasks.details.begin(), tasks.details.end(), first,
                       [](const TaskColumns::Detail& d, TaskIndex task) {
                         return d.task < task;
                       });
  for (; detail != tasks.details.end() && detail->task < end; ++detail) {
    v1::SnapshotDetail* told = out->add_details();
    told->set_position(detail->task - first);
    told->set_exit_code(detail->exit_code);
    told->set_signal(detail->signal);
    told->set_message(detail->message);
    told->set_worker(detail->worker);
  }
}

void FillEvents(const Run& run, uint64_t first_seq, uint64_t last_seq,
                WorkerNamer name_of, v1::EventBatch* out) {
  out->set_first_seq(first_seq);
  out->set_run_state(static_cast<v1::RunState>(run.state()));
  const size_t begin = first_seq - run.first_seq();
  const size_t end = last_seq + 1 - run.first_seq();
  for (size_t i = begin; i < end; ++i) {
    const RunEvent& event = run.events()[i];
    out->add_time_us(event.time_us);
    out->add_task(event.task);
    out->add_attempt(event.attempt);
    out->add_state(ToProto(event.state));
    out->add_exit_code(event.exit_code);
    if (event.task != kNoTask) {
      AddDetail(run, event, static_cast<uint32_t>(i - begin), name_of, out);
    }
  }
}

void FillWorker(const Worker& worker, absl::Span<const uint64_t> used_milli,
                v1::Worker* out) {
  out->set_name(worker.spec.name);
  if (!worker.session) {
    out->set_state(v1::WORKER_STATE_DETACHED);
  } else if (worker.draining || worker.leaving) {
    out->set_state(v1::WORKER_STATE_DRAINING);
  } else {
    out->set_state(v1::WORKER_STATE_ONLINE);
  }
  for (const auto& [key, value] : worker.spec.labels) {
    (*out->mutable_labels())[key] = value;
  }
  for (size_t i = 0; i < worker.spec.resources.size(); ++i) {
    const Resource& resource = worker.spec.resources[i];
    v1::Resource* has = out->add_resources();
    has->set_name(resource.name);
    has->set_milli(resource.milli);
    v1::Resource* used = out->add_used();
    used->set_name(resource.name);
    used->set_milli(i < used_milli.size() ? used_milli[i] : 0);
  }
  out->set_leases(static_cast<uint32_t>(worker.leases.size()));
  out->set_max_leases(worker.spec.max_leases);
  if (worker.last_seen_us != 0) {
    *out->mutable_last_seen_time() = TimestampOf(worker.last_seen_us);
  }
  out->set_version(worker.spec.version);
  for (const std::string& capability : worker.spec.capabilities) {
    if (capability.starts_with(kHandlerKind)) {
      out->add_handlers(capability.substr(kHandlerKind.size()));
    }
  }
}

}  // namespace w2t::wire
