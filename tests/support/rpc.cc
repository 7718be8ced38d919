#include "tests/support/rpc.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "fmt/format.h"

namespace w2t::test {
namespace {

void Check(const grpc::Status& status, std::string_view call) {
  if (status.ok()) return;
  throw std::runtime_error(fmt::format("{}: code {}: {}", call,
                                       static_cast<int>(status.error_code()),
                                       status.error_message()));
}

}  // namespace

std::shared_ptr<grpc::Channel> Dial(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  context.set_wait_for_ready(true);
}

std::optional<v1::ErrorDetail> DetailOf(const grpc::Status& status) {
  v1::RpcStatus envelope;
  v1::ErrorDetail detail;
  if (!envelope.ParseFromString(status.error_details()) ||
      envelope.details_size() != 1 || !envelope.details(0).UnpackTo(&detail)) {
    return std::nullopt;
  }
  return detail;
}

RpcClient::RpcClient(const std::string& address)
    : channel_(Dial(address)),
      runs_(v1::RunService::NewStub(channel_)),
      workers_(v1::WorkerService::NewStub(channel_)),
      admin_(v1::AdminService::NewStub(channel_)) {}

std::string RpcClient::Submit(const v1::Graph& graph, bool hold) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::SubmitRunRequest request;
  *request.mutable_graph() = graph;
  request.set_hold(hold);
  v1::SubmitRunResponse response;
  Check(runs_->SubmitRun(&context, request, &response), "SubmitRun");
  return response.run_id();
}

v1::Run RpcClient::GetRun(const std::string& run_id) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetRunRequest request;
  request.set_run_id(run_id);
  v1::GetRunResponse response;
  Check(runs_->GetRun(&context, request, &response), "GetRun");
  return response.run();
}

std::vector<v1::TaskStatus> RpcClient::ListTasks(const std::string& run_id) {
  std::vector<v1::TaskStatus> tasks;
  v1::ListTasksRequest request;
  request.set_run_id(run_id);
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListTasksResponse response;
    Check(runs_->ListTasks(&context, request, &response), "ListTasks");
    tasks.insert(tasks.end(), response.tasks().begin(), response.tasks().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return tasks;
}

std::vector<v1::Worker> RpcClient::ListWorkers() {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ListWorkersResponse response;
  Check(admin_->ListWorkers(&context, {}, &response), "ListWorkers");
  return {response.workers().begin(), response.workers().end()};
}

void RpcClient::Cancel(const std::string& run_id, const std::string& reason) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CancelRunRequest request;
  request.set_run_id(run_id);
  request.set_reason(reason);
  v1::CancelRunResponse response;
  Check(runs_->CancelRun(&context, request, &response), "CancelRun");
}

std::string RpcClient::ReadLogs(const std::string& run_id,
                                const std::string& task) {
  return ReadLogs(run_id, task, v1::LOG_STREAM_UNSPECIFIED);
}

std::string RpcClient::ReadLogs(const std::string& run_id,
                                const std::string& task, v1::LogStream stream) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ReadLogsRequest request;
  request.set_run_id(run_id);
  request.set_task(task);
  const auto reader = runs_->ReadLogs(&context, request);
  std::string text;
  v1::ReadLogsResponse response;
  while (reader->Read(&response)) {
    for (const auto& chunk : response.chunks()) {
      const bool wanted =
          stream == v1::LOG_STREAM_UNSPECIFIED || chunk.stream() == stream;
      if (wanted) text += chunk.data();
    }
  }
  Check(reader->Finish(), "ReadLogs");
  return text;
}

v1::Run RpcClient::WaitForEnd(const std::string& run_id) {
  const auto deadline = std::chrono::steady_clock::now() + 2 * kPatience;
  grpc::Status status;
  while (std::chrono::steady_clock::now() < deadline) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::WatchRunRequest request;
    request.set_run_id(run_id);
    request.set_end_only(true);
    const auto reader = runs_->WatchRun(&context, request);
    v1::WatchRunResponse response;
    std::optional<v1::Run> ended;
    while (reader->Read(&response)) {
      if (response.has_ended()) ended = response.ended();
    }
    status = reader->Finish();
    if (ended) return *ended;
    // Anything but a daemon that goes away would not get better.
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE &&
        status.error_code() != grpc::StatusCode::CANCELLED) {
      break;
    }
  }
  Check(status, "WatchRun");
  throw std::runtime_error("the run did not end: " + run_id);
}

