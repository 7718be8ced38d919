// Check: one look at whether a service is ready. Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_PROBE_CHECK_H_
#define W2T_CLIENT_WORKER_PROBE_CHECK_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/exec/reaper.h"
#include "client/worker/exec/spawn.h"
#include "client/worker/loop/loop.h"
#include "client/worker/probe/grpc_client.h"
#include "client/worker/probe/http_client.h"
#include "client/worker/probe/resolver.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::worker {

// Called once with the result, from the loop; an error's message says what the
// look found. The check may be destroyed from within.
using CheckDone = absl::AnyInvocable<void(absl::Status)>;

// Starts when it is made. Destroying it gives it up.
class Check {
 public:
  virtual ~Check() = default;
  // What it does, for a message: "connect to 127.0.0.1:80".
  virtual std::string what() const = 0;
};

struct HostPort {
  std::string host;  // empty: this machine
  std::string port;
};
// "PORT" or "HOST:PORT", with an IPv6 host in brackets. INVALID_ARGUMENT.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

struct GrpcTarget {
  HostPort server;
  std::string service;  // empty: the server as a whole

  std::string address() const;  // "localhost:50051"
};
// As HostPort, with or without "/SERVICE". INVALID_ARGUMENT.
absl::StatusOr<GrpcTarget> ParseGrpcTarget(std::string_view text);

// Passes when a connection is accepted.
std::unique_ptr<Check> MakeTcpCheck(Loop* loop, Resolver* resolver,
                                    const HostPort& target, CheckDone done);

// Passes when `command` exits with 0.
std::unique_ptr<Check> MakeExecCheck(Loop* loop, Reaper* reaper,
                                     const SpawnSpec& command, CheckDone done);

// Passes when the URL, which ParseHttpUrl takes, answers with a status that
// `probe` wants.
std::unique_ptr<Check> MakeHttpCheck(HttpClient* client, Resolver* resolver,
                                     const v1::HttpProbe& probe,
                                     CheckDone done);

// Passes when the server says SERVING of the service.
std::unique_ptr<Check> MakeGrpcCheck(GrpcClient* client,
                                     const GrpcTarget& target, CheckDone done);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_CHECK_H_
