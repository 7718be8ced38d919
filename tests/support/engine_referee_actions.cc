// What an engine lets do outside.
#include <set>
#include <variant>
#include <vector>

#include "fmt/format.h"
#include "tests/support/engine_referee.h"

namespace w2t::testing {

void EngineReferee::CheckCancels(const CancelLeases& action) {
  for (size_t i = 0; i < action.leases.size(); ++i) {
    const LeaseRef lease = action.leases.at(i);
    const auto run = runs_.find(lease.run.value);
    if (run == runs_.end()) return Fault("a stop in an unknown run", lease);
    const RunBook& book = run->second;
    const Task& task = book.tasks[lease.task];
    if (task.lease != lease) continue;  // it ended in the same step
    const bool stopping =
        engine_->FindRun(lease.run)->state() >= RunState::kStopping;
    const bool joined = stopping || book.set.contains(lease.task);
    if (!joined && book.recalled.contains(lease.task)) continue;
    if (!joined) {
      Fault("a stop that nobody has asked for", lease);
    }
    // What has not started need not wait for what depends on it.
    if (book.ahead.contains(lease.task)) continue;
    // What joined later in the same step could not be waited for.
    if (book.joined > (stopping ? 0 : 1)) continue;
    if (workers_[task.worker.value].session != action.session) {
      Fault("a stop went to the wrong worker", lease);
    }
    const bool undoes = Undoes(book, *engine_->FindRun(lease.run));
    if (!HasClosed(book, lease.task, undoes, stopping)) {
      Fault("a stop before a dependent has ended, or is undone", lease);
    }
    if (book.blueprint->is_undo(lease.task)) {
      Fault("a stop of what undoes a task", lease);
    }
  }
}

void EngineReferee::CheckActions(const StepResult& result) {
  std::set<uint64_t> offered;
  std::set<uint64_t> ended;
  std::set<uint64_t> changed;
  for (const Action& action : result.actions) {
    if (const auto* a = std::get_if<OfferLeases>(&action)) {
      CheckConditions(*a);
      const WorkerBook* worker = BySession(a->session);
      for (size_t i = 0; i < a->leases.size(); ++i) {
        const LeaseRef lease = a->leases.at(i);
        if (!offered.insert(lease.fence.value).second) {
          Fault("a lease was offered twice", lease);
        }
        if (worker == nullptr ||
            !worker->holds.contains({lease.run.value, lease.task})) {
          Fault("an offer went to the wrong worker", lease);
        }
      }
    } else if (const auto* a = std::get_if<CancelLeases>(&action)) {
      CheckCancels(*a);
    } else if (const auto* a = std::get_if<AttemptsEnded>(&action)) {
      ended.insert(a->leases.fence.begin(), a->leases.fence.end());
    } else if (const auto* a = std::get_if<RunChanged>(&action)) {
      if (!changed.insert(a->run.value).second) Fault("a change told twice");
      if (!runs_.contains(a->run.value)) Fault("a change of an unknown run");
    }
  }
  std::set<uint64_t> granted;
  for (const auto& [worker, lease] : granted_) {
    granted.insert(lease.fence.value);
  }
  if (offered != granted) Fault("what was leased is not what was offered");
  if (ended != ended_fences_) Fault("attempts ended that were not announced");
  for (const auto& [number, book] : runs_) {
    if (book.changed && !changed.contains(number) && !missed_) {
      Fault(fmt::format("run {} has new events, nobody was told", number));
    }
  }
}

}  // namespace w2t::testing