bool RpcClient::WaitForWorkers(size_t count) {
  return Eventually([&] {
    const std::vector<v1::Worker> workers = ListWorkers();
    const auto online =
        std::count_if(workers.begin(), workers.end(), [](const auto& worker) {
          return worker.state() == v1::WORKER_STATE_ONLINE;
        });
    return static_cast<size_t>(online) == count;
  });
}

bool RpcClient::WaitForTask(const std::string& run_id, std::string_view task,
                            v1::TaskState state) {
  return Eventually([&] {
    for (const auto& status : ListTasks(run_id)) {
      if (status.name() == task) return status.state() == state;
    }
    return false;
  });
}

Watch::Watch(const std::string& address, const std::string& run_id,
             uint64_t after_seq, std::vector<std::string> names)
    : Watch(Dial(address), run_id, after_seq, std::move(names)) {}

Watch::Watch(const std::shared_ptr<grpc::Channel>& channel,
             const std::string& run_id, uint64_t after_seq,
             std::vector<std::string> names)
    : stub_(v1::RunService::NewStub(channel)),
      names_(std::move(names)),
      last_seq_(after_seq) {
  request_.set_run_id(run_id);
  request_.set_after_seq(after_seq);
  SetDeadline(context_);
  reader_ = std::thread([this] { Read(); });
}

Watch::~Watch() {
  context_.TryCancel();
  reader_.join();
}

void Watch::Read() {
  const auto reader = stub_->WatchRun(&context_, request_);
  v1::WatchRunResponse response;
  while (reader->Read(&response)) {
    std::lock_guard lock(mutex_);
    Take(response);
    changed_.notify_all();
  }
  const grpc::Status status = reader->Finish();
  std::lock_guard lock(mutex_);
  status_ = status;
  changed_.notify_all();
}

void Watch::Take(const v1::WatchRunResponse& response) {
  if (response.has_snapshot()) {
    const v1::RunSnapshot& snapshot = response.snapshot();
    last_seq_ = snapshot.seq();
    names_.resize(snapshot.first_task());
    for (int i = 0; i < snapshot.names_size(); ++i) {
      names_.push_back(snapshot.names(i));
      tasks_[snapshot.names(i)] = {snapshot.states(i), snapshot.attempts(i)};
    }
  }
  if (response.has_events()) TakeEvents(response.events());
  if (response.has_ended()) ended_ = response.ended();
}

void Watch::TakeEvents(const v1::EventBatch& batch) {
  if (batch.first_seq() != last_seq_ + 1) gapless_ = false;
  for (int i = 0; i < batch.task_size(); ++i) {
    WatchedEvent event;
    event.seq = batch.first_seq() + static_cast<uint64_t>(i);
    event.time_us = batch.time_us(i);
    event.attempt = batch.attempt(i);
    event.state = batch.state(i);
    if (batch.task(i) < names_.size()) {
      event.task = names_[batch.task(i)];
      tasks_[event.task] = {event.state, event.attempt};
    }
    last_seq_ = event.seq;
    events_.push_back(std::move(event));
  }
}

bool Watch::WaitForTasks(size_t count, v1::TaskState state) {
  std::unique_lock lock(mutex_);
  const auto enough = [&] {
    return static_cast<size_t>(std::count_if(
               tasks_.begin(), tasks_.end(), [state](const auto& task) {
                 return task.second.first == state;
               })) >= count;
  };
  changed_.wait_for(lock, kPatience,
                    [&] { return enough() || status_.has_value(); });
  return enough();
}

bool Watch::WaitForTask(std::string_view task, v1::TaskState state) {
  std::unique_lock lock(mutex_);
  const auto seen = [&] {
    const auto found = tasks_.find(std::string(task));
    if (found != tasks_.end() && found->second.first == state) return true;
    return std::any_of(events_.begin(), events_.end(), [&](const auto& event) {
      return event.task == task && event.state == state;
    });
  };
  changed_.wait_for(lock, kPatience,
                    [&] { return seen() || status_.has_value(); });
  return seen();
}

grpc::Status Watch::Finish() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return status_.has_value(); });
  return status_.value_or(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED,
                                       "the watch did not end"));
}

std::vector<WatchedEvent> Watch::events() const {
  std::lock_guard lock(mutex_);
  return events_;
}

std::map<std::string, std::pair<v1::TaskState, uint32_t>> Watch::tasks() const {
  std::lock_guard lock(mutex_);
  return tasks_;
}

uint64_t Watch::last_seq() const {
  std::lock_guard lock(mutex_);
  return last_seq_;
}

bool Watch::gapless() const {
  std::lock_guard lock(mutex_);
  return gapless_;
}

std::optional<v1::Run> Watch::ended() const {
  std::lock_guard lock(mutex_);
  return ended_;
}

}  // namespace w2t::test
