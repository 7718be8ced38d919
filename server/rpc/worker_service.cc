#include "server/rpc/worker_service.h"

#include "server/rpc/session_call.h"

namespace w2t::server {

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
WorkerService::Session(grpc::CallbackServerContext* call) {
  return SessionCall::Start(sessions_, call->peer());
}

}  // namespace w2t::server
