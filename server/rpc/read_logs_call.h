// One ReadLogs call. The loop finds out which attempt is meant; the reading is
// done on gRPC's threads, one message in flight.
#ifndef W2T_SERVER_RPC_READ_LOGS_CALL_H_
#define W2T_SERVER_RPC_READ_LOGS_CALL_H_

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "server/logs/log_store.h"
#include "server/rpc/run_query.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::server {

class ReadLogsCall final
    : public grpc::ServerWriteReactor<v1::ReadLogsResponse>,
      public OpenCall,
      public RunEndListener,
      public std::enable_shared_from_this<ReadLogsCall> {
 public:
  static grpc::ServerWriteReactor<v1::ReadLogsResponse>* Start(
      const CallContext* context, const v1::ReadLogsRequest& request);

  void Abort(const absl::Status& status) override;
  void RunEnded() override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  ReadLogsCall(const CallContext* context, const v1::ReadLogsRequest& request)
      : context_(context), request_(request), cursor_(request.offset()) {}

  absl::Status Begin();
  // On the loop: finds the attempt, and listens for more of it.
  absl::Status Resolve(const Run& run);
  // There may be more to read.
  void Changed();
  void PumpElsewhere();
  // Reads and sends the next piece. One at a time.
  void Pump();
  void FinishOnce(const absl::Status& status);

  const CallContext* const context_;
  const v1::ReadLogsRequest request_;
  LogName name_;        // set once, by Resolve
  bool waits_ = false;  // likewise: until there can be no more
  std::atomic<bool> attempt_ended_ = false;
  // Of whoever pumps.
  LogCursor cursor_;
  v1::ReadLogsResponse response_;

  absl::Mutex mutex_;
  LogSubscription subscription_ ABSL_GUARDED_BY(mutex_);
  bool resolved_ ABSL_GUARDED_BY(mutex_) = false;
  bool pumping_ ABSL_GUARDED_BY(mutex_) = false;
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // gRPC's share of the ownership.
  std::shared_ptr<ReadLogsCall> self_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_READ_LOGS_CALL_H_
