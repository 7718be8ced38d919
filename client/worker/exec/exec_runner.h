// ExecRunner: runs programs. All of them are served by the loop's thread; every
// member is of that thread.
#ifndef W2T_CLIENT_WORKER_EXEC_EXEC_RUNNER_H_
#define W2T_CLIENT_WORKER_EXEC_EXEC_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "client/worker/exec/exec_attempt.h"
#include "client/worker/exec/orphans.h"
#include "client/worker/exec/reaper.h"
#include "client/worker/loop/loop.h"
#include "client/worker/probe/grpc_client.h"
#include "client/worker/probe/http_client.h"
#include "client/worker/probe/notify_socket.h"
#include "client/worker/probe/resolver.h"
#include "client/worker/session/lease.h"
#include "client/worker/session/session_state.h"
#include "client/worker/state/state_folder.h"

namespace w2t::worker {

// One that has been starting for this long leaves its place to another: what it
// waits for may wait for that place.
inline constexpr absl::Duration kStartingPatience = absl::Seconds(10);

struct ExecOptions {
  std::string worker;  // its name
  // Of all that it runs, as OwnEnvironment has it; tasks add to it.
  std::shared_ptr<const std::vector<std::string>> environment =
      std::make_shared<const std::vector<std::string>>();
  // The children's bound on descriptors. Default: the worker's.
  std::optional<rlimit> open_files;
  // Outlives the runner. Null: programs may outlive a worker that is killed.
  GroupGuard* guard = nullptr;
  // Marks of attempts start with it. Unique on this machine.
  std::string mark;
  // Where services are kept that outlive a worker that is killed. Outlives the
  // runner. Null: none does.
  StateFolder* state = nullptr;
  // For services and for what has limits. Outlives the runner. Null: there are
  // none, for this reason.
  Cgroups* cgroups = nullptr;
  std::string no_cgroups = "the worker has no cgroups";
  // Most attempts with a probe of readiness that are started and not yet up.
  // Further ones wait, in order; others pass them by.
  size_t max_starting = 64;
  absl::Duration starting_patience = kStartingPatience;
};

class ExecRunner final : private ExecAttempt::Host {
 public:
  ExecRunner(Loop* loop, AttemptSink* sink, ExecOptions options);
  ~ExecRunner() override;

  // Goes on with the services of an earlier process. Before the session is
  // opened.
  void Adopt(std::vector<std::unique_ptr<KeptService>> services);
  // Each one ends with a report to the sink. Their actions are ExecActions.
  void Start(std::vector<Offer> offers);
  // Attempts that have ended, or never were, are left alone.
  void Cancel(absl::Span<const Lease> leases);
  // Stops all, each within `longest_grace` at most, and starts no more: what
  // comes later is reported as cancelled.
  void StopAll(absl::Duration longest_grace);
  // There is room for output again.
  void ResumeOutput();
  // See Session::Delegate.
  void OutputTaken(absl::Span<const OutputTaken> taken);
  void Forget(absl::Span<const uint64_t> fences);

  // Attempts that have not ended.
  size_t running() const {
    return attempts_.size() + queue_.size() + turn_.size();
  }

 private:
  using Host = ExecAttempt::Host;

  AttemptSink& sink() override { return *sink_; }
  Loop& loop() override { return *loop_; }
  Reaper& reaper() override { return reaper_; }
  Resolver& resolver() override { return resolver_; }
  HttpClient& http() override { return http_; }
  GrpcClient& grpc() override { return grpc_; }
  NotifyFolder& notify_folder() override { return notify_folder_; }
  void OnAttemptUp(uint64_t fence) override { LeavePlace(fence); }
  void OnAttemptEnded(uint64_t fence,
                      std::unique_ptr<KeptService> kept) override;
  std::unique_ptr<ExecAttempt> Make(Offer offer,
                                    std::unique_ptr<KeptService> kept);
  std::unique_ptr<KeptService> KeptFor(const Offer& offer);
  // As for ExecAttempt::Use. `path` is that of the cgroup, if it has one.
  std::pair<std::unique_ptr<Cgroup>, std::string> CgroupFor(
      const Offer& offer, const std::string& mark, const std::string& path);
  void StartSome();
  void StartSomeSoon();
  // The next one that may start now; those that may not go to turn_.
  std::optional<Offer> Next();
  bool HasPlace() const { return starting_.size() < options_.max_starting; }
  void EnterPlace(uint64_t fence);
  void LeavePlace(uint64_t fence);
  void LeaveOldPlaces();
  void Drop(const Offer& offer);
  // Those of `fences` that have not started.
  void DropFrom(std::deque<Offer>& queue,
                const absl::flat_hash_set<uint64_t>& fences);
  void SweepNow();

  Loop* const loop_;
  AttemptSink* const sink_;
  const ExecOptions options_;
  Orphans orphans_;
  Orphans::Started guard_started_;
  TimerId sweep_timer_ = 0;  // while attempts run
  Reaper reaper_;
  Resolver resolver_;
  HttpClient http_;
  GrpcClient grpc_;
  NotifyFolder notify_folder_;
  std::deque<Offer> queue_;
  std::deque<Offer> turn_;  // wait for a place; came before those in queue_
  // Those that have a place, by fence, and when they left it at the latest.
  absl::flat_hash_map<uint64_t, absl::Time> starting_;
  bool start_posted_ = false;  // StartSome is
  bool stopped_ = false;
  absl::flat_hash_map<uint64_t, std::unique_ptr<ExecAttempt>> attempts_;
  // Of services that have ended, until the daemon has that.
  absl::flat_hash_map<uint64_t, std::unique_ptr<KeptService>> ended_;
  // Nobody asks about these any more, though they run.
  absl::flat_hash_set<uint64_t> forgotten_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_EXEC_RUNNER_H_
