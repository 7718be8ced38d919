#include <utility>

#include "core/engine/state.h"

namespace w2t {
namespace {

// Dependents of a task beyond which none is leased ahead, so that looking for
// them costs little.
constexpr size_t kMaxWaiters = 1'024;

}  // namespace

void State::AddSources(const Leased& leased) {
  if (limits_.max_ahead == 0 || undemanding_.empty()) return;
  for (size_t i = 0; i < leased.leases.size(); ++i) {
    const RunNumber run{leased.leases.run[i]};
    if (undemanding_.contains(run)) sources_[run].Add(leased.leases.task[i]);
  }
}

void State::GrantAhead(Leased* leased) {
  AddSources(*leased);
  for (auto it = sources_.begin(); it != sources_.end();) {
    Run& run = *FindRun(it->first);
    // In groups, so that a message takes many.
    if (run.ahead() <= limits_.max_ahead / 2) {
      GrantAhead(run, &it->second, leased);
    }
    it = it->second.queue.empty() ? sources_.erase(it) : std::next(it);
  }
}

void State::GrantAhead(Run& run, Sources* sources, Leased* leased) {
  BestWorkers best;
  while (!sources->queue.empty()) {
    const TaskIndex source = sources->queue.front();
    const auto waiters = run.blueprint().successors(source);
    if (IsHeld(run.task(source).state) && waiters.size() <= kMaxWaiters) {
      for (const Blueprint::Edge& edge : waiters) {
        if (run.ahead() >= limits_.max_ahead) return;
        Worker* const worker = AheadWorker(run, edge.task, &best);
        if (worker == nullptr) continue;
        Grant(*worker, run, edge.task, leased);
        best.clear();
        sources->Add(edge.task);
      }
    }
    sources->queued.erase(source);
    sources->queue.pop_front();
  }
}

// Only tasks that demand nothing are leased ahead: what others hold while they
// wait would be of no use to anybody.
Worker* State::AheadWorker(const Run& run, TaskIndex task, BestWorkers* known) {
  const ShapeId shape = ShapeIdOf(run, task);
  if (!scheduler_.shape(shape).amounts.empty()) return nullptr;
  const WorkerNumber number = run.AheadWorker(task);
  if (!number) return nullptr;
  const auto [best, fresh] = known->try_emplace(shape, nullptr);
  if (fresh) best->second = scheduler_.Best(shape);
  Worker* const worker = best->second;
  const bool may = worker != nullptr && worker->number == number &&
                   worker->accepting_ahead();
  return may ? worker : nullptr;
}

}  // namespace w2t
