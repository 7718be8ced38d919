// What is started where, and what is not.
#include <algorithm>
#include <map>

#include "fmt/format.h"
#include "tests/support/engine_referee.h"

namespace w2t::testing {

void EngineReferee::CheckStarts() {
  for (const auto& [number, lease] : granted_) {
    const RunBook& book = runs_[lease.run.value];
    const Run* run = engine_->FindRun(lease.run);
    if (Edges(book, lease.task).first < book.blueprint->need(lease.task)) {
      CheckGrantedAhead(number, lease);
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
