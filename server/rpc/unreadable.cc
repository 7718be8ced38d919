#include "server/rpc/unreadable.h"

#include <string_view>

#include "proto/wire/status_codec.h"
#include "server/rpc/checks.h"

namespace w2t::server {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::ServerRpcInfo;

// Of one call whose request is one message.
class WordedAnswer : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    // None of our calls answers so itself.
    if (batch->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS) &&
        batch->GetSendStatus().error_code() ==
            grpc::StatusCode::UNIMPLEMENTED) {
      batch->ModifySendStatus(wire::ToGrpc(InvalidField(
          "",
          "the request cannot be read: it is damaged, or has a string "
          "that is not UTF-8")));
    }
    batch->Proceed();
  }
};

class Factory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      ServerRpcInfo* info) override {
    const bool one_request =
        info->type() == ServerRpcInfo::Type::UNARY ||
        info->type() == ServerRpcInfo::Type::SERVER_STREAMING;
    const std::string_view method = info->method();
    if (!one_request || !method.starts_with("/w2t.")) return nullptr;
    return new WordedAnswer();
  }
};

}  // namespace

std::vector<
    std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
UnreadableRequests() {
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      factories;
  factories.push_back(std::make_unique<Factory>());
  return factories;
}

}  // namespace w2t::server
