// World: a daemon, workers and clients, and everything that goes wrong between
// them, all from one seed.
//
// For a while faults of the kinds that the seed has chosen happen at random.
// Then they stop, and everything that was begun must end within a bounded time.
#ifndef W2T_TESTS_SIM_WORLD_H_
#define W2T_TESTS_SIM_WORLD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/sim/clock.h"
#include "tests/sim/oracle.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_daemon.h"
#include "tests/sim/sim_liar.h"
#include "tests/sim/sim_worker.h"

namespace w2t::sim {

struct Report {
  std::optional<std::string> fault;
  uint64_t trace = 0;
  uint64_t runs = 0;
  uint64_t batches = 0;
  uint64_t crashes = 0;  // of the daemon
};

class World {
 public:
  World(uint64_t seed, bool verbose);
  ~World();
  Report Play();

 private:
  struct Plan;
  static Plan MakePlan(Random& random);

  void AddWorker(bool able);
  void Live();
  void Disturb();
  void DisturbDaemon();
  void DisturbDisk();
  void DisturbWorker();
  void DisturbNetwork();
  void KillKeepers();
  void Drain(const std::string& worker, bool undo);
  void KeepUndrained();
  void Calm();
  bool Finished() const;
  void CheckEnd();

  SimWorker& AnyWorker() { return *workers_[random_.Below(workers_.size())]; }
  SimClient& AnyClient() { return *clients_[random_.Below(clients_.size())]; }
  Tail AnyTail();

  SimClock clock_;
  Random random_;
  Random folders_;               // decides which workers have one
  const uint64_t with_folders_;  // of a hundred
  const std::unique_ptr<const Plan> plan_;
  Oracle oracle_;
  SimDaemon daemon_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::unique_ptr<SimLiar> liar_;
  bool calm_ = false;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_WORLD_H_
