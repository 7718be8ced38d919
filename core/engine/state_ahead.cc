#include <utility>

#include "core/engine/state.h"

namespace w2t {

// Only tasks that demand nothing are leased ahead: what others hold while they
// wait would be of no use to anybody.
Worker* State::AheadWorker(const Run& run, TaskIndex task) {
  const ShapeId shape = ShapeIdOf(run, task);
  if (!scheduler_.shape(shape).amounts.empty()) return nullptr;
  const WorkerNumber number = run.AheadWorker(task);
  Worker* const worker = number ? fleet_.Find(number) : nullptr;
  const bool best = worker != nullptr && worker->accepting_ahead() &&
                    scheduler_.IsBest(shape, *worker);
  return best ? worker : nullptr;
}

void State::GrantAhead(Leased* leased) {
  for (size_t i = 0; i < leased->leases.size(); ++i) {
    const auto it = sources_.find(RunNumber{leased->leases.run[i]});
    if (it != sources_.end()) it->second.push_back(leased->leases.task[i]);
  }
  for (auto& [number, sources] : sources_) {
    Run& run = *FindRun(number);
    // In groups, so that a message takes many.
    if (run.ahead() <= limits_.max_ahead / 2) {
      GrantAhead(run, &sources, leased);
    }
  }
}

void State::GrantAhead(Run& run, std::deque<TaskIndex>* sources,
                       Leased* leased) {
  while (!sources->empty()) {
    const TaskIndex source = sources->front();
    if (IsHeld(run.task(source).state)) {
      for (const Blueprint::Edge& edge : run.blueprint().successors(source)) {
        if (run.ahead() >= limits_.max_ahead) return;
        Worker* const worker = AheadWorker(run, edge.task);
        if (worker == nullptr) continue;
        Grant(*worker, run, edge.task, leased);
        sources->push_back(edge.task);
      }
    }
    sources->pop_front();
  }
}

}  // namespace w2t
