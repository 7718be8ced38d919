#include "w2t/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "client/lib/address.h"
#include "client/lib/impl.h"

namespace w2t {

namespace {

// A connection that has silently died is found out after this long.
constexpr absl::Duration kKeepalive = absl::Seconds(310);
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(20);

// How soon a wait is over that was told to stop.
constexpr absl::Duration kSlice = absl::Milliseconds(50);

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(kKeepalive)));
  arguments.SetInt(
      GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
      static_cast<int>(absl::ToInt64Milliseconds(kKeepaliveTimeout)));
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

std::string RandomRequestId() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(),
                     random());
}

}  // namespace

bool RedialGap::Wait(grpc::Channel& channel, absl::Time until,
                     const std::stop_token& stop, absl::Duration least) {
  const absl::Time end = absl::Now() + std::max(redial_.Next(), least);
  if (end >= until) return false;
  // A connection makes headway only while somebody waits inside gRPC.
  bool up = channel.GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_READY;
  const bool was_up = up;
  while (!up && !stop.stop_requested() && absl::Now() < end) {
    const absl::Time slice = std::min(end, absl::Now() + kSlice);
    channel.WaitForStateChange(channel.GetState(/*try_to_connect=*/true),
                               absl::ToChronoTime(slice));
    up = channel.GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_READY;
  }
  if (up && !was_up) return !stop.stop_requested();
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock<std::mutex> lock(mutex);
  stopped.wait_for(lock, stop,
                   absl::ToChronoNanoseconds(
                       std::max(end - absl::Now(), absl::ZeroDuration())),
                   [] { return false; });
  return !stop.stop_requested();
}

Client::Impl::Impl(std::string address, const ClientOptions& options)
    : address(std::move(address)),
      options(options),
      channel(MakeChannel(this->address)),
      runs(v1::RunService::NewStub(channel)),
      admin(v1::AdminService::NewStub(channel)) {}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(
    std::string_view address, const ClientOptions& options) {
  if (const absl::Status checked = CheckAddress(address); !checked.ok()) {
    return checked;
  }
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Impl>(std::string(address), options)));
}

const std::string& Client::address() const { return impl_->address; }

