// SimLiar: a peer that opens streams like a worker and says whatever comes to
// its mind: leases that it does not hold, old fences, states that there are
// not, messages in the wrong order.
#ifndef W2T_TESTS_SIM_SIM_LIAR_H_
#define W2T_TESTS_SIM_SIM_LIAR_H_

#include <memory>

#include "tests/sim/clock.h"
#include "tests/sim/oracle.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_daemon.h"
#include "tests/sim/sim_stream.h"

namespace w2t::sim {

class SimLiar {
 public:
  SimLiar(SimClock* clock, Oracle* oracle, SimDaemon* daemon, Random random,
          v1::Hello identity);

  void Start();
  void Stop();
  void BreakStream() {
    if (stream_ != nullptr) stream_->Break();
  }

 private:
  void Act();
  v1::SessionRequest Lie();
  v1::SessionRequest LieInReports();
  void AddLease(v1::LeaseColumns* leases);

  SimClock* const clock_;
  Oracle* const oracle_;
  SimDaemon* const daemon_;
  Random random_;
  const v1::Hello identity_;
  Wire wire_;
  bool stopped_ = false;
  uint64_t seq_ = 0;
  std::shared_ptr<SimStream> stream_;
  v1::LeaseColumns offered_;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_SIM_LIAR_H_
