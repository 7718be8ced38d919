#include "server/rpc/session_call.h"

#include <utility>

#include "absl/status/statusor.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "proto/wire/status_codec.h"

namespace w2t::server {

using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;
using Requests = grpc::SerializationTraits<v1::SessionRequest>;
using Responses = grpc::SerializationTraits<v1::SessionResponse>;

SessionCall* SessionCall::Start(SessionSet* sessions, std::string peer) {
  auto* const call = new SessionCall;
  absl::StatusOr<std::shared_ptr<Session>> session =
      sessions->Open(std::move(peer), call);
  // Nothing is answered before gRPC has the call.
  if (session.ok()) {
    call->session_ = *std::move(session);
  } else {
    call->Finish(session.status());
  }
  return call;
}

void SessionCall::Write(const v1::SessionResponse& message, bool more) {
  grpc::WriteOptions options;
  // A first message that is held back is never reported as written, because the
  // stream's metadata goes with it.
  if (more && has_written_) options.set_buffer_hint();
  has_written_ = true;
  response_bytes_.Clear();
  bool own = false;
  static_cast<void>(Responses::Serialize(message, &response_bytes_, &own));
  StartWrite(&response_bytes_, options);
}

void SessionCall::Finish(const absl::Status& status) {
  Reactor::Finish(wire::ToGrpc(status));
}

void SessionCall::OnReadDone(bool ok) {
  if (!ok) {
    session_->OnReadFailed();
  } else if (Requests::Deserialize(&request_bytes_, &request_).ok()) {
    session_->OnRead(request_);
  } else {
    session_->OnUnreadable();
  }
}

void SessionCall::OnCancel() {
  if (session_ != nullptr) session_->OnCancelled();
}

void SessionCall::OnDone() {
  if (session_ != nullptr) session_->OnDone();
  delete this;
}

}  // namespace w2t::server
