// PrivateFleet: a daemon and a worker for one run, which nobody else sees.
//
// They talk over a socket in a directory that only this user may enter, and go
// with this process, however it ends. Whatever they leave behind is removed.
#ifndef W2T_CLIENT_CLI_PRIVATE_FLEET_H_
#define W2T_CLIENT_CLI_PRIVATE_FLEET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cli/child_process.h"
#include "client/cli/run_dir.h"

namespace w2t::cli {

struct FleetOptions {
  uint32_t slots = 1;
  // Leave the directory, with the journal and the logs, where it is.
  bool keep_dir = false;
  // Longest that the daemon may take to serve.
  absl::Duration start_timeout = absl::Seconds(20);
};

// Thread-safe. Start it from the main thread: the kernel ends the children with
// the thread that started them.
class PrivateFleet {
 public:
  // Returns once the daemon serves. When a program ends instead, the error has
  // the last lines of what it printed. UNAVAILABLE, or CANCELLED when `stop` is
  // triggered.
  static absl::StatusOr<std::unique_ptr<PrivateFleet>> Start(
      const FleetOptions& options, std::stop_token stop);
  // Stop().
  ~PrivateFleet();
  PrivateFleet(const PrivateFleet&) = delete;
  PrivateFleet& operator=(const PrivateFleet&) = delete;

  std::string address() const { return "unix:" + dir() + "/w2td.sock"; }
  const std::string& dir() const { return dir_->path(); }

  // Called on another thread when a program ends by itself, at once if one has
  // already. Empty: nobody.
  void OnDeath(std::function<void(const absl::Status&)> on_death);
  // OK while both run.
  absl::Status Check();

  // Lets them end by themselves for a while, then ends them, and removes the
  // directory. Once is enough.
  void Stop();
  // Kills the daemon, tells the worker to stop all it has, removes the
  // directory.
  void Abandon();

 private:
  PrivateFleet(const FleetOptions& options, std::unique_ptr<RunDir> dir)
      : options_(options), dir_(std::move(dir)) {}

  absl::Status StartDaemon(std::stop_token stop);
  absl::Status StartWorker();
  absl::Status AwaitSocket(absl::Time deadline, const std::stop_token& stop);
  void NoteDeath();

  const FleetOptions options_;
  std::unique_ptr<RunDir> dir_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool death_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void(const absl::Status&)> on_death_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<ChildProcess> worker_;
};

// The last lines of a file, at most `lines`, each after "  | ".
std::string LastLines(const std::string& path, size_t lines);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_PRIVATE_FLEET_H_
