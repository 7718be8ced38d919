// SimWatch: a client's watch of one run, over as many streams as it takes. The
// daemon's side is the real hub and feed.
#ifndef W2T_TESTS_SIM_SIM_WATCH_H_
#define W2T_TESTS_SIM_SIM_WATCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/observe/watch_feed.h"
#include "tests/sim/channel.h"
#include "tests/sim/clock.h"
#include "tests/sim/oracle.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_daemon.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::sim {

class SimWatch {
 public:
  SimWatch(SimClock* clock, Oracle* oracle, SimDaemon* daemon, Random random,
           const Wire* wire, std::string run_id);
  ~SimWatch();

  void Open();
  // The connection breaks.
  void Break();
  // Reads without delay from now on.
  void Calm() { slow_ = false; }
  // It has heard of the run's end, or that the run was forgotten.
  bool ended() const { return ended_; }
  std::string ToString() const;

 private:
  class Stream;

  void OnMessage(const v1::WatchRunResponse& message);
  void OnSnapshot(const v1::RunSnapshot& snapshot);
  void OnEvents(const v1::EventBatch& events);
  void OnEnd(const v1::Run& run);
  void OnClosed(const absl::Status& status);

  SimClock* const clock_;
  Oracle* const oracle_;
  SimDaemon* const daemon_;
  Random random_;
  const Wire* const wire_;
  const std::string run_id_;
  bool slow_;
  std::shared_ptr<Stream> stream_;
  uint64_t seq_ = 0;    // heard of
  bool whole_ = false;  // the snapshot is
  std::vector<v1::TaskState> states_;
  bool ended_ = false;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_SIM_WATCH_H_
