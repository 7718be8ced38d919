// Keeper: what looks after the services of a worker that was killed, until its
// next process takes over.
#ifndef W2T_CLIENT_WORKER_STATE_KEEPER_H_
#define W2T_CLIENT_WORKER_STATE_KEEPER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace w2t::worker {

struct KeeperPlan {
  std::string folder;   // see StateFolder; empty: there is nothing to keep
  std::string mark;     // of the services
  std::string cgroups;  // the folder that holds theirs; empty: they have none
};

// The pipes that a service prints to, as numbers of descriptors and as PipeOf
// has them. In memory that the worker and its keeper share, as they share their
// descriptors: what the service has printed, and nobody has read, is there also
// after its end and the worker's.
struct HeldOutput {
  std::atomic<uint64_t> fence = 0;  // 0: there is none
  std::atomic<int> fds[2] = {};
  std::atomic<uint64_t> pipes[2] = {};
};

// These are for a process that does nothing else; they neither allocate nor
// lock.

// Closes all descriptors but the pipes of services, where these still are what
// they were; in a table of its own, since keepers of other workers in the
// killed process share the one that it had. Returns how many services there
// are.
size_t CloseAllButOutput(std::span<const HeldOutput> services);

// The worker was killed. Its cgroup is given back, so that a service manager
// can start the next process in it: limits are in force again when that has
// come. When there are `services` and nobody takes over for `patience_ms`,
// which is when the daemon gives them to other workers, they are stopped with
// SIGTERM, 2 s later with SIGKILL.
void Keep(const KeeperPlan& plan, size_t services, int64_t patience_ms);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_KEEPER_H_
