#include <utility>

#include "core/engine/state.h"
#include "fmt/format.h"

namespace w2t {
namespace {

template <typename... Args>
absl::Status Misfit(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InternalError("fact does not fit the state: " +
                             fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

absl::Status State::Apply(const Fact& fact, int64_t now_us) {
  now_us_ = now_us;
  return std::visit([this](const auto& f) { return Fold(f); }, fact);
}

absl::Status State::Fold(const EpochStarted& fact) {
  if (fact.epoch <= epoch_) {
    return Misfit("epoch {} after epoch {}", fact.epoch, epoch_);
  }
  epoch_ = fact.epoch;
  if (fact.max_lost_attempts > 0) {
    limits_.max_lost_attempts = fact.max_lost_attempts;
  }
  limits_.forgives_losses = fact.forgives_losses;
  return absl::OkStatus();
}

absl::Status State::Fold(const RunAccepted& fact) {
  if (fact.run < next_run_) return Misfit("run {} again", fact.run.value);
  if (fact.blueprint == nullptr) {
    return Misfit("run {} without a blueprint", fact.run.value);
  }
  next_run_ = {fact.run.value + 1};
  auto& run = runs_[fact.run];
  run = std::make_unique<Run>(
      Run::Spec{fact.run, fact.run_id, fact.request_id, fact.hold, fact.keep,
                fact.blueprint, fact.definition},
      now_us_, limits_);
  AddShapes(*run);
  by_id_[fact.run_id] = fact.run;
  if (!fact.request_id.empty()) by_request_[fact.request_id] = fact.run;
  live_tasks_ += fact.blueprint->size();
  run->Begin(now_us_, &outbox_);
  Deliver(*run);
  return absl::OkStatus();
}

absl::Status State::Fold(const RunCancelled& fact) {
  Run* run = FindRun(fact.run);
  if (run == nullptr || run->stopping() || IsEnded(run->state())) {
    return Misfit("run {} cannot be cancelled", fact.run.value);
  }
  run->Cancel(fact.reason, now_us_, &outbox_);
  Deliver(*run);
  return absl::OkStatus();
}

absl::Status State::Fold(const TasksRestarted& fact) {
  Run* run = FindRun(fact.run);
  if (run == nullptr || !run->CheckRestart(fact.tasks).ok()) {
    return Misfit("tasks of run {} cannot be restarted", fact.run.value);
  }
  run->Restart(fact.tasks, fact.request_id, now_us_, &outbox_);
  Deliver(*run);
  return absl::OkStatus();
}

absl::Status State::Fold(const RunRevised& fact) {
  Run* run = FindRun(fact.run);
  if (run == nullptr || fact.blueprint == nullptr ||
      fact.definition == nullptr || fact.revision != run->revision() + 1 ||
      run->revising() || !run->CheckRestart({}).ok() ||
      !run->CheckRevision({fact.blueprint, fact.definition}, fact.changed)
           .ok()) {
    return Misfit("run {} cannot have revision {}", fact.run.value,
                  fact.revision);
  }
  run->Revise({fact.blueprint, fact.definition}, fact.changed, now_us_,
              &outbox_);
  Deliver(*run);
  return absl::OkStatus();
}

absl::Status State::Fold(const RunEvicted& fact) {
  const auto archived = archived_.find(fact.run);
  if (archived != archived_.end()) {
    Forget(fact.run, archived->second.run_id, archived->second.request_id);
    archived_.erase(archived);
    return absl::OkStatus();
  }
  const Run* run = FindRun(fact.run);
  if (run == nullptr || !IsEnded(run->state())) {
    return Misfit("run {} cannot be evicted", fact.run.value);
  }
  Forget(fact.run, run->spec().run_id, run->spec().request_id);
  runs_.erase(fact.run);
  last_run_ = nullptr;
  return absl::OkStatus();
}

void State::Forget(RunNumber run, const std::string& run_id,
                   const std::string& request_id) {
  effects_.forgotten.push_back({run, run_id});
  by_id_.erase(run_id);
  by_request_.erase(request_id);
}

absl::Status State::Fold(const WorkerJoined& fact) {
  if (fact.worker < next_worker_) {
    return Misfit("worker {} again", fact.worker.value);
  }
  if (fleet_.FindByName(fact.spec.name) != nullptr) {
    return Misfit("two workers named \"{}\"", fact.spec.name);
  }
  next_worker_ = {fact.worker.value + 1};
  fleet_.Add(fact.worker, fact.spec);
  return absl::OkStatus();
}

absl::Status State::Fold(const WorkerDialled& fact) {
  Worker* worker = fleet_.Find(fact.worker);
  if (worker == nullptr || fact.stream <= worker->spec.stream) {
    return Misfit("stream {} of worker {}", fact.stream, fact.worker.value);
  }
  worker->spec.stream = fact.stream;
  return absl::OkStatus();
}

absl::Status State::Fold(const WorkerLeft& fact) {
  Worker* worker = fleet_.Find(fact.worker);
  if (worker == nullptr) return Misfit("no worker {}", fact.worker.value);
  const auto leases = worker->leases;  // Lose takes them away one by one
  for (const auto& [fence, lease] : leases) {
    Lose(*worker, lease, /*not_started=*/false, fact.reason);
  }
  fleet_.Remove(fact.worker);
  return absl::OkStatus();
}

absl::Status State::Fold(const WorkerDrained& fact) {
  Worker* worker = fleet_.Find(fact.worker);
  if (worker == nullptr) return Misfit("no worker {}", fact.worker.value);
  worker->draining = fact.draining;
  return absl::OkStatus();
}

absl::Status State::Fold(const Leased& fact) {
  for (size_t i = 0; i < fact.leases.size(); ++i) {
    const LeaseRef lease = fact.leases.at(i);
    Worker* worker = fleet_.Find(WorkerNumber{fact.worker[i]});
    Run* run = FindRun(lease.run);
    if (worker == nullptr || run == nullptr ||
        lease.task >= run->blueprint().size() || !run->MayLease(lease.task) ||
        lease.fence < next_fence_ ||
        !Shapes::Fits(ShapeOf(*run, lease.task), *worker)) {
      return Misfit("lease {} of task {} of run {} for worker {}",
                    lease.fence.value, lease.task, lease.run.value,
                    fact.worker[i]);
    }
    Lease(*worker, *run, lease);
  }
  return absl::OkStatus();
}

absl::Status State::Fold(const Reported& fact) {
  const ReportColumns& reports = fact.reports;
  size_t next_detail = 0;
  for (size_t i = 0; i < reports.leases.size(); ++i) {
    const ReportDetail* detail = nullptr;
    if (next_detail < reports.details.size() &&
        reports.details[next_detail].position == i) {
      detail = &reports.details[next_detail++];
    }
    const LeaseRef lease = reports.leases.at(i);
    Run* run = FindRun(lease.run);
    if (run == nullptr || !run->Accepts(lease, fact.worker, reports.state[i])) {
      return Misfit("report on lease {} by worker {}", lease.fence.value,
                    fact.worker.value);
    }
    run->Report(lease, reports.state[i], reports.exit_code[i], detail, now_us_,
                &outbox_);
    Deliver(*run);
  }
  return absl::OkStatus();
}

absl::Status State::Fold(const LeasesLost& fact) {
  Worker* worker = fleet_.Find(fact.worker);
  if (worker == nullptr) return Misfit("no worker {}", fact.worker.value);
  for (size_t i = 0; i < fact.leases.size(); ++i) {
    const LeaseRef lease = fact.leases.at(i);
    const Run* run = FindRun(lease.run);
    if (run == nullptr || !run->Holds(lease, fact.worker)) {
      return Misfit("lease {} is not worker {}'s", lease.fence.value,
                    fact.worker.value);
    }
    Lose(*worker, lease, fact.not_started, fact.reason);
  }
  return absl::OkStatus();
}

absl::Status State::Fold(const RetriesDue& fact) {
  for (size_t i = 0; i < fact.run.size(); ++i) {
    Run* run = FindRun(RunNumber{fact.run[i]});
    const TaskIndex task = fact.task[i];
    if (run == nullptr || task >= run->blueprint().size() ||
        run->task(task).state != TaskState::kBackoff) {
      return Misfit("task {} of run {} is not in backoff", task, fact.run[i]);
    }
    run->RetryDue(task, now_us_, &outbox_);
    Deliver(*run);
  }
  return absl::OkStatus();
}

void State::AddShapes(const Run& run) {
  std::vector<ShapeId>& shapes = shapes_[run.spec().number];
  for (const Demand& demand : run.blueprint().demands()) {
    shapes.push_back(scheduler_.AddShape(demand));
    if (scheduler_.shape(shapes.back()).amounts.empty()) {
      undemanding_.insert(run.spec().number);
    }
  }
}

void State::Lease(Worker& worker, Run& run, const LeaseRef& lease) {
  next_fence_ = {lease.fence.value + 1};
  fleet_.Take(worker, lease, ShapeOf(run, lease.task).amounts);
  run.Lease(lease, worker.number, now_us_);
  Deliver(run);
}

void State::Lose(Worker& worker, const LeaseRef& lease, bool not_started,
                 std::string_view reason) {
  Run* run = FindRun(lease.run);
  run->Lose(lease, not_started,
            fmt::format("worker \"{}\": {}", worker.spec.name, reason), now_us_,
            &outbox_);
  Deliver(*run);
}

void State::Deliver(Run& run) {
  const RunNumber number = run.spec().number;
  EmptyOutbox(run);
  if (run.swap_due()) Swap(run);
  if (effects_.changed.empty() || effects_.changed.back() != number) {
    effects_.changed.push_back(number);
  }
  if (IsEnded(run.state())) {
    live_tasks_ -= run.blueprint().size();
    for (const ShapeId shape : shapes_[number]) scheduler_.RemoveShape(shape);
    shapes_.erase(number);
    undemanding_.erase(number);
    sources_.erase(number);
  }
}

// What a worker has, and what is queued, keeps its shape: only what waits has
// another one.
void State::Swap(Run& run) {
  const RunNumber number = run.spec().number;
  const std::vector<ShapeId> old = std::exchange(shapes_[number], {});
  live_tasks_ -= run.blueprint().size();
  run.Swap(now_us_, &outbox_);
  live_tasks_ += run.blueprint().size();
  AddShapes(run);
  for (const ShapeId shape : old) scheduler_.RemoveShape(shape);
  EmptyOutbox(run);
}

void State::EmptyOutbox(Run& run) {
  const RunNumber number = run.spec().number;
  for (const LeaseRef& lease : outbox_.released) {
    // The record names the worker until the task is leased again.
    Worker* worker = fleet_.Find(run.task(lease.task).worker);
    fleet_.Release(*worker, lease.fence, ShapeOf(run, lease.task).amounts);
    effects_.ended.Add(lease);
  }
  for (const TaskIndex task : outbox_.stop) {
    const TaskRecord& record = run.task(task);
    effects_.stop.Add({number, task, record.attempt, record.fence});
  }
  if (queues_filled_) {
    for (const TaskIndex task : outbox_.ready) PushReady(run, task);
    for (const Backoff& backoff : outbox_.backoff) {
      due_.push({backoff.due_us, number, backoff.task});
    }
  }
  outbox_.Clear();
}

}  // namespace w2t
