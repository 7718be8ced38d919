// One WatchRun call: sends what its feed holds, one message in flight.
#ifndef W2T_SERVER_RPC_WATCH_CALL_H_
#define W2T_SERVER_RPC_WATCH_CALL_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/observe/watch_feed.h"
#include "server/rpc/run_query.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::server {

class WatchCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                        public OpenCall,
                        public std::enable_shared_from_this<WatchCall> {
 public:
  // Messages are bytes, because the same ones go to all watchers of a run.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(
      const CallContext* context, const grpc::ByteBuffer& request);

  void Abort(const absl::Status& status) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit WatchCall(const CallContext* context) : context_(context) {}

  absl::Status Begin(const grpc::ByteBuffer& request);
  // On the loop.
  void Subscribe(const absl::StatusOr<RunInView>& found);
  void Pump();
  void FinishOnce(const absl::Status& status);

  const CallContext* const context_;
  v1::WatchRunRequest request_;
  std::shared_ptr<WatchFeed> feed_;
  grpc::ByteBuffer buffer_;

  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_written_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // gRPC's share of the ownership.
  std::shared_ptr<WatchCall> self_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_WATCH_CALL_H_
