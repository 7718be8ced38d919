#include "tests/e2e/chaos/journal_book.h"

#include <algorithm>
#include <variant>

namespace w2t::chaos {

void JournalBook::Fold(uint64_t number, const FactBatch& batch) {
  if (number != batch_ + 1) {
    findings_.Add("batch {} of the journal follows batch {}", number, batch_);
  }
  batch_ = number;
  findings_.Count("journal: batches");
  findings_.Count("journal: facts", batch.facts.size());
  for (const Fact& fact : batch.facts) {
    std::visit([this](const auto& f) { FoldFact(f); }, fact);
  }
}

void JournalBook::FoldFact(const EpochStarted& fact) {
  if (fact.epoch != epoch_ + 1) {
    findings_.Add("epoch {} follows epoch {}", fact.epoch, epoch_);
  }
  epoch_ = fact.epoch;
  findings_.Count("journal: epochs");
}

void JournalBook::FoldFact(const RunAccepted& fact) {
  RecordedRun run;
  run.run_id = fact.run_id;
  run.request_id = fact.request_id;
  if (!run.graph.ParseFromArray(
          fact.definition->encoded().data(),
          static_cast<int>(fact.definition->encoded().size()))) {
    findings_.Add("the graph of {} cannot be read", fact.run_id);
  }
  for (const v1::Task& task : run.graph.tasks()) {
    run.index[task.name()] = static_cast<uint32_t>(run.index.size());
  }
  run.tasks.resize(run.index.size());
  run.dependents.resize(run.index.size());
  for (const v1::Task& task : run.graph.tasks()) {
    for (const v1::Dependency& edge : task.depends_on()) {
      if (task.trigger() != 0 || edge.condition() == v1::CONDITION_STARTED ||
          edge.condition() == v1::CONDITION_READY) {
        continue;
      }
      run.dependents[run.index[edge.task()]].push_back(run.index[task.name()]);
    }
  }
  if (!by_request_.emplace(fact.request_id, fact.run.value).second) {
    findings_.Add("request {} was accepted twice, the second time as {}",
                  fact.request_id, fact.run_id);
  }
  if (!runs_.emplace(fact.run.value, std::move(run)).second) {
    findings_.Add("run number {} was given twice", fact.run.value);
  }
}

void JournalBook::FoldFact(const RunEvicted& fact) {
  findings_.Add("run number {} was forgotten", fact.run.value);
}

void JournalBook::FoldFact(const WorkerJoined& fact) {
  if (!workers_.emplace(fact.worker.value, Worker{fact.spec.name, {}}).second) {
    findings_.Add("worker number {} was given twice", fact.worker.value);
  }
}

void JournalBook::FoldFact(const WorkerLeft& fact) {
  const auto holds = workers_[fact.worker.value].holds;
  for (const auto& [fence, name] : holds) {
    const RecordedRun& run = runs_[name.first];
    const auto attempt = static_cast<uint32_t>(run.tasks[name.second].size());
    End(fact.worker.value, {{name.first}, name.second, attempt, {fence}},
        TaskState::kLost, 0);
  }
}

void JournalBook::FoldFact(const Leased& fact) {
  for (size_t i = 0; i < fact.leases.size(); ++i) {
    Lease(fact.worker[i], fact.leases.at(i));
  }
}

void JournalBook::FoldFact(const Reported& fact) {
  for (size_t i = 0; i < fact.reports.leases.size(); ++i) {
    Report(fact.worker.value, fact.reports.leases.at(i), fact.reports.state[i],
           fact.reports.exit_code[i]);
  }
}

void JournalBook::FoldFact(const LeasesLost& fact) {
  for (size_t i = 0; i < fact.leases.size(); ++i) {
    End(fact.worker.value, fact.leases.at(i), TaskState::kLost, 0);
  }
}

void JournalBook::Lease(uint32_t worker, const LeaseRef& lease) {
  const auto it = runs_.find(lease.run.value);
  if (it == runs_.end() || lease.task >= it->second.tasks.size()) {
    findings_.Add("batch {}: leased, but not known: run {} task {}", batch_,
                  lease.run.value, lease.task);
    return;
  }
  auto& attempts = it->second.tasks[lease.task];
  if (lease.attempt != attempts.size() + 1) {
    findings_.Add("{} was leased after attempt {}", NameOf(lease),
                  attempts.size());
    return;
  }
  if (!attempts.empty() && !attempts.back().ended) {
    findings_.Add("{} was leased before the last attempt had ended",
                  NameOf(lease));
  }
  if (lease.fence.value <= last_fence_) {
    findings_.Add("{} has fence {} after {}", NameOf(lease), lease.fence.value,
                  last_fence_);
  }
  last_fence_ = lease.fence.value;
  CheckDependents(it->second, lease.task);
  attempts.push_back({.worker = worker, .fence = lease.fence.value});
  CheckConditions(it->second, lease.task, /*begins=*/false);
  workers_[worker].holds[lease.fence.value] = {lease.run.value, lease.task};
  findings_.Count("attempts");
}

void JournalBook::Report(uint32_t worker, const LeaseRef& lease,
                         TaskState state, int32_t exit_code) {
  if (IsOutcome(state)) {
    End(worker, lease, state, exit_code);
    return;
  }
  RecordedAttempt* attempt = Find(lease);
  if (attempt == nullptr) return;
  if (!attempt->started) {
    CheckConditions(runs_[lease.run.value], lease.task, /*begins=*/true);
  }
  bool& told = state == TaskState::kUp ? attempt->up : attempt->started;
  if (told || attempt->ended || attempt->worker != worker) {
    findings_.Add("batch {}: {} was reported {} once more", batch_,
                  NameOf(lease), Name(state));
  }
  told = true;
}

void JournalBook::End(uint32_t worker, const LeaseRef& lease, TaskState outcome,
                      int32_t exit_code) {
  RecordedAttempt* attempt = Find(lease);
  if (attempt == nullptr) return;
  if (attempt->ended || attempt->worker != worker) {
    findings_.Add("batch {}: {} has the outcomes {} and {}", batch_,
                  NameOf(lease), Name(attempt->outcome), Name(outcome));
    return;
  }
  const bool ran =
      outcome != TaskState::kLost && outcome != TaskState::kCancelled;
  if (!attempt->started && ran) {
    CheckConditions(runs_[lease.run.value], lease.task, /*begins=*/true);
  }
  attempt->started |= ran;
  attempt->ended = true;
  attempt->outcome = outcome;
  attempt->exit_code = exit_code;
  workers_[worker].holds.erase(lease.fence.value);
  findings_.Count(fmt::format("attempts: {}", Name(outcome)));
}

RecordedAttempt* JournalBook::Find(const LeaseRef& lease) {
  const auto it = runs_.find(lease.run.value);
  if (it != runs_.end() && lease.task < it->second.tasks.size()) {
    auto& attempts = it->second.tasks[lease.task];
    if (lease.attempt > 0 && lease.attempt <= attempts.size() &&
        attempts[lease.attempt - 1].fence == lease.fence.value) {
      return &attempts[lease.attempt - 1];
    }
  }
  findings_.Add("batch {}: {} was never leased", batch_, NameOf(lease));
  return nullptr;
}

// Of the latest attempt, when it is leased and when it is told that it begins.
void JournalBook::CheckConditions(const RecordedRun& run, uint32_t task,
                                  bool begins) {
  const v1::Task& declared = run.graph.tasks(static_cast<int>(task));
  const RecordedAttempt& own = run.tasks[task].back();
  uint32_t held = 0;
  for (const v1::Dependency& edge : declared.depends_on()) {
    held += Holds(run, edge) || IsAwaited(run, edge, own, begins) ? 1 : 0;
  }
  const auto all = static_cast<uint32_t>(declared.depends_on_size());
  const uint32_t needed = declared.trigger() == 0 ? all : declared.trigger();
  if (held < needed) {
    findings_.Add("batch {}: {} {} {} with {} of {} conditions", batch_,
                  run.run_id, declared.name(), begins ? "began" : "was leased",
                  held, needed);
  }
}

// Whether its worker has, and by the time it begins had, what it waits for: a
// worker may lose that before it has told that it held.
bool JournalBook::IsAwaited(const RecordedRun& run, const v1::Dependency& edge,
                            const RecordedAttempt& own, bool begins) const {
  const auto& attempts = run.tasks[run.index.at(edge.task())];
  return std::any_of(
      attempts.begin(), attempts.end(), [&](const RecordedAttempt& awaited) {
        return awaited.worker == own.worker && awaited.fence < own.fence &&
               awaited.ended == begins;
      });
}

// What waits for a task's outcome must not have run before its last attempt.
void JournalBook::CheckDependents(const RecordedRun& run, uint32_t task) {
  for (const uint32_t dependent : run.dependents[task]) {
    const auto& attempts = run.tasks[dependent];
    if (std::none_of(attempts.begin(), attempts.end(),
                     [](const auto& attempt) { return attempt.started; })) {
      continue;
    }
    findings_.Add("batch {}: {} task {} is leased after its dependent {}",
                  batch_, run.run_id, task, dependent);
  }
}

bool JournalBook::Holds(const RecordedRun& run,
                        const v1::Dependency& edge) const {
  const auto& attempts = run.tasks[run.index.at(edge.task())];
  // Never run: only a skipped one satisfies something, and whether it is
  // skipped is for the engine to work out.
  if (attempts.empty()) return edge.condition() == v1::CONDITION_FINISHED;
  const RecordedAttempt& last = attempts.back();
  switch (edge.condition()) {
    case v1::CONDITION_SUCCEEDED:
      return last.outcome == TaskState::kSucceeded;
    case v1::CONDITION_FAILED:
      return last.ended && IsFailure(last.outcome);
    case v1::CONDITION_FINISHED:
      return last.ended;
    case v1::CONDITION_STARTED:
      return std::any_of(attempts.begin(), attempts.end(), [](const auto& a) {
        return a.started || (a.ended && a.outcome != TaskState::kLost);
      });
    case v1::CONDITION_READY:
      return last.up;
    default:
      return false;
  }
}

std::string JournalBook::NameOf(const LeaseRef& lease) const {
  const auto it = runs_.find(lease.run.value);
  return fmt::format("{} task {} attempt {}",
                     it == runs_.end() ? fmt::format("run {}", lease.run.value)
                                       : it->second.run_id,
                     lease.task, lease.attempt);
}

void JournalBook::CheckAllEnded() {
  for (const auto& [number, run] : runs_) {
    for (size_t task = 0; task < run.tasks.size(); ++task) {
      const auto& attempts = run.tasks[task];
      if (!attempts.empty() && !attempts.back().ended) {
        findings_.Add("{} task {} attempt {} has no outcome", run.run_id, task,
                      attempts.size());
      }
    }
  }
}

}  // namespace w2t::chaos
