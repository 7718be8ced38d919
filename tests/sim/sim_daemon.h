// SimDaemon: the daemon on the simulated disk, one process after another.
//
// Everything between gRPC and the disk is the real thing: inbox, loop, engine,
// journal, sessions, dispatcher, watches. Only the store of output is played.
// The process may die at any moment, also in the middle of a turn: at each
// operation of the disk and before each word that it says.
#ifndef W2T_TESTS_SIM_SIM_DAEMON_H_
#define W2T_TESTS_SIM_SIM_DAEMON_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/engine/engine.h"
#include "server/limits.h"
#include "server/loop/loop.h"
#include "server/observe/watch_hub.h"
#include "server/rpc/session_set.h"
#include "tests/sim/clock.h"
#include "tests/sim/oracle.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_vfs.h"

namespace w2t::sim {

struct DaemonOptions {
  server::ServerLimits limits;
  EngineOptions engine;
  // The longest that what has come waits for the loop.
  absl::Duration lag = absl::Milliseconds(3);
  // Bytes of output that the store takes at once.
  uint64_t log_room = 64 * 1024;
  uint64_t snapshot_bytes = 64 * 1024;
};

class SimDaemon {
 public:
  SimDaemon(SimClock* clock, Oracle* oracle, Random random,
            const DaemonOptions& options);
  ~SimDaemon();

  void Start();
  bool up() const { return parts_ != nullptr; }
  // Counts processes.
  uint64_t process() const { return process_; }

  // Of the process that runs. To be called with up().
  server::Inbox& inbox();
  server::WatchHub& hub();
  server::SessionSet& sessions();
  server::View view() const;
  const server::ServerLimits& limits() const { return options_.limits; }
  // Runs may be forgotten soon after their end.
  bool forgets() const {
    return options_.limits.max_runs < 100 ||
           options_.engine.retention < absl::Hours(1);
  }
  bool stalled() const;
  // A run that has ended and lies in the snapshot.
  absl::StatusOr<std::shared_ptr<const Run>> LoadRun(RunNumber number);

  // Something was put into the inbox: a turn is due.
  void Poke();
  // A session has posted a message, which the loop will process.
  void Posted(SessionId session);
  // The process is about to say something to somebody. False when it has died.
  bool Speaks();

  // Faults.
  void Crash(Tail tail, absl::Duration down);
  // Dies after so many more operations and words.
  void CrashAfter(uint64_t operations, uint64_t words, Tail tail,
                  absl::Duration down);
  // Before it dies it is told to stop, and has `grace` for that.
  void Stop(absl::Duration grace, absl::Duration down);
  void JumpClock(absl::Duration by) { skew_ += by; }
  SimDisk& disk() { return disk_; }

  // Called when a process is gone: its streams are broken.
  std::function<void()> on_down;

 private:
  struct Parts;
  class Logs;
  class Witness;

  absl::Time Now() const { return clock_->now() + skew_; }
  void TakeTurn();
  void TurnAt(absl::Time at);
  bool Dead() const;
  void BuryIfDead();

  SimClock* const clock_;
  Oracle* const oracle_;
  Random random_;
  const DaemonOptions options_;
  SimDisk disk_;
  SimVfs vfs_;
  absl::Duration skew_;
  std::unique_ptr<Parts> parts_;
  uint64_t process_ = 0;
  absl::Time turn_at_ = absl::InfiniteFuture();
  uint64_t turn_ = 0;  // the latest that was arranged
  int turns_at_once_ = 0;

  std::map<SessionId, uint64_t> unprocessed_;  // messages
  uint64_t words_left_ = UINT64_MAX;
  Tail tail_ = Tail::kKept;
  absl::Duration down_;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_SIM_DAEMON_H_