absl::StatusOr<v1::ValidateGraphResponse> Client::Validate(v1::Graph graph) {
  v1::ValidateGraphRequest request;
  *request.mutable_graph() = std::move(graph);
  v1::ValidateGraphResponse response;
  const absl::Status status = impl_->Call(
      *impl_->runs, &v1::RunService::Stub::ValidateGraph, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::SubmitRunResponse> Client::Submit(
    v1::Graph graph, const SubmitOptions& options) {
  v1::SubmitRunRequest request;
  *request.mutable_graph() = std::move(graph);
  request.set_request_id(options.request_id.empty() ? RandomRequestId()
                                                    : options.request_id);
  request.set_hold(options.hold);
  request.set_unique_name(options.unique_name);
  v1::SubmitRunResponse response;
  const absl::Status status = impl_->Call(
      *impl_->runs, &v1::RunService::Stub::SubmitRun, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Run> Client::GetRun(std::string_view run_id) {
  v1::GetRunRequest request;
  request.set_run_id(std::string(run_id));
  v1::GetRunResponse response;
  const absl::Status status = impl_->Call(
      *impl_->runs, &v1::RunService::Stub::GetRun, request, &response);
  if (!status.ok()) return status;
  return std::move(*response.mutable_run());
}

absl::StatusOr<v1::ListRunsResponse> Client::ListRuns(
    const ListOptions& options) {
  v1::ListRunsRequest request;
  request.set_page_size(options.page_size);
  request.set_page_token(options.page_token);
  request.set_name(options.name);
  request.set_live(options.live);
  v1::ListRunsResponse response;
  const absl::Status status = impl_->Call(
      *impl_->runs, &v1::RunService::Stub::ListRuns, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Run> Client::LatestRun() {
  absl::StatusOr<v1::ListRunsResponse> page = ListRuns({.page_size = 1});
  if (!page.ok()) return page.status();
  if (page->runs().empty()) {
    return absl::NotFoundError(
        fmt::format("w2td at {} has no runs yet", impl_->address));
  }
  return GetRun(page->runs(0).run_id());
}

absl::Status Client::ForEachTask(
    std::string_view run_id, const std::vector<v1::TaskState>& states,
    absl::FunctionRef<bool(const v1::TaskStatus&)> each) {
  v1::ListTasksRequest request;
  request.set_run_id(std::string(run_id));
  for (const v1::TaskState state : states) request.add_states(state);
  do {
    v1::ListTasksResponse response;
    absl::Status status = impl_->Call(
        *impl_->runs, &v1::RunService::Stub::ListTasks, request, &response);
    if (!status.ok()) return status;
    for (const v1::TaskStatus& task : response.tasks()) {
      if (!each(task)) return absl::OkStatus();
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<v1::ExplainTaskResponse> Client::Explain(std::string_view run_id,
                                                        std::string_view task) {
  v1::ExplainTaskRequest request;
  request.set_run_id(std::string(run_id));
  request.set_task(std::string(task));
  v1::ExplainTaskResponse response;
  const absl::Status status = impl_->Call(
      *impl_->runs, &v1::RunService::Stub::ExplainTask, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::GetCriticalChainResponse> Client::CriticalChain(
    std::string_view run_id) {
  v1::GetCriticalChainRequest request;
  request.set_run_id(std::string(run_id));
  v1::GetCriticalChainResponse response;
  const absl::Status status =
      impl_->Call(*impl_->runs, &v1::RunService::Stub::GetCriticalChain,
                  request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Run> Client::Cancel(std::string_view run_id,
                                       std::string_view reason) {
  v1::CancelRunRequest request;
  request.set_run_id(std::string(run_id));
  request.set_reason(std::string(reason));
  v1::CancelRunResponse response;
  const absl::Status status = impl_->Call(
      *impl_->runs, &v1::RunService::Stub::CancelRun, request, &response);
  if (!status.ok()) return status;
  return std::move(*response.mutable_run());
}

absl::StatusOr<v1::RestartTasksResponse> Client::RestartTasks(
    std::string_view run_id, const std::vector<std::string>& tasks,
    bool dry_run) {
  v1::RestartTasksRequest request;
  request.set_run_id(std::string(run_id));
  for (const std::string& task : tasks) request.add_tasks(task);
  request.set_dry_run(dry_run);
  request.set_request_id(RandomRequestId());
  v1::RestartTasksResponse response;
  const absl::Status status = impl_->Call(
      *impl_->runs, &v1::RunService::Stub::RestartTasks, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ReviseRunResponse> Client::ReviseRun(
    std::string_view run_id, v1::Graph graph, const ReviseOptions& options) {
  v1::ReviseRunRequest request;
  request.set_run_id(std::string(run_id));
  *request.mutable_graph() = std::move(graph);
  request.set_dry_run(options.dry_run);
  for (const std::string& name : options.only) request.add_only(name);
  v1::ReviseRunResponse response;
  const absl::Status status = impl_->Call(
      *impl_->runs, &v1::RunService::Stub::ReviseRun, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ListWorkersResponse> Client::ListWorkers() {
  v1::ListWorkersResponse all;
  v1::ListWorkersRequest request;
  request.set_page_size(1'000);
  do {
    v1::ListWorkersResponse page;
    const absl::Status status = impl_->Call(
        *impl_->admin, &v1::AdminService::Stub::ListWorkers, request, &page);
    if (!status.ok()) return status;
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::Worker> Client::DrainWorker(std::string_view name,
                                               bool undo) {
  v1::DrainWorkerRequest request;
  request.set_name(std::string(name));
  request.set_undo(undo);
  v1::DrainWorkerResponse response;
  const absl::Status status = impl_->Call(
      *impl_->admin, &v1::AdminService::Stub::DrainWorker, request, &response);
  if (!status.ok()) return status;
  return std::move(*response.mutable_worker());
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo() {
  v1::GetServerInfoResponse response;
  const absl::Status status =
      impl_->Call(*impl_->admin, &v1::AdminService::Stub::GetServerInfo,
                  v1::GetServerInfoRequest(), &response);
  if (!status.ok()) return status;
  return response;
}

}  // namespace w2t
