// One ReadLogs call: what one attempt printed.
#ifndef W2T_SERVER_RPC_READ_LOGS_CALL_H_
#define W2T_SERVER_RPC_READ_LOGS_CALL_H_

#include <atomic>

#include "server/rpc/log_call.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::server {

class ReadLogsCall final : public LogCall<v1::ReadLogsResponse> {
 public:
  static grpc::ServerWriteReactor<v1::ReadLogsResponse>* Start(
      const CallContext* context, const v1::ReadLogsRequest& request);

  void RunEnded() override;

 private:
  ReadLogsCall(const CallContext* context, const v1::ReadLogsRequest& request)
      : LogCall(context, request.run_id(), absl::ZeroDuration()),
        request_(request),
        cursor_(request.offset()) {}

  absl::Status Check() const;
  absl::Status Resolve(const Run& run) override;
  absl::StatusOr<LogStep> Fill(v1::ReadLogsResponse* response) override;

  const v1::ReadLogsRequest request_;
  LogName name_;        // set once, by Resolve
  bool waits_ = false;  // likewise: until there can be no more
  std::atomic<bool> attempt_ended_ = false;
  LogCursor cursor_;  // of Fill
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_READ_LOGS_CALL_H_
