#include "server/rpc/run_service.h"

#include <bitset>
#include <iterator>
#include <memory>
#include <optional>
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
#include "server/rpc/run_query.h"
#include "server/rpc/session_set.h"
#include "server/rpc/unary.h"
#include "server/rpc/waiting.h"
#include "server/rpc/watch_call.h"

namespace w2t::server {
namespace {

constexpr uint32_t kRunsPage = 100;
constexpr uint32_t kMostRunsPage = 1'000;
constexpr uint32_t kTasksPage = 1'000;
constexpr uint32_t kMostTasksPage = 10'000;

using StateSet = std::bitset<kTaskStates>;

// Which states a request asks for; all when it names none.
absl::StatusOr<StateSet> StatesOf(const v1::ListTasksRequest& request) {
  StateSet states;
  for (int i = 0; i < request.states_size(); ++i) {
    const int state = request.states(i);
    if (state == v1::TASK_STATE_UNSPECIFIED || !v1::TaskState_IsValid(state)) {
      return InvalidField(fmt::format("states[{}]", i),
                          fmt::format("there is no task state {}", state));
    }
    states.set(state);
  }
  if (states.none()) states.set();
  return states;
}

struct TaskPage {
  uint64_t start = 0;
  uint32_t size = 0;
  StateSet states;
};

Waiting::FindProbe FindProbeIn(SessionSet* sessions) {
  return [sessions](SessionId id, uint64_t fence) -> std::optional<ProbeNews> {
    const std::shared_ptr<Session> session = sessions->Find(id);
    return session == nullptr ? std::nullopt : session->ProbeOf(fence);
  };
}

void FillTasks(const View& view, const Run& run, const TaskPage& page,
               SessionSet* sessions, v1::ListTasksResponse* response) {
  Waiting waiting(view.engine, run, absl::Now(), FindProbeIn(sessions));
  const auto name_of = [&](WorkerNumber w) { return view.workers.Find(w); };
  const uint32_t size = run.blueprint().size();
  for (uint64_t i = page.start; i < size; ++i) {
    const auto task = static_cast<TaskIndex>(i);
    const TaskState state = run.task(task).state;
    if (!page.states.test(static_cast<size_t>(state))) continue;
    if (static_cast<uint32_t>(response->tasks_size()) == page.size) {
      response->set_next_page_token(std::to_string(i));
      return;
    }
    v1::TaskStatus* out = response->add_tasks();
    wire::FillTask(run, task, name_of, out);
    if (const std::string why = waiting.Of(task); !why.empty()) {
      out->add_waiting_for(why);
    }
  }
}

void FillOne(const View& view, const Run& run, v1::Run* out) {
  wire::FillRunWithFailures(
      run, [&](WorkerNumber w) { return view.workers.Find(w); }, out);
}

struct RunPage {
  RunNumber before{UINT64_MAX};
  uint32_t size = 0;
  std::string name;  // empty: any
  bool live = false;

  bool Takes(std::string_view of, RunState state) const {
    return (name.empty() || of == name) && !(live && IsEnded(state));
  }
};

// The newest runs of the page, in memory or archived.
void FillRuns(const Engine& engine, const RunPage& page,
              v1::ListRunsResponse* response) {
  const RunNumber before = page.before;
  auto run = engine.runs().lower_bound(before);
  auto ended = engine.archived().lower_bound(before);
  RunNumber last = before;
  while (true) {
    const bool has_run = run != engine.runs().begin();
    const bool has_ended = ended != engine.archived().begin();
    if (!has_run && !has_ended) return;
    if (static_cast<uint32_t>(response->runs_size()) == page.size) break;
    const bool takes_run =
        has_run &&
        (!has_ended || std::prev(run)->first > std::prev(ended)->first);
    if (takes_run) {
      --run;
      last = run->first;
      const Run& one = *run->second;
      if (page.Takes(one.blueprint().name(), one.state())) {
        wire::FillRun(one, response->add_runs());
      }
    } else {
      --ended;
      last = ended->first;
      if (page.Takes(ended->second.name, ended->second.state)) {
        wire::FillRun(ended->second, response->add_runs());
      }
    }
  }
  response->set_next_page_token(std::to_string(last.value));
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
  const absl::StatusOr<uint32_t> size =
      PageSize(request->page_size(), kRunsPage, kMostRunsPage);
  if (!size.ok()) return Answered(reactor, size.status());
  // A token is the number of the last run of the page before.
  const absl::StatusOr<uint64_t> before =
      PageStart(request->page_token(), UINT64_MAX, UINT64_MAX - 1);
  if (!before.ok()) return Answered(reactor, before.status());
  const RunPage page = {RunNumber{*before}, *size, request->name(),
                        request->live()};
  return Ask(context_->inbox, reactor, [=](const View& view) {
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
  const absl::StatusOr<uint32_t> size =
      PageSize(request->page_size(), kTasksPage, kMostTasksPage);
  if (!size.ok()) return Answered(reactor, size.status());
  // A token is the index of the first task of the page.
  const absl::StatusOr<uint64_t> start =
      PageStart(request->page_token(), 0, context_->limits->max_tasks);
  if (!start.ok()) return Answered(reactor, start.status());
  const absl::StatusOr<StateSet> states = StatesOf(*request);
  if (!states.ok()) return Answered(reactor, states.status());
  const TaskPage page = {*start, *size, *states};
  return AskAboutRun(
      context_, reactor, &request->run_id(),
      [=, sessions = context_->sessions](const View& view, const Run& run) {
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
                  FindProbeIn(sessions));
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

}  // namespace w2t::server
