// GrpcClient: asks servers how they are, in gRPC's standard health protocol;
// any number at once, on one thread of its own. Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_PROBE_GRPC_CLIENT_H_
#define W2T_CLIENT_WORKER_PROBE_GRPC_CLIENT_H_

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "client/worker/loop/loop.h"

namespace w2t::worker {

// A question under way. Destroying it gives it up.
class GrpcCall {
 public:
  virtual ~GrpcCall() = default;
};

class GrpcClient {
 public:
  // Called once, from the loop and never before Ask has returned. OK: SERVING.
  // Else UNAVAILABLE, with words like "NOT_SERVING". The call may be destroyed
  // from within.
  using Done = absl::AnyInvocable<void(absl::Status)>;

  explicit GrpcClient(Loop* loop);
  // All calls must be gone.
  ~GrpcClient();
  GrpcClient(const GrpcClient&) = delete;
  GrpcClient& operator=(const GrpcClient&) = delete;

  // Asks the server at "HOST:PORT" for `service`, or, when that is empty, for
  // itself. Without TLS, and on a connection that is not kept.
  std::unique_ptr<GrpcCall> Ask(const std::string& address,
                                const std::string& service, Done done);

 private:
  struct Exchange;
  class Question;
  class Queue;

  Loop* const loop_;
  std::unique_ptr<Queue> queue_;  // made by the first question
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_GRPC_CLIENT_H_
