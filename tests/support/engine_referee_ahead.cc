// What is leased before its dependencies hold, and waits on its worker.
#include <map>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "tests/support/engine_referee.h"

namespace w2t::testing {
namespace {

// What a worker is told to wait for; kUnspecified: such an edge is not awaited.
TaskState AwaitedFor(Condition condition) {
  switch (condition) {
    case Condition::kDefault:
    case Condition::kSucceeded:
      return TaskState::kSucceeded;
    case Condition::kStarted:
      return TaskState::kRunning;
    case Condition::kReady:
      return TaskState::kUp;
    case Condition::kFinished:
    case Condition::kFailed:
      break;
  }
  return TaskState::kUnspecified;
}

}  // namespace

bool EngineReferee::Holds(const RunBook& book,
                          const Blueprint::Edge& edge) const {
  const Task& from = book.tasks[edge.task];
  switch (AwaitedFor(edge.condition)) {
    case TaskState::kSucceeded:
      return from.outcome == TaskState::kSucceeded ||
             (from.ended_well &&
              book.blueprint->kind(edge.task) == TaskKind::kTask);
    case TaskState::kRunning:
      return from.started;
    case TaskState::kUp:
      return from.up;
    default:
      return edge.condition == Condition::kFailed ? IsFailure(from.outcome)
                                                  : IsOutcome(from.outcome);
  }
}

bool EngineReferee::CanAwait(const RunBook& book, TaskIndex task,
                             WorkerNumber worker) const {
  for (const Blueprint::Edge& edge : book.blueprint->predecessors(task)) {
    if (edge.quorum != 0 || Holds(book, edge)) continue;
    const Task& from = book.tasks[edge.task];
    const bool comes = from.lease && from.worker == worker &&
                       !book.set.contains(edge.task) &&
                       !book.recalled.contains(edge.task);
    if (!comes || AwaitedFor(edge.condition) == TaskState::kUnspecified) {
      return false;
    }
  }
  return true;
}

void EngineReferee::CheckGrantedAhead(WorkerNumber worker,
                                      const LeaseRef& lease) {
  RunBook& book = runs_[lease.run.value];
  const Blueprint& blueprint = *book.blueprint;
  if (!CanAwait(book, lease.task, worker)) {
    return Fault("a start before its dependencies hold", lease);
  }
  if (blueprint.at_most_once(lease.task) || blueprint.is_undo(lease.task) ||
      !blueprint.demands()[blueprint.demand(lease.task)].resources.empty()) {
    Fault("a lease ahead of what must not be leased ahead", lease);
  }
  book.ahead.insert(lease.task);
}

void EngineReferee::TakeMissedAhead() {
  for (const auto& [worker, lease] : granted_) {
    const Run* run = engine_->FindRun(lease.run);
    if (run == nullptr || lease.task >= run->blueprint().size()) continue;
    if (run->IsAhead(lease)) runs_[lease.run.value].ahead.insert(lease.task);
  }
}

// A worker that has been given something ahead is told all that it waits for.
void EngineReferee::CheckConditions(const OfferLeases& action) {
  std::map<uint64_t, std::set<std::pair<uint64_t, TaskState>>> told;
  for (const OfferLeases::Condition& condition : action.conditions) {
    if (condition.position >= action.leases.size()) {
      return Fault("a condition of nothing that is offered");
    }
    told[action.leases.fence[condition.position]].emplace(
        condition.awaited.fence.value, condition.awaited.state);
  }
  for (size_t i = 0; i < action.leases.size(); ++i) {
    const LeaseRef lease = action.leases.at(i);
    const RunBook& book = runs_[lease.run.value];
    std::set<std::pair<uint64_t, TaskState>> right;
    for (const Blueprint::Edge& edge :
         book.blueprint->predecessors(lease.task)) {
      if (!book.ahead.contains(lease.task)) break;
      const Task& from = book.tasks[edge.task];
      const std::optional<LeaseRef>& awaited = from.lease;
      // A service may end before the others come.
      const bool may_end =
          book.blueprint->kind(edge.task) == TaskKind::kService && awaited &&
          from.worker == book.tasks[lease.task].worker;
      if (edge.quorum != 0 || (Holds(book, edge) && !may_end)) continue;
      if (!awaited) return Fault("it waits for what nobody has", lease);
      right.emplace(awaited->fence.value, AwaitedFor(edge.condition));
    }
    if (told[lease.fence.value] != right) {
      Fault("a worker is told to wait for something else", lease);
    }
  }
}

void EngineReferee::StartAhead(RunBook& book, const LeaseRef& lease,
                               TaskState state) {
  if (!book.ahead.contains(lease.task)) return;
  const Run* run = engine_->FindRun(lease.run);
  const bool stops =
      book.recalled.contains(lease.task) || book.set.contains(lease.task) ||
      Edges(book, lease.task).first >= book.blueprint->need(lease.task) ||
      run->state() >= RunState::kStopping;
  if (!stops) {
    Fault(fmt::format("{} before its dependencies hold", Name(state)), lease);
  }
  book.ahead.erase(lease.task);
}

void EngineReferee::UpdateAhead(RunBook& book) {
  for (const TaskIndex task : book.ahead) {
    if (!CanAwait(book, task, book.tasks[task].worker)) {
      book.recalled.insert(task);
    }
  }
}

// What can not come any more is taken back, and nothing else is.
void EngineReferee::CheckAhead(RunBook& book, const Run& run) {
  const bool stopping = run.state() >= RunState::kStopping;
  UpdateAhead(book);
  // In an order of the graph: what waits for one that is taken back is, too.
  for (uint32_t place = 0; place < book.blueprint->size(); ++place) {
    const TaskIndex task = book.blueprint->in_order(place);
    const TaskRecord& record = run.task(task);
    const LeaseRef lease{run.spec().number, task, record.attempt, record.fence};
    if (record.ahead != book.ahead.contains(task)) {
      Fault(fmt::format("task {} is {}leased ahead", task,
                        record.ahead ? "" : "not "),
            lease);
    }
    if (!record.ahead || stopping || book.set.contains(task)) continue;
    const bool comes = CanAwait(book, task, book.tasks[task].worker);
    if (!comes && !record.stop_requested) {
      Fault("what is leased ahead waits for what will not come", lease);
    }
    if (record.stop_requested) {
      // What has ended may have been leased again; a revision takes back all.
      if (comes && !missed_ && !book.ended && !book.restarts &&
          !book.recalled.contains(task)) {
        Fault("a lease ahead was taken back for nothing", lease);
      }
      book.recalled.insert(task);
    }
  }
}

}  // namespace w2t::testing
