#include "client/worker/session/stream.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "w2t/v1/worker_service.grpc.pb.h"

namespace w2t::worker {

namespace {

// Offers carry actions; the daemon bounds a batch well below this.
constexpr int kMaxReceiveBytes = 64 * 1024 * 1024;

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Each dial tries at once: the worker keeps its own backoff.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(),
                                   arguments);
}

class GrpcStream final
    : public Stream,
      public grpc::ClientBidiReactor<v1::SessionRequest, v1::SessionResponse> {
 public:
  GrpcStream(const std::string& server, Listener* listener)
      : listener_(listener),
        stub_(v1::WorkerService::NewStub(ChannelTo(server))) {
    stub_->async()->Session(&context_, this);
    AddHold();
  }

  void Open() override {
    StartRead(&incoming_);
    StartCall();
  }

  void Write(const v1::SessionRequest& message, bool more) override {
    grpc::WriteOptions options;
    if (more) options.set_buffer_hint();
    StartWrite(&message, options);
  }
  void Release() override { RemoveHold(); }
  void Cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      listener_->OnReadClosed();
      return;
    }
    listener_->OnMessage(incoming_);
    StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override { listener_->OnWritten(ok); }
  void OnDone(const grpc::Status& status) override {
    listener_->OnClosed(
        absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                     status.error_message()));
  }

 private:
  Listener* const listener_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  v1::SessionResponse incoming_;
};

}  // namespace

std::unique_ptr<Stream> MakeStream(const std::string& server,
                                   Stream::Listener* listener) {
  return std::make_unique<GrpcStream>(server, listener);
}

}  // namespace w2t::worker
