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
    for (const Fact& fact : batch.facts) Fold(fact);
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
    book.changed = false;
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
  if (state != TaskState::kCancelled) task->started = true;
  if (state == TaskState::kUp) task->up = true;
  if (IsOutcome(state)) EndAttempt(worker, lease, state);
}

void EngineReferee::EndAttempt(WorkerNumber worker, const LeaseRef& lease,
                               TaskState outcome) {
  Task* task = LiveTask(worker, lease);
  if (task == nullptr) return;
  if (!ended_.emplace(lease.run.value, lease.task, lease.attempt).second) {
    Fault("two outcomes of one attempt", lease);
  }
  ended_fences_.insert(lease.fence.value);
  const bool started =
      outcome != TaskState::kLost || task->reported != TaskState::kLeased;
  task->lease.reset();
  task->last = outcome;
  RunBook& book = runs_[lease.run.value];
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

void EngineReferee::CheckRun(uint64_t number, RunBook& book, const Run& run) {
  CheckSet(book, run);
  if (book.blueprint->size() != run.blueprint().size()) return;
  for (TaskIndex i = 0; i < book.tasks.size(); ++i) {
    CheckTask(number, book, run, i);
  }
  std::vector<uint32_t> counts(kTaskStates);
  for (TaskIndex i = 0; i < book.tasks.size(); ++i) {
    ++counts[static_cast<int>(run.task(i).state)];
    CheckUnheld(book, run, i);
  }
  for (int state = 0; state < kTaskStates; ++state) {
    if (counts[state] != run.count(static_cast<TaskState>(state))) {
      Fault(fmt::format("run {} counts {} tasks as {}, there are {}", number,
                        run.count(static_cast<TaskState>(state)),
                        Name(static_cast<TaskState>(state)), counts[state]));
    }
  }
  CheckWatch(number, book, run);
}

void EngineReferee::CheckTask(uint64_t number, RunBook& book, const Run& run,
                              TaskIndex index) {
  Task& task = book.tasks[index];
  const TaskRecord& record = run.task(index);
  const LeaseRef lease{{number}, index, record.attempt, record.fence};
  if (record.attempt != task.attempt) Fault("the attempt differs", lease);
  if (task.lease.has_value() != IsHeld(record.state)) {
    return Fault(fmt::format("a task is {} but {}", Name(record.state),
                             task.lease ? "leased" : "not leased"),
                 lease);
  }
  if (task.lease && (task.lease != lease || task.worker != record.worker ||
                     task.reported != record.state)) {
    Fault(fmt::format("a task is {} but was reported as {}", Name(record.state),
                      Name(task.reported)),
          lease);
  }
  // A task that had ended, and runs again with what it follows.
  if (book.restarts) {
    task.started = task.started && record.has_started;
    task.up = task.up && record.has_been_up;
  }
  if (IsOutcome(task.outcome) && record.state != task.outcome) {
    if (!MayReplace(book, run, task.outcome, record.state)) {
      Fault("an outcome has changed", lease);
    }
    task.outcome = TaskState::kUnspecified;
  }
  if (!IsOutcome(task.outcome) && IsOutcome(record.state)) {
    task.outcome = record.state;
    CheckOutcome(book, run, index);
  }
}

// Whether an outcome follows from what was reported.
void EngineReferee::CheckOutcome(const RunBook& book, const Run& run,
                                 TaskIndex index) {
  const Task& task = book.tasks[index];
  const bool service = book.blueprint->kind(index) == TaskKind::kService;
  const bool stopping = run.state() >= RunState::kStopping;
  bool follows = false;
  switch (task.outcome) {
    case TaskState::kSucceeded:
      follows = service ? stopping : task.last == TaskState::kSucceeded;
      break;
    case TaskState::kFailed:
      follows = task.last == TaskState::kFailed ||
                (service && task.last == TaskState::kSucceeded);
      break;
    case TaskState::kTimedOut:
      follows = task.last == TaskState::kTimedOut;
      break;
    case TaskState::kLost:  // also when its worker stopped it by itself
      follows =
          (task.last == TaskState::kLost ||
           task.last == TaskState::kCancelled) &&
          (book.blueprint->at_most_once(index) ||
           book.blueprint->retry(index).attempts != RetryPolicy::kUnlimited);
      break;
    case TaskState::kCancelled:
      follows = stopping || book.blueprint->removed(index);
      break;
    case TaskState::kSkipped:
      follows = true;  // CheckUnheld
      break;
    default:
      break;
  }
  if (!follows) {
    Fault(fmt::format("task {} of run {} is {}, its last attempt was {}", index,
                      run.spec().run_id, Name(task.outcome), Name(task.last)));
  }
}

std::pair<uint32_t, uint32_t> EngineReferee::Edges(const RunBook& book,
                                                   TaskIndex index) const {
  uint32_t hold = 0;
  uint32_t never = 0;
  std::map<uint32_t, std::pair<uint32_t, uint32_t>> quorums;
  for (const Blueprint::Edge& edge : book.blueprint->predecessors(index)) {
    const Task& from = book.tasks[edge.task];
    bool holds = false;
    switch (edge.condition) {
      case Condition::kDefault:
      case Condition::kSucceeded:
        holds = from.outcome == TaskState::kSucceeded;
        break;
      case Condition::kFinished:
        holds = IsOutcome(from.outcome);
        break;
      case Condition::kFailed:
        holds = IsFailure(from.outcome);
        break;
      case Condition::kStarted:
        holds = from.started;
        break;
      case Condition::kReady:
        holds = from.up;
        break;
    }
    auto& [in_hold, in_never] = quorums[edge.quorum];
    if (holds) {
      ++(edge.quorum == 0 ? hold : in_hold);
    } else if (IsOutcome(from.outcome)) {
      ++(edge.quorum == 0 ? never : in_never);
    }
  }
  for (const auto& [number, counts] : quorums) {
    if (number == 0) continue;
    const auto& [need, size] = book.blueprint->quorums()[number - 1];
    if (counts.first >= need) {
      ++hold;
    } else if (size - counts.second < need) {
      ++never;
    }
  }
  return {hold, never};
}

// Whether a task that nobody holds is where its dependencies put it.
void EngineReferee::CheckUnheld(const RunBook& book, const Run& run,
                                TaskIndex index) {
  const TaskState state = run.task(index).state;
  const bool open = state == TaskState::kWaiting || state == TaskState::kReady;
  if (!open && state != TaskState::kSkipped) return;
  if (book.blueprint->is_undo(index)) {
    return CheckUndo(book, run, index);
  }
  if (book.set.contains(index)) {
    if (state == TaskState::kWaiting) return;
    Fault(fmt::format("task {} is restarted and {}", index, Name(state)));
  }
  const auto [hold, never] = Edges(book, index);
  const uint32_t all = book.blueprint->countable(index);
  const uint32_t need = book.blueprint->need(index);
  TaskState right = TaskState::kWaiting;
  if (hold >= need) {
    right = TaskState::kReady;
  } else if (all - never < need) {
    right = TaskState::kSkipped;
  }
  if (open && run.state() >= RunState::kStopping) {
    Fault(fmt::format("task {} is {} in a run that stops", index, Name(state)));
  } else if (state != right && run.state() < RunState::kStopping) {
    Fault(
        fmt::format("task {} is {} and should be {}: {} of {} dependencies "
                    "hold, {} never can, {} are needed",
                    index, Name(state), Name(right), hold, all, never, need));
  }
}

void EngineReferee::CheckWatch(uint64_t number, RunBook& book, const Run& run) {
  const std::string id = fmt::format("run {}", number);
  if (run.last_seq() < book.seen_seq) Fault(id + ": the watch went backwards");
  book.changed = run.last_seq() != book.seen_seq;
  if (run.first_seq() > book.seen_seq + 1 ||
      run.revised_seq() > book.seen_seq) {
    book.seen_seq = run.last_seq();  // too far behind: starts with a snapshot
    for (TaskIndex i = 0; i < book.tasks.size(); ++i) {
      book.tasks[i].seen = run.task(i).state;
    }
    return;
  }
  for (uint64_t seq = book.seen_seq + 1; seq <= run.last_seq(); ++seq) {
    const RunEvent& event = run.events()[seq - run.first_seq()];
    if (event.task == kNoTask) continue;
    Task& task = book.tasks[event.task];
    const bool again =
        event.state == TaskState::kWaiting || event.state == TaskState::kReady;
    if (IsOutcome(task.seen) && !(again && book.restarts)) {
      Fault(fmt::format("{}: task {} is {} after it was {}", id, event.task,
                        Name(event.state), Name(task.seen)));
    }
    task.seen = event.state;
  }
  book.seen_seq = run.last_seq();
  for (TaskIndex i = 0; i < book.tasks.size(); ++i) {
    if (book.tasks[i].seen == run.task(i).state) continue;
    Fault(fmt::format("{}: a watcher takes task {} for {}, it is {}", id, i,
                      Name(book.tasks[i].seen), Name(run.task(i).state)));
  }
}

void EngineReferee::CheckStarts() {
  for (const auto& [number, lease] : granted_) {
    const RunBook& book = runs_[lease.run.value];
    const Run* run = engine_->FindRun(lease.run);
    if (Edges(book, lease.task).first < book.blueprint->need(lease.task)) {
      Fault("a start before its dependencies hold", lease);
    }
    const bool undo = book.blueprint->is_undo(lease.task);
    if (undo != (run->state() >= RunState::kStopping)) {
      Fault(undo ? "something was undone in a run that goes on"
                 : "a start in a run that stops",
            lease);
    }
    const TaskIndex undone = book.blueprint->undo_partner(lease.task);
    if (undo && (book.tasks[undone].outcome != TaskState::kSucceeded ||
                 !HasClosed(book, undone, Undoes(book, *run), true))) {
      Fault("something was undone too early, or had not succeeded", lease);
    }
    const WorkerBook& worker = workers_[number.value];
    if (!worker.session || worker.draining || worker.leaving) {
      Fault("a lease to a worker that takes none", lease);
    }
    if (!MayRun(
            worker.spec,
            book.blueprint->demands()[book.blueprint->demand(lease.task)])) {
      Fault("a lease to a worker that lacks what the task asks for", lease);
    }
  }
  if (engine_->draining() && !granted_.empty()) {
    Fault("a lease while the daemon drains");
  }
}

uint64_t EngineReferee::Used(const WorkerBook& worker,
                             std::string_view resource) const {
  uint64_t used = 0;
  for (const auto& [run, task] : worker.holds) {
    const Blueprint& blueprint = *runs_.at(run).blueprint;
    for (const Resource& r :
         blueprint.demands()[blueprint.demand(task)].resources) {
      if (r.name == resource) used += r.milli;
    }
  }
  return used;
}

void EngineReferee::CheckCapacity() {
  size_t leases = 0;
  for (const auto& [number, worker] : workers_) {
    leases += worker.holds.size();
    if (worker.holds.size() > worker.spec.max_leases) {
      Fault(
          fmt::format("worker {} has more than max_leases", worker.spec.name));
    }
    for (const Resource& resource : worker.spec.resources) {
      const uint64_t used = Used(worker, resource.name);
      if (used > resource.milli) {
        Fault(fmt::format("worker {} has {} {}, {} are taken", worker.spec.name,
                          resource.milli, resource.name, used));
      }
    }
    const Worker* known = engine_->fleet().Find(WorkerNumber{number});
    if (known == nullptr || known->leases.size() != worker.holds.size()) {
      Fault(
          fmt::format("the fleet is wrong about worker {}", worker.spec.name));
    }
  }
  if (engine_->fleet().workers().size() != workers_.size()) {
    Fault("the fleet has a worker too many");
  }
  if (engine_->fleet().leases() != leases || engine_->idle() != (leases == 0)) {
    Fault("the fleet miscounts its leases");
  }
}

bool EngineReferee::MayRun(const WorkerSpec& spec, const Demand& demand) {
  if (!demand.worker.empty() && demand.worker != spec.name) return false;
  if (!std::ranges::count(spec.capabilities, demand.capability)) return false;
  return std::ranges::all_of(demand.labels, [&](const auto& label) {
    return std::ranges::count(spec.labels, label) > 0;
  });
}

bool EngineReferee::HasRoom(const WorkerBook& worker,
                            const Demand& demand) const {
  if (!worker.session || worker.draining || worker.leaving) return false;
  if (worker.holds.size() >= worker.spec.max_leases) return false;
  if (!MayRun(worker.spec, demand)) return false;
  return std::ranges::all_of(demand.resources, [&](const Resource& need) {
    uint64_t has = 0;
    for (const Resource& resource : worker.spec.resources) {
      if (resource.name == need.name) has = resource.milli;
    }
    return Used(worker, need.name) + need.milli <= has;
  });
}

// A task that may start and a worker that has room for it must not both wait.
void EngineReferee::CheckNothingIdles() {
  if (engine_->draining()) return;
  std::map<std::pair<uint64_t, uint32_t>, TaskIndex> ready;  // by run, demand
  for (const auto& [number, run] : engine_->runs()) {
    for (TaskIndex i = 0; i < run->blueprint().size(); ++i) {
      if (run->task(i).state != TaskState::kReady) continue;
      ready.emplace(std::pair(number.value, run->blueprint().demand(i)), i);
    }
  }
  for (const auto& [key, task] : ready) {
    const Demand& demand = runs_[key.first].blueprint->demands()[key.second];
    for (const auto& [number, worker] : workers_) {
      if (!HasRoom(worker, demand)) continue;
      Fault(fmt::format("task {} of run {} is ready and worker {} has room",
                        task, key.first, worker.spec.name));
    }
  }
}

}  // namespace w2t::testing
