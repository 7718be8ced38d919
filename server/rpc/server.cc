#include "server/rpc/server.h"

#include <chrono>
#include <utility>

#include "fmt/format.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/config/addresses.h"
#include "server/observe/log.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/run_service.h"
#include "server/rpc/unreadable.h"
#include "server/rpc/worker_service.h"

namespace w2t::server {
namespace {

// gRPC's own words are of use only to who looks into it.
void LogGrpc(gpr_log_func_args* args) {
  Log(log_event::kGrpcSaid, {{"message", args->message}});
}

// What a peer sent may be wrong, which it is told; stderr is not the place.
void LogProtobuf(google::protobuf::LogLevel, const char*, int,
                 const std::string& message) {
  Log(log_event::kProtobufSaid, {{"message", message}});
}

// gRPC wants these before the first server of a process.
void UsePlugins() {
  static const bool once = [] {
    gpr_set_log_function(LogGrpc);
    google::protobuf::SetLogHandler(LogProtobuf);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)once;
}

void SetOptions(const ServerLimits& limits, grpc::ServerBuilder* builder) {
  // Without this, two daemons would share a port in silence.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->SetMaxReceiveMessageSize(static_cast<int>(limits.max_request_bytes));
  // For reflection only; all else uses callbacks.
  builder->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
}

}  // namespace

class RpcServer::Impl {
 public:
  Impl(const CallContext& context, SessionSet* sessions)
      : context_(context),
        run_service_(&context_),
        admin_service_(&context_),
        worker_service_(sessions) {}

  absl::Status Start(const std::vector<std::string>& addresses) {
    UsePlugins();
    grpc::ServerBuilder builder;
    SetOptions(*context_.limits, &builder);
    builder.experimental().SetInterceptorCreators(UnreadableRequests());
    builder.RegisterService(&run_service_);
    builder.RegisterService(&admin_service_);
    builder.RegisterService(&worker_service_);
    std::vector<int> ports(addresses.size());
    for (size_t i = 0; i < ports.size(); ++i) {
      builder.AddListeningPort(addresses[i], grpc::InsecureServerCredentials(),
                               &ports[i]);
    }
    server_ = builder.BuildAndStart();
    for (size_t i = 0; i < ports.size(); ++i) {
      if (ports[i] == 0) {
        return absl::UnavailableError(
            fmt::format("cannot listen on {}: it was taken just now, or is "
                        "named twice",
                        addresses[i]));
      }
      addresses_.push_back(BoundAddress(addresses[i], ports[i]));
    }
    if (server_ != nullptr) return absl::OkStatus();
    return absl::UnavailableError("cannot start the gRPC server");
  }

  void SetServing(bool serving) {
    grpc::HealthCheckServiceInterface& health =
        *server_->GetHealthCheckService();
    for (const char* service : {v1::RunService::service_full_name(),
                                v1::WorkerService::service_full_name(),
                                v1::AdminService::service_full_name()}) {
      health.SetServingStatus(service, serving);
    }
    health.SetServingStatus(serving);
  }

  void Shutdown(absl::Duration timeout) {
    server_->Shutdown(std::chrono::system_clock::now() +
                      absl::ToChronoMilliseconds(timeout));
    server_->Wait();
  }

  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  const CallContext context_;
  RunService run_service_;
  AdminService admin_service_;
  WorkerService worker_service_;
  std::vector<std::string> addresses_;
  std::unique_ptr<grpc::Server> server_;
};

RpcServer::RpcServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RpcServer::~RpcServer() = default;

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(
    const CallContext& context, SessionSet* sessions,
    const std::vector<std::string>& addresses) {
  auto impl = std::make_unique<Impl>(context, sessions);
  absl::Status started = impl->Start(addresses);
  if (!started.ok()) return started;
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(impl)));
}

const std::vector<std::string>& RpcServer::addresses() const {
  return impl_->addresses();
}

void RpcServer::SetServing(bool serving) { impl_->SetServing(serving); }

void RpcServer::Shutdown(absl::Duration timeout) { impl_->Shutdown(timeout); }

}  // namespace w2t::server
