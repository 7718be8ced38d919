// Daemon: puts the parts together, and takes them down in reverse order.
//
//   auto daemon = Daemon::Start(config, {.on_failure = ..., .on_idle = ...});
//   ... until asked to stop ...
//   (*daemon)->BeginDrain();
//   ... until idle, or for as long as one likes ...
//   daemon->reset();
#ifndef W2T_SERVER_DAEMON_H_
#define W2T_SERVER_DAEMON_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace w2t::server {

class Daemon {
 public:
  // Called once each, from another thread.
  struct Handlers {
    // The daemon can go on no longer: it accepts nothing any more and must be
    // stopped.
    absl::AnyInvocable<void(const absl::Status&)> on_failure;
    // After BeginDrain: no worker holds anything.
    absl::AnyInvocable<void()> on_idle;
  };

  // Opens the journal in `config.data`, replays it, and serves. Errors name
  // what is at fault: the directory, the journal, an address.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Config& config,
                                                       Handlers handlers);
  // Stops it without waiting for workers.
  ~Daemon();

  // Where it listens, with real ports.
  const std::vector<std::string>& addresses() const;

  // Accepts no runs and gives no offers from now on.
  void BeginDrain();

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_DAEMON_H_
