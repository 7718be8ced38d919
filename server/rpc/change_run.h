// RestartTasks and ReviseRun: changing a run that goes on.
#ifndef W2T_SERVER_RPC_CHANGE_RUN_H_
#define W2T_SERVER_RPC_CHANGE_RUN_H_

#include "absl/status/status.h"
#include "core/run/run.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/context.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::server {

// FAILED_PRECONDITION when it is stopping or has ended.
absl::Status CheckChangeable(const Run& run);

// Both answer `reactor`, with what RunService promises. Request and response
// stay valid until then; run_id has been checked.
void RestartTasks(const CallContext* context, grpc::ServerUnaryReactor* reactor,
                  const v1::RestartTasksRequest* request,
                  v1::RestartTasksResponse* response);
// Compares the graphs on one of gRPC's threads, not on the loop.
void ReviseRun(const CallContext* context, grpc::ServerUnaryReactor* reactor,
               const v1::ReviseRunRequest* request,
               v1::ReviseRunResponse* response);

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_CHANGE_RUN_H_
