#include "tests/unit/server/daemon_env.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "fmt/format.h"
#include "proto/wire/status_codec.h"

namespace w2t::server {

Context::Context() {
  set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

FakeWorker::FakeWorker(v1::WorkerService::Stub* stub, std::string name,
                       int slots, std::string instance)
    : stream_(stub->Session(&context_)) {
  hello().set_name(std::move(name));
  hello().set_instance(std::move(instance));
  hello().set_max_leases(1'000);
  hello().set_protocol(1);
  hello().set_exec(true);
  v1::Resource* cpus = hello().add_resources();
  cpus->set_name("cpus");
  cpus->set_milli(static_cast<uint64_t>(slots) * 1'000);
}

FakeWorker::~FakeWorker() {
  context_.TryCancel();
  End();
}

bool FakeWorker::Join() {
  v1::SessionResponse response;
  if (!Write(hello_) || !Read(&response) || !response.has_welcome()) {
    return false;
  }
  welcome = response.welcome();
  return true;
}

bool FakeWorker::Write(const v1::SessionRequest& request) {
  return stream_->Write(request);
}

bool FakeWorker::Read(v1::SessionResponse* response) {
  while (stream_->Read(response)) {
    if (response->has_ack()) {
      acked_ = response->ack().through_seq();
      logs_through = response->ack().logs_through_seq();
      for (const uint64_t fence : response->ack().refused()) {
        refused.push_back(fence);
      }
    }
    if (response->has_offers()) Keep(response->offers());
    if (response->has_ping()) {
      v1::SessionRequest pong;
      pong.mutable_pong()->set_nonce(response->ping().nonce());
      Write(pong);
      response->clear_ping();
    }
    if (response->ByteSizeLong() > 0) return true;
  }
  return false;
}

void FakeWorker::Keep(const v1::OfferBatch& batch) {
  const v1::LeaseColumns& leases = batch.leases();
  for (int i = 0; i < batch.name_size(); ++i) {
    offers.push_back({leases.run(i), leases.task(i), leases.attempt(i),
                      leases.fence(i), batch.name(i)});
  }
}

bool FakeWorker::AwaitOffers(int count) {
  v1::SessionResponse response;
  while (static_cast<int>(offers.size()) < count) {
    if (!Read(&response)) return false;
  }
  return true;
}

bool FakeWorker::AwaitAck(uint64_t seq) {
  v1::SessionResponse response;
  while (acked_ < seq) {
    if (!Read(&response)) return false;
  }
  return true;
}

uint64_t FakeWorker::Report(int i, v1::TaskState state, int exit_code) {
  v1::SessionRequest request;
  v1::ReportBatch& batch = *request.mutable_reports();
  batch.set_seq(++seq_);
  batch.mutable_leases()->add_run(offers[i].run);
  batch.mutable_leases()->add_task(offers[i].task);
  batch.mutable_leases()->add_attempt(offers[i].attempt);
  batch.mutable_leases()->add_fence(offers[i].fence);
  batch.add_state(state);
  batch.add_exit_code(exit_code);
  Write(request);
  return seq_;
}

grpc::Status FakeWorker::End() {
  v1::SessionResponse response;
  while (stream_ != nullptr && stream_->Read(&response)) {
  }
  return stream_ == nullptr ? grpc::Status()
                            : std::exchange(stream_, nullptr)->Finish();
}

DaemonTest::DaemonTest() {
  char name[] = "/tmp/w2t-daemon-XXXXXX";
  directory_ = mkdtemp(name);
  config_.listen = {fmt::format("unix:{}/s", directory_)};
  config_.data = fmt::format("{}/data", directory_);
}

DaemonTest::~DaemonTest() {
  StopDaemon();
  std::filesystem::remove_all(directory_);
}

void DaemonTest::StartDaemon(const std::function<void(Config&)>& change) {
  if (change) change(config_);
  absl::StatusOr<std::unique_ptr<Daemon>> started = Daemon::Start(config_, {});
  ASSERT_TRUE(started.ok()) << started.status().ToString();
  daemon_ = *std::move(started);
  // A channel of its own for each daemon, so that none waits to dial again.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ = grpc::CreateCustomChannel(
      daemon_->addresses()[0], grpc::InsecureChannelCredentials(), arguments);
  runs_ = v1::RunService::NewStub(channel_);
  admin_ = v1::AdminService::NewStub(channel_);
  workers_ = v1::WorkerService::NewStub(channel_);
}

void DaemonTest::StopDaemon() { daemon_.reset(); }

absl::Status DaemonTest::StartAnother(const Config& config) {
  return Daemon::Start(config, {}).status();
}

std::string DaemonTest::Submit(const v1::Graph& graph) {
  Context context;
  v1::SubmitRunRequest request;
  *request.mutable_graph() = graph;
  v1::SubmitRunResponse response;
  const grpc::Status status = runs_->SubmitRun(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.run_id();
}

v1::Run DaemonTest::GetRun(const std::string& run_id) {
  Context context;
  v1::GetRunRequest request;
  request.set_run_id(run_id);
  v1::GetRunResponse response;
  const grpc::Status status = runs_->GetRun(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.run();
}

std::unique_ptr<FakeWorker> DaemonTest::Worker(const std::string& name,
                                               int slots) {
  return std::make_unique<FakeWorker>(workers_.get(), name, slots);
}

v1::Diagnostic FaultOf(const grpc::Status& status) {
  const auto detail = wire::DetailOf(wire::FromGrpc(status));
  if (!detail.has_value() || detail->diagnostics_size() == 0) return {};
  return detail->diagnostics(0);
}

}  // namespace w2t::server
