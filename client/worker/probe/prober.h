// Prober: finds out when an attempt is ready, once. Of the loop's thread.
//
// The first check is made at once (after ReadyProbe.initial_delay); the gaps to
// the next ones double from kFirstGap up to ReadyProbe.every. A probe of the
// output makes no checks: it is fed.
#ifndef W2T_CLIENT_WORKER_PROBE_PROBER_H_
#define W2T_CLIENT_WORKER_PROBE_PROBER_H_

#include <cstdint>
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
#include "client/worker/probe/line_matcher.h"
#include "client/worker/probe/resolver.h"
#include "w2t/v1/graph.pb.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::worker {

inline constexpr absl::Duration kFirstGap = absl::Milliseconds(10);
inline constexpr absl::Duration kDefaultEvery = absl::Seconds(1);
inline constexpr absl::Duration kDefaultProbeTimeout = absl::Seconds(1);
inline constexpr absl::Duration kDefaultReadyDeadline = absl::Seconds(60);

class Prober {
 public:
  // What it is served by; all outlive it.
  struct Services {
    Loop* loop;
    Reaper* reaper;
    Resolver* resolver;
  };

  // One of `ready` and `failed` is called, at most once; `failed` with words
  // like "not ready within 60s; last probe: connect to 127.0.0.1:5432:
  // Connection refused". The prober must outlive the call. `task` gives an exec
  // probe its environment and folder. INVALID_ARGUMENT for a probe that makes
  // no sense.
  static absl::StatusOr<std::unique_ptr<Prober>> Create(
      const Services& services, const v1::ReadyProbe& probe,
      const SpawnSpec& task, absl::AnyInvocable<void()> ready,
      absl::AnyInvocable<void(std::string)> failed);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // The attempt has started: the deadline counts from here.
  void Start();
  void OnOutput(v1::LogStream stream, std::string_view data);
  void OnOutputEnded();
  // Nobody wants to know any more.
  void Cancel();

 private:
  Prober(const Services& services, const v1::ReadyProbe& probe,
         absl::AnyInvocable<void()> ready,
         absl::AnyInvocable<void(std::string)> failed);

  void MakeCheck();
  void OnChecked(const absl::Status& status);
  void OnPassed();
  void OnMissed(std::string message);
  void Succeed();
  void Fail(std::string why);
  std::string LastProbe() const;

  const Services services_;
  const v1::ReadyProbe probe_;
  const absl::Duration every_;
  const absl::Duration timeout_;
  const absl::Duration deadline_;
  absl::AnyInvocable<void()> ready_;
  absl::AnyInvocable<void(std::string)> failed_;

  HostPort target_;                      // of a tcp probe
  SpawnSpec command_;                    // of an exec probe
  std::unique_ptr<LineMatcher> stdout_;  // of a log probe
  std::unique_ptr<LineMatcher> stderr_;

  bool done_ = false;
  std::unique_ptr<Check> check_;
  absl::Duration gap_;
  uint32_t passed_in_a_row_ = 0;
  uint32_t missed_in_a_row_ = 0;
  std::string last_miss_;
  TimerId next_timer_ = 0;
  TimerId check_timer_ = 0;
  TimerId deadline_timer_ = 0;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_PROBER_H_
