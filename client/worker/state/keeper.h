// Keeper: what looks after the services of a worker that was killed, until its
// next process takes over.
#ifndef W2T_CLIENT_WORKER_STATE_KEEPER_H_
#define W2T_CLIENT_WORKER_STATE_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <string>

namespace w2t::worker {

struct KeeperPlan {
  std::string folder;   // see StateFolder; empty: there is nothing to keep
  std::string mark;     // of the services
  std::string cgroups;  // the folder that holds theirs; empty: they have none
};

// These are for a process that does nothing else; they neither allocate nor
// lock.

// From now on what the service has printed, and nobody has read, is there also
// after its end and the worker's. `place`, below kMaxHeld, is its own until
// Release.
inline constexpr uint32_t kMaxHeld = 65'536;
void Hold(const KeeperPlan& plan, uint32_t place, uint64_t fence);
void Release(uint32_t place);

// The worker was killed. Its cgroup is given back, so that a service manager
// can start the next process in it: limits are in force again when that has
// come. When nobody takes over for `patience_ms`, which is
// when the daemon gives its services to other workers, they are stopped with
// SIGTERM, 2 s later with SIGKILL.
void Keep(const KeeperPlan& plan, int64_t patience_ms);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_KEEPER_H_
