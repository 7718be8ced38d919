#include "tests/support/engine_referee.h"

#include <algorithm>
#include <map>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace w2t::testing {
namespace {

// Calls `visit(worker, lease)` for what `fact` speaks of.
template <typename Visit>
void ForEachLease(const Leased& fact, Visit visit) {
  for (size_t i = 0; i < fact.leases.size(); ++i) {
    visit(WorkerNumber{fact.worker[i]}, fact.leases.at(i));
  }
}

}  // namespace

void EngineReferee::Restarted(const Engine* engine) {
  engine_ = engine;
  for (const FactBatch& batch : std::exchange(missed_batches_, {})) {
    granted_.clear();
    for (const Fact& fact : batch.facts) Fold(fact);
    TakeMissedAhead();
    missed_ = true;
  }
  for (auto& [number, worker] : workers_) {
    worker.session = SessionId();
    worker.leaving = false;
  }
}

EngineReferee::WorkerBook* EngineReferee::BySession(SessionId session) {
  for (auto& [number, worker] : workers_) {
    if (session && worker.session == session) return &worker;
  }
  return nullptr;
}

void EngineReferee::Detached(SessionId session) {
  if (WorkerBook* worker = BySession(session)) worker->session = SessionId();
}

void EngineReferee::Leaving(SessionId session) {
  if (WorkerBook* worker = BySession(session)) worker->leaving = true;
}

void EngineReferee::TakeStreams() {
  for (auto& [number, worker] : workers_) {
    const Worker* known = engine_->fleet().Find(WorkerNumber{number});
    worker.session = known == nullptr ? SessionId() : known->session;
    worker.leaving = known != nullptr && known->leaving;
  }
}

void EngineReferee::Missed(const FactBatch& facts) {
  missed_batches_.push_back(facts);
}

void EngineReferee::Reporting(const ReportColumns& reports) {
  for (size_t i = 0; i < reports.leases.size(); ++i) {
    const LeaseRef lease = reports.leases.at(i);
    sent_.emplace(lease.run.value, lease.task, lease.attempt, lease.fence.value,
                  reports.state[i]);
  }
}

void EngineReferee::Fault(std::string_view what, const LeaseRef& lease) {
  if (faulted_) return;
  faulted_ = true;
  std::string of;
  if (lease.run) {
    of = fmt::format(" (run {} task {} attempt {} fence {})", lease.run.value,
                     lease.task, lease.attempt, lease.fence.value);
  }
  const std::string fault = fmt::format("step {}: {}{}", steps_, what, of);
  if (listener_) {
    listener_(fault);
  } else {
    ADD_FAILURE() << fault;
  }
}

void EngineReferee::Judge(const StepResult& result) {
  ++steps_;
  faulted_ = false;
  granted_.clear();
  ended_fences_.clear();
  for (auto& [number, book] : runs_) {
    book.changed = book.ended = false;
    book.joined = 0;
  }
  for (const Fact& fact : result.facts.facts) Fold(fact);
  for (const Action& action : result.actions) {
    if (const auto* welcome = std::get_if<WelcomeWorker>(&action)) {
      const auto worker = workers_.find(welcome->worker.value);
      if (worker == workers_.end()) continue;  // it left in the same step
      worker->second.session = welcome->session;
      worker->second.leaving = false;
    } else if (const auto* close = std::get_if<CloseSession>(&action)) {
      Detached(close->session);
    }
  }
  if (trusts_streams_) TakeStreams();
  for (const auto& [number, run] : engine_->runs()) {
    const auto it = runs_.find(number.value);
    if (it == runs_.end()) return Fault("a run that was never accepted");
    CheckRun(number.value, it->second, *run);
  }
  if (engine_->runs().size() + engine_->archived().size() != runs_.size()) {
    Fault("a run has vanished");
  }
  CheckStarts();
  for (const auto& [number, run] : engine_->runs()) {
    CheckAhead(runs_[number.value], *run);
  }
  CheckCapacity();
  CheckActions(result);
  CheckNothingIdles();
  missed_ = false;
}

void EngineReferee::Fold(const Fact& fact) {
  if (const auto* f = std::get_if<RunAccepted>(&fact)) {
    RunBook& book = runs_[f->run.value];
    if (book.blueprint != nullptr) Fault("a run was accepted twice");
    book.blueprint = f->blueprint;
    book.keep = f->keep;
    book.tasks.resize(f->blueprint->size());
  } else if (const auto* f = std::get_if<RunCancelled>(&fact)) {
    runs_[f->run.value].cancelled = true;
  } else if (const auto* f = std::get_if<TasksRestarted>(&fact)) {
    FoldRestarted(runs_[f->run.value], f->tasks);
  } else if (const auto* f = std::get_if<RunRevised>(&fact)) {
    FoldRevised(*f);
  } else if (const auto* f = std::get_if<RunEvicted>(&fact)) {
    for (const Task& task : runs_[f->run.value].tasks) {
      if (task.lease) Fault("a run was evicted that holds leases");
    }
    runs_.erase(f->run.value);
  } else if (const auto* f = std::get_if<WorkerJoined>(&fact)) {
    for (const auto& [number, worker] : workers_) {
      if (worker.spec.name == f->spec.name) Fault("two workers of one name");
    }
    workers_[f->worker.value].spec = f->spec;
  } else if (const auto* f = std::get_if<WorkerLeft>(&fact)) {
    FoldWorkerLeft(f->worker);
  } else if (const auto* f = std::get_if<WorkerDrained>(&fact)) {
    workers_[f->worker.value].draining = f->draining;
  } else if (const auto* f = std::get_if<Leased>(&fact)) {
    ForEachLease(*f, [this](WorkerNumber worker, const LeaseRef& lease) {
      FoldLeased(worker, lease);
    });
  } else if (const auto* f = std::get_if<Reported>(&fact)) {
    for (size_t i = 0; i < f->reports.leases.size(); ++i) {
      FoldReported(f->worker, f->reports.leases.at(i), f->reports.state[i]);
    }
  } else if (const auto* f = std::get_if<LeasesLost>(&fact)) {
    for (size_t i = 0; i < f->leases.size(); ++i) {
      const LeaseRef lease = f->leases.at(i);
      EndAttempt(f->worker, lease, TaskState::kLost);
      runs_[lease.run.value].tasks[lease.task].not_started = f->not_started;
    }
  }
}

