#include "server/rpc/worker_service.h"

#include <memory>

#include "proto/wire/status_codec.h"

namespace w2t::server {
namespace {

// A stream that is refused.
class Refused final
    : public grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse> {
 public:
  explicit Refused(const absl::Status& status) { Finish(wire::ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>*
WorkerService::Session(grpc::CallbackServerContext* call) {
  absl::StatusOr<std::shared_ptr<server::Session>> session =
      sessions_->Open(call->peer());
  if (!session.ok()) return new Refused(session.status());
  return session->get();
}

}  // namespace w2t::server
