#include "client/worker/probe/grpc_client.h"

#include <fmt/format.h>
#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <thread>
#include <utility>

namespace w2t::worker {

namespace {

constexpr char kMethod[] = "/grpc.health.v1.Health/Check";
constexpr int kMostAnswerBytes = 4'096;

// HealthCheckRequest {string service = 1} and HealthCheckResponse {enum status
// = 1} have on the wire the form of these.
using Request = google::protobuf::StringValue;
using Response = google::protobuf::Int32Value;
using Stub = grpc::TemplatedGenericStub<Request, Response>;

absl::Status StatusOf(const grpc::Status& status, int health) {
  if (!status.ok()) return absl::UnavailableError(status.error_message());
  switch (health) {
    case 0:
      return absl::UnavailableError("UNKNOWN");
    case 1:
      return absl::OkStatus();
    case 2:
      return absl::UnavailableError("NOT_SERVING");
    case 3:
      return absl::UnavailableError("SERVICE_UNKNOWN");
    default:
      return absl::UnavailableError(fmt::format("status {}", health));
  }
}

// Each question has a connection of its own: gRPC would hold back a new one for
// a second and more after one that failed.
std::shared_ptr<grpc::Channel> Dial(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetMaxReceiveMessageSize(kMostAnswerBytes);
  return grpc::CreateCustomChannel(fmt::format("dns:///{}", address),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace

// What gRPC works on: it may need it for longer than anybody waits.
struct GrpcClient::Exchange {
  std::unique_ptr<Stub> stub;
  grpc::ClientContext context;
  Request request;
  Response response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader;
  // Of the loop's thread: null once nobody waits.
  Done done;
};

class GrpcClient::Question final : public GrpcCall {
 public:
  explicit Question(std::shared_ptr<Exchange> exchange)
      : exchange_(std::move(exchange)) {}
  ~Question() override {
    exchange_->done = nullptr;
    exchange_->context.TryCancel();
  }

 private:
  const std::shared_ptr<Exchange> exchange_;
};

// Where gRPC puts what it has done with, and who takes it from there. Not its
// callbacks: the last channel that has some must not go in one of them.
class GrpcClient::Queue {
 public:
  explicit Queue(Loop* loop) : loop_(loop), thread_([this] { Serve(); }) {}
  ~Queue() {
    queue_.Shutdown();
    thread_.join();
  }

  void Start(const std::shared_ptr<Exchange>& exchange) {
    exchange->reader = exchange->stub->PrepareUnaryCall(
        &exchange->context, kMethod, exchange->request, &queue_);
    exchange->reader->StartCall();
    exchange->reader->Finish(&exchange->response, &exchange->status,
                             new std::shared_ptr(exchange));
  }

 private:
  void Serve() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
      const std::unique_ptr<std::shared_ptr<Exchange>> exchange(
          static_cast<std::shared_ptr<Exchange>*>(tag));
      loop_->Post([ended = *exchange] {
        if (ended->done == nullptr) return;
        Done done = std::move(ended->done);
        done(StatusOf(ended->status, ended->response.value()));
      });
    }
  }

  Loop* const loop_;
  grpc::CompletionQueue queue_;
  std::thread thread_;
};

GrpcClient::GrpcClient(Loop* loop) : loop_(loop) {}

GrpcClient::~GrpcClient() = default;

std::unique_ptr<GrpcCall> GrpcClient::Ask(const std::string& address,
                                          const std::string& service,
                                          Done done) {
  if (queue_ == nullptr) queue_ = std::make_unique<Queue>(loop_);
  auto exchange = std::make_shared<Exchange>();
  exchange->stub = std::make_unique<Stub>(Dial(address));
  exchange->request.set_value(service);
  exchange->done = std::move(done);
  queue_->Start(exchange);
  return std::make_unique<Question>(std::move(exchange));
}

}  // namespace w2t::worker
