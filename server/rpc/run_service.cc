#include "server/rpc/run_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/graph_difference.h"
#include "proto/wire/view_codec.h"
#include "server/rpc/change_run.h"
#include "server/rpc/checks.h"
#include "server/rpc/explain.h"
#include "server/rpc/read_logs_call.h"
#include "server/rpc/read_run_logs_call.h"
#include "server/rpc/run_lists.h"
#include "server/rpc/run_query.h"
#include "server/rpc/session_set.h"
#include "server/rpc/unary.h"
#include "server/rpc/watch_call.h"

namespace w2t::server {
namespace {

void FillOne(const View& view, const Run& run, v1::Run* out) {
  wire::FillRunWithFailures(
      run, [&](WorkerNumber w) { return view.workers.Find(w); }, out);
}

// What differs from the run for which the request id was used, added to
// `status`, which says that something does.
absl::Status NameDifference(const absl::Status& status, const Run& run,
                            const v1::SubmitRunRequest& request) {
  Diagnostic fault{.code = DiagnosticCode::kConflict};
  if (run.spec().hold != request.hold()) {
    fault.field = "hold";
    fault.message =
        fmt::format("hold was {}, and is {}", run.spec().hold, request.hold());
  } else {
    fault = wire::FirstDifference(run.spec().definition->encoded(),
                                  request.graph());
  }
  fault.message =
      fmt::format("{}: {}", std::string(status.message()), fault.message);
  return wire::ToStatus(fault, absl::StatusCode::kAlreadyExists);
}

}  // namespace

absl::Status RunService::CheckRunId(const std::string& run_id) const {
  // An id is a graph's name and a number.
  return CheckName("run_id", run_id, "max_name_bytes",
                   2 * context_->limits->max_name_bytes);
}

grpc::ServerUnaryReactor* RunService::ValidateGraph(
    grpc::CallbackServerContext* call, const v1::ValidateGraphRequest* request,
    v1::ValidateGraphResponse* response) {
  if (!request->has_graph()) {
    return Answered(call->DefaultReactor(),
                    MissingField("graph", "graph is required"));
  }
  const wire::DecodedGraph decoded =
      wire::DecodeGraph(request->graph(), *context_->limits);
  response->set_valid(decoded.faults.empty());
  for (const Diagnostic& fault : decoded.faults.listed()) {
    *response->add_diagnostics() = wire::ToProto(fault);
  }
  if (decoded.faults.empty()) {
    response->set_steps(decoded.blueprint->steps());
    const int64_t micros =
        absl::ToInt64Microseconds(decoded.blueprint->critical_path());
    response->mutable_critical_path()->set_seconds(micros / 1'000'000);
    response->mutable_critical_path()->set_nanos(
        static_cast<int32_t>(micros % 1'000'000) * 1'000);
  }
  return Answered(call->DefaultReactor(), absl::OkStatus());
}

grpc::ServerUnaryReactor* RunService::SubmitRun(
    grpc::CallbackServerContext* call, const v1::SubmitRunRequest* request,
    v1::SubmitRunResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (!request->has_graph()) {
    return Answered(reactor, MissingField("graph", "graph is required"));
  }
  if (absl::Status status = CheckRequestId(
          request->request_id(), context_->limits->max_request_id_bytes);
      !status.ok()) {
    return Answered(reactor, status);
  }
  wire::DecodedGraph decoded =
      wire::DecodeGraph(request->graph(), *context_->limits);
  if (!decoded.faults.empty()) {
    return Answered(reactor, wire::ToStatus(decoded.faults));
  }
  SubmitEvent event;
  event.request_id = request->request_id();
  event.hold = request->hold();
  event.unique_name = request->unique_name();
  event.blueprint = std::move(decoded.blueprint);
  event.definition = std::move(decoded.definition);
  const absl::Status called = context_->inbox->TryCall(
      std::move(event),
      [=, context = context_](const Answer& answer, const View* view) {
        response->set_run_id(answer.run_id);
        response->set_existing(answer.existing);
        if (view == nullptr || !absl::IsAlreadyExists(answer.status)) {
          Answered(reactor, answer.status);
          return;
        }
        LookAtRun(context, view, answer.run_id,
                  [=, status = answer.status](
                      const absl::StatusOr<RunInView>& found) {
                    Answered(reactor,
                             found.ok()
                                 ? NameDifference(status, *found->run, *request)
                                 : status);
                  });
      });
  return called.ok() ? reactor : Answered(reactor, called);
}

grpc::ServerUnaryReactor* RunService::GetRun(grpc::CallbackServerContext* call,
                                             const v1::GetRunRequest* request,
                                             v1::GetRunResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (absl::Status status = CheckRunId(request->run_id()); !status.ok()) {
    return Answered(reactor, status);
  }
  return AskAboutRun(context_, reactor, &request->run_id(),
                     [=](const View& view, const Run& run) {
                       FillOne(view, run, response->mutable_run());
                       return absl::OkStatus();
                     });
}

grpc::ServerUnaryReactor* RunService::ListRuns(
    grpc::CallbackServerContext* call, const v1::ListRunsRequest* request,
    v1::ListRunsResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  absl::StatusOr<RunPage> page = RunPage::Of(*request);
  if (!page.ok()) return Answered(reactor, page.status());
  return Ask(context_->inbox, reactor,
             [response, page = *std::move(page)](const View& view) {
               FillRuns(view.engine, page, response);
               return absl::OkStatus();
             });
}

grpc::ServerUnaryReactor* RunService::ListTasks(
    grpc::CallbackServerContext* call, const v1::ListTasksRequest* request,
    v1::ListTasksResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (absl::Status status = CheckRunId(request->run_id()); !status.ok()) {
    return Answered(reactor, status);
  }
  const absl::StatusOr<TaskPage> page =
      TaskPage::Of(*request, context_->limits->max_tasks);
  if (!page.ok()) return Answered(reactor, page.status());
  return AskAboutRun(context_, reactor, &request->run_id(),
                     [=, page = *page, sessions = context_->sessions](
                         const View& view, const Run& run) {
                       FillTasks(view, run, page, sessions, response);
                       return absl::OkStatus();
                     });
}

grpc::ServerUnaryReactor* RunService::ExplainTask(
    grpc::CallbackServerContext* call, const v1::ExplainTaskRequest* request,
    v1::ExplainTaskResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  absl::Status status = CheckRunId(request->run_id());
  status.Update(CheckName("task", request->task(), "max_name_bytes",
                          context_->limits->max_name_bytes));
  if (!status.ok()) return Answered(reactor, status);
  return AskAboutRun(
      context_, reactor, &request->run_id(),
      [=, sessions = context_->sessions](const View& view, const Run& run) {
        const absl::StatusOr<TaskIndex> task = FindTask(run, request->task());
        if (task.ok()) {
          Explain(view, run, *task, absl::Now(), response,
                  [sessions](SessionId id, uint64_t fence) {
                    return sessions->ProbeOf(id, fence);
                  });
        }
        return task.status();
      });
}

grpc::ServerUnaryReactor* RunService::GetCriticalChain(
    grpc::CallbackServerContext* call,
    const v1::GetCriticalChainRequest* request,
    v1::GetCriticalChainResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (absl::Status status = CheckRunId(request->run_id()); !status.ok()) {
    return Answered(reactor, status);
  }
  return AskAboutRun(context_, reactor, &request->run_id(),
                     [=](const View& view, const Run& run) {
                       FillCriticalChain(view, run, absl::Now(), response);
                       return absl::OkStatus();
                     });
}

grpc::ServerUnaryReactor* RunService::CancelRun(
    grpc::CallbackServerContext* call, const v1::CancelRunRequest* request,
    v1::CancelRunResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (absl::Status status = CheckRunId(request->run_id()); !status.ok()) {
    return Answered(reactor, status);
  }
  const uint64_t limit = context_->limits->max_reason_bytes;
  if (request->reason().size() > limit) {
    return Answered(
        reactor, OverLimit("the length of reason", "reason", "max_reason_bytes",
                           limit, request->reason().size()));
  }
  CancelEvent event;
  event.run_id = request->run_id();
  event.reason = request->reason();
  const absl::Status called = context_->inbox->TryCall(
      std::move(event), [=, this](const Answer& answer, const View* view) {
        if (!answer.status.ok()) {
          Answered(reactor, answer.status);
          return;
        }
        LookAtRun(context_, view, request->run_id(),
                  AnswerWith(reactor, [=](const View& now, const Run& run) {
                    FillOne(now, run, response->mutable_run());
                    return absl::OkStatus();
                  }));
      });
  return called.ok() ? reactor : Answered(reactor, called);
}

grpc::ServerUnaryReactor* RunService::RestartTasks(
    grpc::CallbackServerContext* call, const v1::RestartTasksRequest* request,
    v1::RestartTasksResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (absl::Status status = CheckRunId(request->run_id()); !status.ok()) {
    return Answered(reactor, status);
  }
  server::RestartTasks(context_, reactor, request, response);
  return reactor;
}

grpc::ServerUnaryReactor* RunService::ReviseRun(
    grpc::CallbackServerContext* call, const v1::ReviseRunRequest* request,
    v1::ReviseRunResponse* response) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  if (absl::Status status = CheckRunId(request->run_id()); !status.ok()) {
    return Answered(reactor, status);
  }
  server::ReviseRun(context_, reactor, request, response);
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* RunService::WatchRun(
    grpc::CallbackServerContext*, const grpc::ByteBuffer* request) {
  return WatchCall::Start(context_, *request);
}

grpc::ServerWriteReactor<v1::ReadLogsResponse>* RunService::ReadLogs(
    grpc::CallbackServerContext*, const v1::ReadLogsRequest* request) {
  return ReadLogsCall::Start(context_, *request);
}

grpc::ServerWriteReactor<v1::ReadRunLogsResponse>* RunService::ReadRunLogs(
    grpc::CallbackServerContext*, const v1::ReadRunLogsRequest* request) {
  return ReadRunLogsCall::Start(context_, *request);
}

}  // namespace w2t::server
