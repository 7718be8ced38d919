#include "server/observe/observer.h"

#include <string>
#include <variant>

#include "server/observe/log.h"

namespace w2t::server {
namespace {

std::string_view RunId(const View& view, RunNumber number) {
  const Run* run = view.engine.FindRun(number);
  return run == nullptr ? std::string_view() : run->spec().run_id;
}

std::string_view TaskName(const View& view, const LeaseRef& lease) {
  const Run* run = view.engine.FindRun(lease.run);
  return run == nullptr || lease.task >= run->blueprint().size()
             ? std::string_view()
             : run->blueprint().task_name(lease.task);
}

// From the latest attempt's start, when it is known.
int64_t LengthMs(const View& view, const LeaseRef& lease) {
  const Run* run = view.engine.FindRun(lease.run);
  if (run == nullptr) return 0;
  const TaskRecord& record = run->task(lease.task);
  if (record.start_us == 0 || record.end_us < record.start_us) return 0;
  return (record.end_us - record.start_us) / 1'000;
}

void LogReports(const View& view, const Reported& fact) {
  if (!LogsAt(log_event::kAttemptFinished.level)) return;
  for (size_t i = 0; i < fact.reports.leases.size(); ++i) {
    const TaskState state = fact.reports.state[i];
    if (!IsOutcome(state)) continue;
    const LeaseRef lease = fact.reports.leases.at(i);
    Log(log_event::kAttemptFinished,
        {{"run", RunId(view, lease.run)},
         {"task", TaskName(view, lease)},
         {"attempt", lease.attempt},
         {"worker", view.workers.Find(fact.worker)},
         {"state", Name(state)},
         {"code", fact.reports.exit_code[i]},
         {"dur_ms", LengthMs(view, lease)}});
  }
}

void LogLost(const View& view, const LeasesLost& fact) {
  for (size_t i = 0; i < fact.leases.size(); ++i) {
    const LeaseRef lease = fact.leases.at(i);
    Log(log_event::kAttemptLost, {{"run", RunId(view, lease.run)},
                                  {"task", TaskName(view, lease)},
                                  {"attempt", lease.attempt},
                                  {"worker", view.workers.Find(fact.worker)},
                                  {"reason", fact.reason}});
  }
}

}  // namespace

void Observer::Begin(const View& view) {
  for (const auto& [number, run] : view.engine.runs()) {
    if (!IsEnded(run->state())) open_runs_.insert(number);
  }
}

void Observer::Committed(const View& view, const FactBatch& facts) {
  for (const Fact& fact : facts.facts) {
    if (const auto* accepted = std::get_if<RunAccepted>(&fact)) {
      open_runs_.insert(accepted->run);
      Log(log_event::kRunAccepted, {{"run", accepted->run_id},
                                    {"tasks", accepted->blueprint->size()},
                                    {"edges", accepted->blueprint->edges()}});
    } else if (const auto* cancelled = std::get_if<RunCancelled>(&fact)) {
      Log(log_event::kRunCancelled, {{"run", RunId(view, cancelled->run)},
                                     {"reason", cancelled->reason}});
    } else if (const auto* evicted = std::get_if<RunEvicted>(&fact)) {
      open_runs_.erase(evicted->run);
      Log(log_event::kRunForgotten, {{"number", evicted->run.value}});
    } else if (const auto* joined = std::get_if<WorkerJoined>(&fact)) {
      Log(log_event::kWorkerJoined,
          {{"worker", joined->spec.name}, {"version", joined->spec.version}});
    } else if (const auto* left = std::get_if<WorkerLeft>(&fact)) {
      Log(log_event::kWorkerLost, {{"worker", view.workers.Find(left->worker)},
                                   {"reason", left->reason}});
    } else if (const auto* drained = std::get_if<WorkerDrained>(&fact)) {
      Log(log_event::kWorkerDrained,
          {{"worker", view.workers.Find(drained->worker)},
           {"draining", drained->draining}});
    } else if (const auto* reported = std::get_if<Reported>(&fact)) {
      LogReports(view, *reported);
    } else if (const auto* lost = std::get_if<LeasesLost>(&fact)) {
      LogLost(view, *lost);
    }
  }
}

void Observer::LeasesRefused(const View& view, WorkerNumber worker,
                             const LeaseColumns& leases) {
  if (leases.empty()) return;
  const LeaseRef first = leases.at(0);
  Log(log_event::kLeaseRefused, {{"worker", view.workers.Find(worker)},
                                 {"run", RunId(view, first.run)},
                                 {"task", TaskName(view, first)},
                                 {"attempt", first.attempt},
                                 {"fence", first.fence.value},
                                 {"leases", leases.size()}});
}

void Observer::RunChanged(const View& view, RunNumber number) {
  const Run* run = view.engine.FindRun(number);
  if (run == nullptr || !IsEnded(run->state())) return;
  if (open_runs_.erase(number) == 0) return;
  Log(log_event::kRunEnded,
      {{"run", run->spec().run_id},
       {"state", Name(run->state())},
       {"code", run->exit_code()},
       {"dur_ms", (run->end_us() - run->create_us()) / 1'000}});
}

}  // namespace w2t::server
