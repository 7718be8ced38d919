// RpcServer: the gRPC server with all its services, health and reflection.
#ifndef W2T_SERVER_RPC_SERVER_H_
#define W2T_SERVER_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/context.h"
#include "server/rpc/session_set.h"

namespace w2t::server {

class RpcServer {
 public:
  // Serves on `addresses`, all or none. UNAVAILABLE or FAILED_PRECONDITION name
  // the address at fault. All must outlive the server.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(
      const CallContext& context, SessionSet* sessions,
      const std::vector<std::string>& addresses);
  ~RpcServer();

  // With the ports that were bound.
  const std::vector<std::string>& addresses() const;

  // What grpc.health.v1 says.
  void SetServing(bool serving);
  // Takes no calls any more; ends those that are still open after `timeout`.
  // Returns when none is left. The loop must still run.
  void Shutdown(absl::Duration timeout);

 private:
  class Impl;
  explicit RpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_SERVER_H_
