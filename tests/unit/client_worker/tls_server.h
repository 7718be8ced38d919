// A server over TLS with a certificate that nobody vouches for.
#ifndef W2T_TESTS_UNIT_CLIENT_WORKER_TLS_SERVER_H_
#define W2T_TESTS_UNIT_CLIENT_WORKER_TLS_SERVER_H_

#include <atomic>
#include <memory>
#include <string>

#include "tests/unit/client_worker/probe_env.h"

namespace w2t::worker {

class TlsServer {
 public:
  // Answers each request so.
  explicit TlsServer(std::string answer);
  ~TlsServer();

  int port() const { return server_->port(); }
  // Those that came through.
  int requests() const { return requests_; }

 private:
  struct Context;

  void Serve(int fd);

  const std::string answer_;
  std::unique_ptr<Context> context_;
  std::atomic<int> requests_ = 0;
  std::unique_ptr<ScriptServer> server_;
};

}  // namespace w2t::worker

#endif  // W2T_TESTS_UNIT_CLIENT_WORKER_TLS_SERVER_H_
