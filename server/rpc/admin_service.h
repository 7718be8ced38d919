// AdminService: what operators ask for.
#ifndef W2T_SERVER_RPC_ADMIN_SERVICE_H_
#define W2T_SERVER_RPC_ADMIN_SERVICE_H_

#include "grpcpp/support/server_callback.h"
#include "server/rpc/context.h"
#include "w2t/v1/admin_service.grpc.pb.h"

namespace w2t::server {

class AdminService final : public v1::AdminService::CallbackService {
 public:
  explicit AdminService(const CallContext* context) : context_(context) {}

  grpc::ServerUnaryReactor* ListWorkers(
      grpc::CallbackServerContext* call, const v1::ListWorkersRequest* request,
      v1::ListWorkersResponse* response) override;
  grpc::ServerUnaryReactor* DrainWorker(
      grpc::CallbackServerContext* call, const v1::DrainWorkerRequest* request,
      v1::DrainWorkerResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(
      grpc::CallbackServerContext* call,
      const v1::GetServerInfoRequest* request,
      v1::GetServerInfoResponse* response) override;

 private:
  const CallContext* const context_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_ADMIN_SERVICE_H_
