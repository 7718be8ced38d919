// RunService: what clients ask for. Requests are decoded and checked on gRPC's
// threads; the loop answers.
#ifndef W2T_SERVER_RPC_RUN_SERVICE_H_
#define W2T_SERVER_RPC_RUN_SERVICE_H_

#include "grpcpp/support/server_callback.h"
#include "server/rpc/context.h"
#include "w2t/v1/run_service.grpc.pb.h"

namespace w2t::server {

// WatchRun sends bytes that were encoded once for all watchers.
template <typename Base>
using RawWatchRun = v1::RunService::WithRawCallbackMethod_WatchRun<Base>;
using RunServiceBase = v1::RunService::WithCallbackMethod_ValidateGraph<
    v1::RunService::WithCallbackMethod_SubmitRun<
        v1::RunService::WithCallbackMethod_GetRun<
            v1::RunService::WithCallbackMethod_ListRuns<
                v1::RunService::WithCallbackMethod_ListTasks<
                    v1::RunService::WithCallbackMethod_ExplainTask<
                        v1::RunService::WithCallbackMethod_GetCriticalChain<
                            v1::RunService::WithCallbackMethod_CancelRun<
                                v1::RunService::WithCallbackMethod_RestartTasks<
                                    v1::RunService::WithCallbackMethod_ReviseRun<
                                        v1::RunService::
                                            WithCallbackMethod_ReadLogs<
                                                v1::RunService::
                                                    WithCallbackMethod_ReadRunLogs<
                                                        RawWatchRun<
                                                            v1::RunService::
                                                                Service>>>>>>>>>>>>>;

class RunService final : public RunServiceBase {
 public:
  explicit RunService(const CallContext* context) : context_(context) {}

  grpc::ServerUnaryReactor* ValidateGraph(
      grpc::CallbackServerContext* call,
      const v1::ValidateGraphRequest* request,
      v1::ValidateGraphResponse* response) override;
  grpc::ServerUnaryReactor* SubmitRun(grpc::CallbackServerContext* call,
                                      const v1::SubmitRunRequest* request,
                                      v1::SubmitRunResponse* response) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* call,
                                   const v1::GetRunRequest* request,
                                   v1::GetRunResponse* response) override;
  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* call,
                                     const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* response) override;
  grpc::ServerUnaryReactor* ListTasks(grpc::CallbackServerContext* call,
                                      const v1::ListTasksRequest* request,
                                      v1::ListTasksResponse* response) override;
  grpc::ServerUnaryReactor* ExplainTask(
      grpc::CallbackServerContext* call, const v1::ExplainTaskRequest* request,
      v1::ExplainTaskResponse* response) override;
  grpc::ServerUnaryReactor* GetCriticalChain(
      grpc::CallbackServerContext* call,
      const v1::GetCriticalChainRequest* request,
      v1::GetCriticalChainResponse* response) override;
  grpc::ServerUnaryReactor* CancelRun(grpc::CallbackServerContext* call,
                                      const v1::CancelRunRequest* request,
                                      v1::CancelRunResponse* response) override;
  grpc::ServerUnaryReactor* RestartTasks(
      grpc::CallbackServerContext* call, const v1::RestartTasksRequest* request,
      v1::RestartTasksResponse* response) override;
  grpc::ServerUnaryReactor* ReviseRun(grpc::CallbackServerContext* call,
                                      const v1::ReviseRunRequest* request,
                                      v1::ReviseRunResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchRun(
      grpc::CallbackServerContext* call,
      const grpc::ByteBuffer* request) override;
  grpc::ServerWriteReactor<v1::ReadLogsResponse>* ReadLogs(
      grpc::CallbackServerContext* call,
      const v1::ReadLogsRequest* request) override;
  grpc::ServerWriteReactor<v1::ReadRunLogsResponse>* ReadRunLogs(
      grpc::CallbackServerContext* call,
      const v1::ReadRunLogsRequest* request) override;

 private:
  absl::Status CheckRunId(const std::string& run_id) const;

  const CallContext* const context_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_RUN_SERVICE_H_
