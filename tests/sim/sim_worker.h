// SimWorker: a worker, one process after another. What it knows of its session
// is the real worker's SessionState; streams, time and the programs that it
// runs are played.
#ifndef W2T_TESTS_SIM_SIM_WORKER_H_
#define W2T_TESTS_SIM_SIM_WORKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/worker/session/session_state.h"
#include "tests/sim/clock.h"
#include "tests/sim/oracle.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_daemon.h"
#include "tests/sim/sim_stream.h"

namespace w2t::sim {

class SimWorker {
 public:
  // `identity` apart from its instance.
  SimWorker(SimClock* clock, Oracle* oracle, SimDaemon* daemon, Random random,
            v1::Hello identity);

  void Start();

  // Faults.
  void Die(absl::Duration down);
  // It neither reads nor writes, though what it runs goes on.
  void Hang(absl::Duration length);
  // The connection breaks; or the worker opens another stream, and the daemon
  // hears of the end of the first one only after `linger`.
  void BreakStream();
  void DialAgain(absl::Duration linger);
  void Leave();
  // Says again what it has said at some time, as if the network had kept it.
  void RepeatItself();
  // How many times longer everything takes.
  void SetSlowness(int slowness) { slowness_ = slowness; }
  // No task fails or takes long any more.
  void Calm();

  Wire& wire() { return wire_; }
  const std::string& name() const { return identity_.name(); }
  // Holds nothing, or has left.
  bool idle() const {
    return state_ == nullptr || (state_->held() == 0 && attempts_.empty());
  }
  bool running() const { return state_ != nullptr; }

 private:
  struct Attempt {
    worker::Offer offer;
    bool service = false;
    bool started = false;
  };

  // In this process, unless it has died meanwhile.
  void After(absl::Duration delay, absl::AnyInvocable<void()> what);
  absl::Duration Between(int low_ms, int high_ms);

  void Dial();
  void OnMessage(v1::SessionResponse& message);
  void OnClosed(const absl::Status& status);
  void CheckAlive();
  void Flush();
  void FlushSoon();

  std::vector<v1::SessionRequest> StaleOf(
      const std::vector<v1::SessionRequest>& said) const;
  void Take(const worker::Offer& offer);
  void Run(uint64_t fence);
  void End(uint64_t fence, worker::Outcome outcome);
  void Stop(const worker::Lease& lease);
  worker::Outcome AnyOutcome();
  void WaitUntilReady(const worker::Lease& lease);
  // Its probe may find that it is not well any more, and then it is stopped.
  void WatchOver(const worker::Lease& lease);
  void MissProbe(const worker::Lease& lease, uint32_t count);
  void Print(const worker::Lease& lease);

  SimClock* const clock_;
  Oracle* const oracle_;
  SimDaemon* const daemon_;
  Random random_;
  v1::Hello identity_;
  Wire wire_;
  int slowness_ = 1;
  bool calm_ = false;

  uint64_t process_ = 0;  // this one's, unique in the world
  uint64_t lives_ = 0;
  std::unique_ptr<worker::SessionState> state_;  // null: it does not run
  std::map<uint64_t, Attempt> attempts_;         // by fence
  std::map<uint64_t, v1::ReportBatch> sent_;     // not acknowledged, by seq
  std::vector<v1::SessionRequest> said_;         // the latest reports
  uint64_t last_seq_ = 0;                        // of reports, on this stream
  std::shared_ptr<SimStream> stream_;
  absl::Time last_heard_;
  absl::Time hangs_until_ = absl::InfinitePast();
  absl::Duration redial_;
  bool leaving_ = false;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_SIM_WORKER_H_
