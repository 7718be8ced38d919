// Prober: finds out when an attempt is ready, once, or watches whether it is
// still alive. Of the loop's thread.
//
// For readiness the first check is made at once (after Probe.initial_delay);
// the gaps to the next ones double from kFirstGap up to Probe.every. For
// liveness one is made after each Probe.every. A probe of the output, and one
// of what the task says of itself, make no checks: they are fed.
#ifndef W2T_CLIENT_WORKER_PROBE_PROBER_H_
#define W2T_CLIENT_WORKER_PROBE_PROBER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/worker/exec/reaper.h"
#include "client/worker/exec/spawn.h"
#include "client/worker/loop/loop.h"
#include "client/worker/probe/check.h"
#include "client/worker/probe/grpc_client.h"
#include "client/worker/probe/http_client.h"
#include "client/worker/probe/line_matcher.h"
#include "client/worker/probe/notification.h"
#include "client/worker/probe/resolver.h"
#include "client/worker/session/lease.h"
#include "w2t/v1/graph.pb.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::worker {

inline constexpr absl::Duration kFirstGap = absl::Milliseconds(10);
inline constexpr absl::Duration kMissedGap = absl::Seconds(1);
inline constexpr absl::Duration kDefaultReadyEvery = absl::Seconds(1);
inline constexpr absl::Duration kDefaultLiveEvery = absl::Seconds(10);
inline constexpr absl::Duration kDefaultProbeTimeout = absl::Seconds(1);
inline constexpr absl::Duration kDefaultReadyDeadline = absl::Seconds(60);
inline constexpr uint32_t kDefaultLiveFailures = 3;

class Prober {
 public:
  enum class Purpose { kReady, kLive };
  // What it is served by; all outlive it.
  struct Services {
    Loop* loop;
    Reaper* reaper;
    Resolver* resolver;
    HttpClient* http;
    GrpcClient* grpc;
  };
  // The prober must outlive the calls.
  struct Events {
    // It is ready. At most once, and never for liveness.
    absl::AnyInvocable<void()> passed;
    // It is not, and there will be no more probes; with words like "not ready
    // within 60s; last probe: connect to 127.0.0.1:5432: Connection refused".
    absl::AnyInvocable<void(std::string)> failed;
    // A probe has failed: the first, one in every kMissedGap, and each that
    // found something else than the one before.
    absl::AnyInvocable<void(MissedProbe)> missed;
  };

  // `task` gives an exec probe its environment and folder. INVALID_ARGUMENT for
  // a probe that makes no sense.
  static absl::StatusOr<std::unique_ptr<Prober>> Create(
      const Services& services, Purpose purpose, const v1::Probe& probe,
      const SpawnSpec& task, Events events);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // The attempt has started (liveness: is ready). All times count from here.
  void Start();
  void OnOutput(v1::LogStream stream, std::string_view data);
  void OnOutputEnded();
  void OnNotified(const Notification& said);
  // Nobody wants to know any more.
  void Cancel();

  absl::Duration every() const { return every_; }

 private:
  Prober(const Services& services, Purpose purpose, const v1::Probe& probe,
         Events events);

  absl::Status SetUp(const SpawnSpec& task);
  void SetDeadline(absl::Duration from_now);
  void MakeCheck();
  void LookForWatchdog();
  void OnChecked(const absl::Status& status);
  void OnPassed();
  void OnMissed(std::string message);
  void Tell(const std::string& message);
  void Succeed();
  void Fail(std::string why);
  std::string LastProbe() const;

  const Services services_;
  const Purpose purpose_;
  const v1::Probe probe_;
  const absl::Duration every_;
  const absl::Duration timeout_;
  const absl::Duration deadline_;
  const uint32_t failures_;  // in a row that end it; 0: none do
  Events events_;

  // Null: it is fed.
  std::function<std::unique_ptr<Check>(CheckDone)> start_check_;
  std::unique_ptr<LineMatcher> stdout_;  // of a log probe
  std::unique_ptr<LineMatcher> stderr_;

  bool done_ = false;
  bool said_alive_ = false;  // since the last look
  std::string last_status_;  // of what it said of itself
  std::unique_ptr<Check> check_;
  absl::Duration gap_;
  uint32_t passed_in_a_row_ = 0;
  uint32_t missed_in_a_row_ = 0;
  std::string last_miss_;
  uint32_t checks_ = 0;
  absl::Time check_began_;
  absl::Time told_at_ = absl::InfinitePast();
  TimerId next_timer_ = 0;
  TimerId check_timer_ = 0;
  absl::Time deadline_at_;
  TimerId deadline_timer_ = 0;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_PROBER_H_
