// A request that cannot be parsed, such as one with a string that is not UTF-8.
// gRPC answers it with UNIMPLEMENTED, as if there were no such call.
#ifndef W2T_SERVER_RPC_UNREADABLE_H_
#define W2T_SERVER_RPC_UNREADABLE_H_

#include <memory>
#include <vector>

#include "grpcpp/support/server_interceptor.h"

namespace w2t::server {

// Make such answers INVALID_ARGUMENT, for the calls of w2t itself.
std::vector<
    std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
UnreadableRequests();

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_UNREADABLE_H_
