// Resolver: turns host names into addresses without holding up the loop. Names
// that need no look-up are answered at once; the others by threads that start
// when there is need of them, so that one look-up that hangs delays no other.
// Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_PROBE_RESOLVER_H_
#define W2T_CLIENT_WORKER_PROBE_RESOLVER_H_

#include <sys/socket.h>

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/worker/loop/loop.h"

namespace w2t::worker {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

class Resolver {
 public:
  // At once. More than these wait for each other.
  static constexpr size_t kMostLookUps = 8;

  // Never called before Resolve has returned, and always from the loop.
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::vector<Address>>)>;

  explicit Resolver(Loop* loop) : loop_(loop) {}
  // Waits for look-ups that are under way.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The addresses in the order in which to try them: at least one. `host`
  // empty: this machine.
  void Resolve(const std::string& host, const std::string& port, Done done);

 private:
  struct Request {
    std::string host;
    std::string port;
    Done done;
  };

  void Serve();

  Loop* const loop_;
  std::vector<std::thread> threads_;  // of the loop's thread
  absl::Mutex mutex_;
  std::deque<Request> requests_ ABSL_GUARDED_BY(mutex_);
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;  // threads
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_RESOLVER_H_
