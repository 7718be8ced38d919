// SessionCall: a worker's gRPC stream, as a session sees it.
#ifndef W2T_SERVER_RPC_SESSION_CALL_H_
#define W2T_SERVER_RPC_SESSION_CALL_H_

#include <memory>
#include <string>

#include "grpcpp/support/server_callback.h"
#include "server/rpc/session_set.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::server {

class SessionCall final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public SessionStream {
 public:
  // gRPC's, until OnDone.
  static SessionCall* Start(SessionSet* sessions, std::string peer);

  void Read() override { StartRead(&request_bytes_); }
  void Write(const v1::SessionResponse& message, bool more) override;
  void Finish(const absl::Status& status) override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override { session_->OnWritten(ok); }
  void OnCancel() override;
  void OnDone() override;

 private:
  SessionCall() = default;

  std::shared_ptr<Session> session_;  // null: refused
  // Taken as bytes, or gRPC would not tell what it cannot parse from the end.
  grpc::ByteBuffer request_bytes_;
  v1::SessionRequest request_;
  grpc::ByteBuffer response_bytes_;
  bool has_written_ = false;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_SESSION_CALL_H_
