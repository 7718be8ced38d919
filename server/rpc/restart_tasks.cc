#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/rpc/change_run.h"
#include "server/rpc/checks.h"
#include "server/rpc/run_query.h"
#include "server/rpc/unary.h"

namespace w2t::server {
namespace {

absl::StatusOr<std::vector<TaskIndex>> FindTasks(
    const Run& run, const v1::RestartTasksRequest& request) {
  std::vector<TaskIndex> tasks;
  for (const std::string& name : request.tasks()) {
    const absl::StatusOr<TaskIndex> task = FindTask(run, name);
    if (!task.ok()) return task.status();
    if (run.blueprint().removed(*task)) {
      return NotFound("tasks", fmt::format("task '{}' was taken out of run {}",
                                           name, run.spec().run_id));
    }
    tasks.push_back(*task);
  }
  return tasks;
}

// Those that are restarted, in an order of the graph.
void FillRestarts(const Run& run, const std::vector<TaskIndex>& asked,
                  v1::RestartTasksResponse* response) {
  const auto name_of = [&run](TaskIndex task) {
    return std::string(run.blueprint().task_name(task));
  };
  for (const Restarting& member : run.RestartSet(asked)) {
    v1::TaskChange& change = *response->add_changes();
    change.set_task(name_of(member.task));
    change.set_kind(v1::TASK_CHANGE_KIND_RESTARTED);
    if (member.follows == kNoTask) continue;
    change.set_kind(v1::TASK_CHANGE_KIND_FOLLOWS);
    change.set_follows(name_of(member.follows));
  }
}

// Whether it was carried out before. The engine would say so as well, but for
// runs that it has no more.
bool IsRepeat(const Run& run, const std::string& request_id,
              const std::vector<TaskIndex>& tasks) {
  const RestartRequest* known = run.FindRestart(request_id);
  return known != nullptr && known->content == Run::RestartContent(tasks);
}

// On the loop.
void Restart(const CallContext* context, grpc::ServerUnaryReactor* reactor,
             const v1::RestartTasksRequest* request,
             v1::RestartTasksResponse* response, const Run& run) {
  const absl::StatusOr<std::vector<TaskIndex>> tasks = FindTasks(run, *request);
  absl::Status status = tasks.status();
  if (request->dry_run()) {
    status.Update(CheckChangeable(run));
    if (status.ok()) status = run.CheckRestart(*tasks);
  }
  if (status.ok()) FillRestarts(run, *tasks, response);
  if (!status.ok() || request->dry_run() ||
      IsRepeat(run, request->request_id(), *tasks)) {
    Answered(reactor, status);
    return;
  }
  RestartEvent event;
  event.run_id = request->run_id();
  event.tasks.assign(request->tasks().begin(), request->tasks().end());
  event.request_id = request->request_id();
  const absl::Status called = context->inbox->TryCall(
      std::move(event), [reactor](const Answer& answer, const View*) {
        Answered(reactor, answer.status);
      });
  if (!called.ok()) Answered(reactor, called);
}

}  // namespace

void RestartTasks(const CallContext* context, grpc::ServerUnaryReactor* reactor,
                  const v1::RestartTasksRequest* request,
                  v1::RestartTasksResponse* response) {
  const uint64_t most = context->limits->max_tasks;
  const auto size = static_cast<uint64_t>(request->tasks_size());
  if (size == 0 || size > most) {
    Answered(reactor, size == 0 ? MissingField("tasks", "tasks is required")
                                : OverLimit("the number of tasks", "tasks",
                                            "max_tasks", most, size));
    return;
  }
  if (absl::Status status = CheckRequestId(
          request->request_id(), context->limits->max_request_id_bytes);
      !status.ok()) {
    Answered(reactor, status);
    return;
  }
  const absl::Status asked = context->inbox->TryAsk([=](const View* view) {
    LookAtRun(context, view, request->run_id(),
              [=](const absl::StatusOr<RunInView>& found) {
                if (found.ok()) {
                  Restart(context, reactor, request, response, *found->run);
                } else {
                  Answered(reactor, found.status());
                }
              });
  });
  if (!asked.ok()) Answered(reactor, asked);
}

}  // namespace w2t::server
