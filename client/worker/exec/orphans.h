// Orphans: processes that left their parents behind and fell to the worker.
// They are taken off the process table when they end. Of the loop's thread.
//
// A program that daemonises leaves its group and its session, but not its
// worker: that is the subreaper of all that it starts, so that what is left of
// an attempt shows up among the worker's children once the attempt's own
// processes have ended.
#ifndef W2T_CLIENT_WORKER_EXEC_ORPHANS_H_
#define W2T_CLIENT_WORKER_EXEC_ORPHANS_H_

#include <sys/types.h>

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

class Orphans {
 public:
  // Says that a child was started by the worker itself, for as long as it is
  // there. Must not outlive the orphans.
  class Started {
   public:
    Started() = default;
    ~Started() { reset(); }
    Started(Started&& other) noexcept
        : orphans_(std::exchange(other.orphans_, nullptr)), pid_(other.pid_) {}
    Started& operator=(Started&& other) noexcept {
      if (this != &other) {
        reset();
        orphans_ = std::exchange(other.orphans_, nullptr);
        pid_ = other.pid_;
      }
      return *this;
    }
    void reset();

   private:
    friend class Orphans;
    Started(Orphans* orphans, pid_t pid) : orphans_(orphans), pid_(pid) {}

    Orphans* orphans_ = nullptr;
    pid_t pid_ = 0;
  };

  // From now on this process is the subreaper of all below it.
  Orphans();
  Orphans(const Orphans&) = delete;
  Orphans& operator=(const Orphans&) = delete;

  Started Start(pid_t pid);
  // Reaps those that have ended. True while some live, or may. Takes
  // microseconds when there are none.
  bool Sweep();

 private:
  bool LivesElseReap(pid_t pid) const;

  const pid_t session_;
  const UniqueFd children_;  // none: the system does not list them
  absl::flat_hash_set<pid_t> started_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_ORPHANS_H_
