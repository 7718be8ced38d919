// Reaper: takes children that nobody waits for any more, kills them and takes
// them off the process table. Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_EXEC_REAPER_H_
#define W2T_CLIENT_WORKER_EXEC_REAPER_H_

#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "client/worker/exec/spawn.h"
#include "client/worker/loop/loop.h"

namespace w2t::worker {

class Reaper {
 public:
  explicit Reaper(Loop* loop) : loop_(loop) {}
  ~Reaper();
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;

  void KillAndReap(Child child);
  size_t pending() const { return children_.size(); }

 private:
  struct Dying {
    Child child;
    WatchId watch = 0;
  };

  Loop* const loop_;
  absl::flat_hash_map<pid_t, Dying> children_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_REAPER_H_
