// What clients ask of a run that was accepted.
#include <utility>
#include <vector>

#include "core/engine/steps.h"
#include "fmt/format.h"

namespace w2t {
namespace {

void Deny(absl::Status status, DiagnosticCode code, std::string_view field,
          StatusReply* reply) {
  reply->status = std::move(status);
  reply->faults.Add({.code = code,
                     .message = std::string(reply->status.message()),
                     .field = std::string(field)});
}

void RefuseState(const absl::Status& status, std::string_view field,
                 StatusReply* reply) {
  Deny(status,
       absl::IsInvalidArgument(status) ? DiagnosticCode::kInvalidValue
                                       : DiagnosticCode::kConflict,
       field, reply);
}

}  // namespace

// Null, and an answer, when it is not known or has ended and was archived.
const Run* Steps::Lookup(std::string_view run_id, StatusReply* reply) const {
  const RunNumber number = state_.FindId(run_id);
  const Run* run = state_.FindRun(number);
  if (!number) {
    Deny(absl::NotFoundError(fmt::format("no run \"{}\"", run_id)),
         DiagnosticCode::kNotFound, "run_id", reply);
  } else if (run == nullptr) {
    RefuseState(
        absl::FailedPreconditionError(fmt::format("run {} has ended", run_id)),
        "run_id", reply);
  }
  return run;
}

void Steps::Handle(CancelEvent& event) {
  StatusReply reply{.token = event.token};
  const Run* run = Lookup(event.run_id, &reply);
  if (absl::IsFailedPrecondition(reply.status)) reply = {.token = event.token};
  if (run && !run->stopping() && !IsEnded(run->state())) {
    Record(RunCancelled{run->spec().number, std::move(event.reason)});
  }
  result_.actions.push_back(std::move(reply));
}

void Steps::Handle(RestartEvent& event) {
  StatusReply reply{.token = event.token};
  if (const Run* run = Lookup(event.run_id, &reply))
    Restart(*run, event, &reply);
  result_.actions.push_back(std::move(reply));
}

void Steps::Restart(const Run& run, const RestartEvent& event,
                    StatusReply* reply) {
  std::vector<TaskIndex> tasks;
  for (size_t i = 0; i < event.tasks.size(); ++i) {
    const TaskIndex task = run.blueprint().Find(event.tasks[i]);
    if (task == kNoTask || run.blueprint().removed(task)) {
      return Deny(
          absl::NotFoundError(fmt::format("run {} has no task \"{}\"",
                                          event.run_id, event.tasks[i])),
          DiagnosticCode::kNotFound, fmt::format("tasks[{}]", i), reply);
    }
    tasks.push_back(task);
  }
  const RestartRequest* known =
      event.request_id.empty() ? nullptr : run.FindRestart(event.request_id);
  if (known != nullptr) {
    if (known->content == Run::RestartContent(tasks)) return;
    return RefuseState(absl::AlreadyExistsError(fmt::format(
                           "request id \"{}\" was used to restart other tasks",
                           event.request_id)),
                       "request_id", reply);
  }
  if (absl::Status status = run.CheckRestart({}); !status.ok()) {
    return RefuseState(status, "run_id", reply);
  }
  const absl::Status status = run.CheckRestart(tasks);
  if (!status.ok()) return RefuseState(status, "tasks", reply);
  Record(TasksRestarted{run.spec().number, std::move(tasks), event.request_id});
}

void Steps::Handle(ReviseEvent& event) {
  StatusReply reply{.token = event.token};
  if (const Run* run = Lookup(event.run_id, &reply))
    Revise(*run, event, &reply);
  result_.actions.push_back(std::move(reply));
}

void Steps::Revise(const Run& run, ReviseEvent& event, StatusReply* reply) {
  const uint64_t revision = run.revision();
  if (absl::Status status = run.CheckRestart({}); !status.ok()) {
    return RefuseState(status, "run_id", reply);
  }
  if (run.revising()) {
    return RefuseState(
        absl::AbortedError(fmt::format(
            "revision {} of run {} waits for tasks that are being stopped; try "
            "again when it has taken effect",
            revision + 1, event.run_id)),
        "base_revision", reply);
  }
  if (event.base_revision != revision) {
    return RefuseState(absl::AbortedError(fmt::format(
                           "run {} has revision {}, and not {}", event.run_id,
                           revision, event.base_revision)),
                       "base_revision", reply);
  }
  const absl::Status fits =
      run.CheckRevision({event.blueprint, event.definition}, event.changed);
  if (!fits.ok()) return RefuseState(fits, "graph", reply);
  const uint64_t tasks =
      state_.live_tasks() + event.blueprint->size() - run.blueprint().size();
  if (tasks > options_.limits.max_live_tasks) {
    reply->faults.AddLimit("the number of tasks in runs that have not ended",
                           "graph.tasks", "max_live_tasks",
                           options_.limits.max_live_tasks, tasks);
    reply->status = absl::ResourceExhaustedError(reply->faults.Summary());
    return;
  }
  Record(RunRevised{run.spec().number, revision + 1, std::move(event.blueprint),
                    std::move(event.definition), std::move(event.changed)});
}

}  // namespace w2t
