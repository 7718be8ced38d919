// Observer: writes to the log what becomes durable. Not thread-safe: owned by
// the loop.
#ifndef W2T_SERVER_OBSERVE_OBSERVER_H_
#define W2T_SERVER_OBSERVE_OBSERVER_H_

#include "absl/container/flat_hash_set.h"
#include "core/base/ids.h"
#include "core/engine/fact.h"
#include "server/loop/inbox.h"

namespace w2t::server {

class Observer {
 public:
  // Takes note of the runs that go on after a replay.
  void Begin(const View& view);
  void Committed(const View& view, const FactBatch& facts);
  void RunChanged(const View& view, RunNumber run);
  // `worker` named leases that are not its own any more.
  void LeasesRefused(const View& view, WorkerNumber worker,
                     const LeaseColumns& leases);

 private:
  absl::flat_hash_set<RunNumber> open_runs_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_OBSERVE_OBSERVER_H_
