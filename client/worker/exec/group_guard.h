// GroupGuard: sees to it that no program outlives its worker, even when the
// worker is killed with SIGKILL.
//
// The kernel kills the children of a dead worker (see Child), but not their
// children, and a shell runs most commands as its child. So a small process
// beside the worker shares a table of process groups with it, waits for the
// worker's end, and then kills every group that is still in the table, and all
// that has the worker's mark. It shares the worker's table of descriptors, so
// what the worker closes is closed, and what is left at its end is closed then.
// It ends when the worker does, or, when there are services that outlive a
// worker that was killed, when these are taken over (Keeper).
#ifndef W2T_CLIENT_WORKER_EXEC_GROUP_GUARD_H_
#define W2T_CLIENT_WORKER_EXEC_GROUP_GUARD_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/worker/loop/unique_fd.h"
#include "client/worker/state/keeper.h"
#include "client/worker/state/pipe_search.h"

namespace w2t::worker {

// Not thread-safe, slots apart: they may be written by anyone who has one.
class GroupGuard {
 public:
  // Groups in the table. Those beyond are not guarded.
  static constexpr size_t kMaxGroups = 65'536;

  // A place in the table, given back when it goes. Must not outlive the guard.
  class Slot {
   public:
    Slot() = default;
    ~Slot() { reset(); }
    Slot(Slot&& other) noexcept
        : guard_(std::exchange(other.guard_, nullptr)), index_(other.index_) {}
    Slot& operator=(Slot&& other) noexcept {
      if (this != &other) {
        reset();
        guard_ = std::exchange(other.guard_, nullptr);
        index_ = other.index_;
      }
      return *this;
    }

    // Where the group's number goes. Null: this is no place.
    std::atomic<pid_t>* group() const;
    // These pipes of a service stay open while the place is taken, and, after
    // the worker was killed, while nobody takes over.
    void Hold(uint64_t fence, PipeEnd out, PipeEnd err);
    void reset();

   private:
    friend class GroupGuard;
    Slot(GroupGuard* guard, uint32_t index) : guard_(guard), index_(index) {}

    GroupGuard* guard_ = nullptr;
    uint32_t index_ = 0;
  };

  // Best before the process has many threads or much memory: it is forked.
  // `mark` is in the environment of all that is not to outlive the worker;
  // empty: of nothing.
  static absl::StatusOr<std::unique_ptr<GroupGuard>> Start(
      std::string mark = "", KeeperPlan keeper = {});
  // Kills what is in the table. The worker has ended its services.
  ~GroupGuard();
  GroupGuard(const GroupGuard&) = delete;
  GroupGuard& operator=(const GroupGuard&) = delete;

  // No place when the table is full.
  Slot Take();
  pid_t pid() const { return pid_; }
  // How long the daemon waits for a worker that it does not hear of. Default:
  // 10 s.
  void SetReattachWindow(absl::Duration window);

 private:
  struct Shared;

  GroupGuard(Shared* shared, pid_t pid, UniqueFd worker, UniqueFd end);
  [[noreturn]] static void Guard(const Shared& shared, int worker, int end,
                                 const std::string& mark,
                                 const KeeperPlan& keeper, pid_t worker_pid);

  Shared* const shared_;  // with the process
  const pid_t pid_;
  // These the guard uses.
  const UniqueFd worker_;  // tells that this process has ended
  const UniqueFd end_;     // tells that it ends in order
  std::vector<uint32_t> free_;
  uint32_t used_ = 0;  // places from here on were never taken
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_GROUP_GUARD_H_
