// SimWorker: a worker, one process after another. What it knows of its session
// is the real worker's SessionState; streams, time, its state folder and the
// programs that it runs are played.
#ifndef W2T_TESTS_SIM_SIM_WORKER_H_
#define W2T_TESTS_SIM_SIM_WORKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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
  // `identity` apart from its instance. One that keeps has a state folder: its
  // services outlive its processes, and the next one goes on with them.
  SimWorker(SimClock* clock, Oracle* oracle, SimDaemon* daemon, Random random,
            v1::Hello identity, bool keeps);

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
    return kept_.empty() &&
           (state_ == nullptr || (state_->held() == 0 && attempts_.empty()));
  }
  bool running() const { return state_ != nullptr; }
  // With its state folder, so that they outlive it.
  bool runs_services() const { return state_ != nullptr && !kept_.empty(); }

 private:
  struct Attempt {
    worker::Offer offer;
    bool service = false;
    bool started = false;
  };
  // A service in the state folder, until the daemon has its end.
  struct Kept {
    worker::Offer offer;
    bool started = false;  // else a kill came between
    bool lives = false;
    bool ready = false;  // its probe would pass
    bool up = false;     // the probe has passed
    uint64_t printed = 0;
    uint64_t taken = 0;  // of it, that the daemon has
    std::optional<worker::Outcome> outcome;
    bool forgotten = false;  // to be removed when it has ended
  };

  // In this process, unless it has died meanwhile.
  void After(absl::Duration delay, absl::AnyInvocable<void()> what);
  absl::Duration Between(int low_ms, int high_ms);

  void Dial();
  void OnMessage(v1::SessionResponse& message);
  void OnClosed(const absl::Status& status);
  void CheckAlive();
  void Flush();
  void TakeStartable();
  void FlushSoon();
  void FlushOutputLater();

  std::vector<v1::SessionRequest> StaleOf(
      const std::vector<v1::SessionRequest>& said) const;
  void Take(const worker::Offer& offer);
  void Run(uint64_t fence);
  void End(uint64_t fence, worker::Outcome outcome);
  void Stop(const worker::Lease& lease);
  worker::Outcome AnyOutcome();
  void WaitUntilReady(const worker::Lease& lease, bool is_ready);
  // Its probe may find that it is not well any more, and then it is stopped.
  void WatchOver(const worker::Lease& lease);
  void MissProbe(const worker::Lease& lease, uint32_t count);
  void Print(const worker::Lease& lease);

  // sim_worker_keeps.cc: what outlives a process.
  Kept* FindKept(uint64_t fence);
  // The process is gone, or the machine with all that ran there.
  void Abandon(absl::Duration down);
  void DieAlone(uint64_t fence);
  void Adopt();
  void AdoptOne(uint64_t fence);
  void NoteKept(const worker::Todo& todo);

  SimClock* const clock_;
  Oracle* const oracle_;
  SimDaemon* const daemon_;
  Random random_;
  v1::Hello identity_;
  const bool keeps_;
  Wire wire_;
  int slowness_ = 1;
  bool calm_ = false;

  uint64_t process_ = 0;  // this one's, unique in the world
  uint64_t lives_ = 0;
  std::unique_ptr<worker::SessionState> state_;  // null: it does not run
  std::map<uint64_t, Attempt> attempts_;         // by fence
  std::map<uint64_t, Kept> kept_;                // likewise
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