void EngineReferee::FoldLeased(WorkerNumber worker, const LeaseRef& lease) {
  const auto run = runs_.find(lease.run.value);
  if (run == runs_.end() || lease.task >= run->second.tasks.size()) {
    return Fault("a lease of an unknown task", lease);
  }
  Task& task = run->second.tasks[lease.task];
  if (task.lease) return Fault("two live leases of one task", lease);
  const bool ended =
      IsOutcome(task.outcome) && task.outcome != TaskState::kSkipped;
  if (ended) Fault("a lease of an ended task", lease);
  if (!run->second.set.empty()) {
    const RunBook& book = run->second;
    // A run that stops lets go of the set, and only then undoes something.
    if (book.set.contains(lease.task) && !book.blueprint->is_undo(lease.task)) {
      Fault("a start before what is restarted with it has stopped", lease);
    }
  }
  if (task.attempt > 0 && !task.not_started &&
      run->second.blueprint->at_most_once(lease.task)) {
    Fault("a second start of a task that is to run at most once", lease);
  }
  if (lease.attempt <= task.attempt) Fault("attempts must grow", lease);
  if (lease.fence.value <= last_fence_) Fault("fences must grow", lease);
  last_fence_ = std::max(last_fence_, lease.fence.value);
  task.lease = lease;
  task.worker = worker;
  task.attempt = lease.attempt;
  task.reported = TaskState::kLeased;
  task.not_started = false;
  workers_[worker.value].holds.emplace(lease.run.value, lease.task);
  granted_.emplace_back(worker, lease);
}

EngineReferee::Task* EngineReferee::LiveTask(WorkerNumber worker,
                                             const LeaseRef& lease) {
  const auto run = runs_.find(lease.run.value);
  if (run == runs_.end() || lease.task >= run->second.tasks.size()) {
    Fault("a report about an unknown task", lease);
    return nullptr;
  }
  Task& task = run->second.tasks[lease.task];
  if (task.lease != lease || task.worker != worker) {
    Fault("a report about a lease that is not live, or not its worker's",
          lease);
    return nullptr;
  }
  return &task;
}

void EngineReferee::FoldReported(WorkerNumber worker, const LeaseRef& lease,
                                 TaskState state) {
  Task* task = LiveTask(worker, lease);
  if (task == nullptr) return;
  if (!sent_.contains({lease.run.value, lease.task, lease.attempt,
                       lease.fence.value, state})) {
    Fault("a report was recorded that no worker has sent", lease);
  }
  if (state <= task->reported) Fault("a report goes backwards", lease);
  task->reported = state;
  RunBook& book = runs_[lease.run.value];
  if (state != TaskState::kCancelled) {
    StartAhead(book, lease, state);
    task->started = true;
  }
  if (state == TaskState::kUp) task->up = true;
  if (IsOutcome(state)) EndAttempt(worker, lease, state);
  UpdateAhead(book);
}

void EngineReferee::EndAttempt(WorkerNumber worker, const LeaseRef& lease,
                               TaskState outcome) {
  Task* task = LiveTask(worker, lease);
  if (task == nullptr) return;
  if (!ended_.emplace(lease.run.value, lease.task, lease.attempt).second) {
    Fault("two outcomes of one attempt", lease);
  }
  ended_fences_.insert(lease.fence.value);
  RunBook& book = runs_[lease.run.value];
  const bool started =
      !book.ahead.contains(lease.task) &&
      (outcome != TaskState::kLost || task->reported != TaskState::kLeased);
  task->lease.reset();
  task->last = outcome;
  task->ended_well = outcome == TaskState::kSucceeded;
  book.ended = true;
  book.ahead.erase(lease.task);
  book.recalled.erase(lease.task);
  if (book.blueprint->kind(lease.task) == TaskKind::kService) {
    task->started = task->up = false;
  }
  workers_[worker.value].holds.erase({lease.run.value, lease.task});
  if (book.set.contains(lease.task)) {
    Reset(*task);
    LeaveSet(book);
  } else if (started) {
    FoldCrash(book, lease);
  }
}

void EngineReferee::FoldWorkerLeft(WorkerNumber number) {
  std::map<uint64_t, LeaseRef> holds;  // in the order in which they were given
  for (const auto& [run, index] : workers_[number.value].holds) {
    const LeaseRef& lease = *runs_[run].tasks[index].lease;
    holds.emplace(lease.fence.value, lease);
  }
  for (const auto& [fence, lease] : holds) {
    EndAttempt(number, lease, TaskState::kLost);
  }
  workers_.erase(number.value);
}

}  // namespace w2t::testing
