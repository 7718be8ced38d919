// WorkerService: takes in the streams of workers.
#ifndef W2T_SERVER_RPC_WORKER_SERVICE_H_
#define W2T_SERVER_RPC_WORKER_SERVICE_H_

#include "grpcpp/support/server_callback.h"
#include "server/rpc/session_set.h"
#include "w2t/v1/worker_service.grpc.pb.h"

namespace w2t::server {

class WorkerService final
    : public v1::WorkerService::WithRawCallbackMethod_Session<
          v1::WorkerService::Service> {
 public:
  explicit WorkerService(SessionSet* sessions) : sessions_(sessions) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Session(
      grpc::CallbackServerContext* call) override;

 private:
  SessionSet* const sessions_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_WORKER_SERVICE_H_
