// SimClient: submits graphs and repeats that until it is answered, watches its
// runs and resumes after each broken stream, and cancels some of them.
#ifndef W2T_TESTS_SIM_SIM_CLIENT_H_
#define W2T_TESTS_SIM_SIM_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/loop/inbox.h"
#include "tests/sim/channel.h"
#include "tests/sim/clock.h"
#include "tests/sim/oracle.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_daemon.h"
#include "tests/sim/sim_watch.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::sim {

class SimClient {
 public:
  SimClient(SimClock* clock, Oracle* oracle, SimDaemon* daemon, Random random,
            std::string name);

  void Submit(v1::SubmitRunRequest request);
  // Any of its runs.
  void CancelOne();
  void RestartOne();
  void TryRestart(const RestartEvent& event);
  void ReviseOne();
  // Says something again that has been answered, or something else under the
  // same request id.
  void RepeatOne(const v1::Graph& other);
  void BreakStreams();
  // From now on whatever does not end by itself is cancelled.
  void Calm();

  Wire& wire() { return wire_; }
  bool done() const;
  // What it still waits for.
  std::string Pending() const;
  size_t runs() const { return runs_.size(); }

 private:
  struct Run {
    v1::SubmitRunRequest request;
    std::string run_id;  // empty: not answered
    std::unique_ptr<SimWatch> watch;
    bool refused = false;
  };
  using Answered = std::function<void(const server::Answer&)>;
  // Done at the daemon; an error is the answer.
  using AtDaemon =
      absl::AnyInvocable<absl::Status(server::Inbox&, server::Reply)>;

  // One call. `answered` is called once, perhaps with DEADLINE_EXCEEDED.
  void Call(AtDaemon work, Answered answered);
  void TrySubmit(size_t run);
  void OnSubmitted(size_t run, const server::Answer& answer);
  void Cancel(size_t run);
  const Run* AnyLive();
  void OnChanged(const std::string& run_id, std::string_view what,
                 const server::Answer& answer);
  absl::Status PostRevision(const std::string& run_id, Random& random,
                            server::Inbox& inbox, server::Reply reply);
  // It does not end by itself.
  static bool Stays(const Run& run) {
    return run.request.hold() || run.request.unique_name();
  }

  SimClock* const clock_;
  Oracle* const oracle_;
  SimDaemon* const daemon_;
  Random random_;
  const std::string name_;
  Wire wire_;
  bool calm_ = false;
  std::vector<std::unique_ptr<Run>> runs_;
  uint64_t restarts_ = 0;                        // that it has asked for
  std::vector<std::unique_ptr<SimWatch>> past_;  // of runs that were forgotten
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_SIM_CLIENT_H_
