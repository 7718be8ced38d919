// ExecAttempt: one attempt that runs a program, from its start to its report.
// Of the loop's thread.
//
//   Start -> running -> [stopping: signal or command, grace, kill]
//         -> the child has ended: what is left of its processes is killed, or,
//            when it is being stopped, has the rest of the grace to end
//         -> none of them lives -> the pipes are drained
//         -> reported, and Host::OnAttemptEnded
//
// With a KeptService it outlives a worker that is killed, and the next
// process of that goes on with it: Adopt instead of Start.
#ifndef W2T_CLIENT_WORKER_EXEC_EXEC_ATTEMPT_H_
#define W2T_CLIENT_WORKER_EXEC_EXEC_ATTEMPT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/worker/exec/output_pipe.h"
#include "client/worker/exec/process_tree.h"
#include "client/worker/exec/reaper.h"
#include "client/worker/exec/spawn.h"
#include "client/worker/loop/loop.h"
#include "client/worker/probe/probes.h"
#include "client/worker/session/lease.h"
#include "client/worker/state/kept_service.h"

namespace w2t::worker {

// How long the pipes of a child that has ended may stay open: a process that
// left its group may hold them for ever.
inline constexpr absl::Duration kDrainTimeout = absl::Milliseconds(100);
inline constexpr absl::Duration kDefaultGrace = absl::Seconds(10);
// Gaps between looks whether processes of an attempt still live.
inline constexpr absl::Duration kFirstTreePoll = absl::Milliseconds(1);
inline constexpr absl::Duration kLongestTreePoll = absl::Milliseconds(80);
// What the system does not let die, or not let us kill, is given up, in words,
// once it was killed so long ago.
inline constexpr absl::Duration kKillPatience = absl::Seconds(10);

class ExecAttempt {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    virtual AttemptSink& sink() = 0;
    virtual Loop& loop() = 0;
    virtual Reaper& reaper() = 0;
    virtual Resolver& resolver() = 0;
    virtual HttpClient& http() = 0;
    virtual GrpcClient& grpc() = 0;
    virtual NotifyFolder& notify_folder() = 0;
    // Its probe has passed.
    virtual void OnAttemptUp(uint64_t fence) = 0;
    // The attempt has reported its outcome and may be destroyed.
    virtual void OnAttemptEnded(uint64_t fence,
                                std::unique_ptr<KeptService> kept) = 0;
  };

  // `command` is the offer's, without descriptors; `mark` is in its
  // environment. `kept` is null for one that ends with the worker.
  ExecAttempt(Host* host, Offer offer, SpawnSpec command, std::string mark,
              std::unique_ptr<KeptService> kept = nullptr);
  // Before Start or Adopt: a cgroup of its own. `unkept` says, if anything, why
  // its limits are not kept to.
  void Use(std::unique_ptr<Cgroup> cgroup, std::string unkept);
  ~ExecAttempt();
  ExecAttempt(const ExecAttempt&) = delete;
  ExecAttempt& operator=(const ExecAttempt&) = delete;

  // False when it could not be started; that has been reported then, without
  // Host::OnAttemptEnded.
  bool Start();
  // Goes on with what an earlier process has started and kept.
  void Adopt();
  // Stops it as its action says, though with a grace of `longest_grace` at
  // most; the outcome is CANCELLED. When it is being stopped already, only its
  // grace becomes shorter.
  void Cancel(absl::Duration longest_grace = absl::InfiniteDuration());
  // There is room for output again.
  void ResumeOutput();
  // The daemon has so much of its output.
  void ReleaseOutput(uint64_t bytes);
  // Nobody asks about it any more: what it prints on its way out is not kept.
  void Forget();

 private:
  enum class Ending { kByItself, kInterrupted, kCancelled, kTimedOut, kUnwell };

  absl::Status TryStart();
  absl::StatusOr<Child> SpawnIt();
  void HoldOutput(PipeEnd out, PipeEnd err);
  void KeepStart(PipeEnd out, PipeEnd err);
  void Keep(const kept::v1::KeptAttempt& news);
  absl::Status WatchChild();
  void ReplayOutput();
  absl::Status MakeProbes(const std::string& notify);
  void AwaitTimeout(absl::Duration age);
  bool OnOutput(v1::LogStream stream, std::string_view data);
  void OnPipeClosed();
  void OnReady();
  void Stop(Ending ending, std::string why, absl::Duration longest_grace);
  int StopSignal() const;
  void SendStopSignal();
  bool RunStopCommand();
  void OnStopCommandEnded();
  void AwaitGrace(absl::Duration grace);
  void OnGraceOver(absl::Duration grace);
  void OnChildEnded();
  void AwaitTree();
  void DrainPipes();
  void Finish();
  Outcome MakeOutcome() const;
  std::string StopWords() const;
  std::string MemoryWords() const;
  void Note(std::string_view line);

  Host* const host_;
  const Offer offer_;
  SpawnSpec command_;
  const std::string mark_;
  std::unique_ptr<KeptService> kept_;  // null: it is not kept
  std::unique_ptr<Cgroup> cgroup_;     // null: it has none
  std::string unkept_;
  std::string unknown_;  // why, when nobody can know how it ended

  Child child_;       // pid 0: none, or ended
  ProcessTree tree_;  // of the child, even after its end
  GroupGuard::Slot guarded_;
  WatchId child_watch_ = 0;
  std::optional<Exit> exit_;
  bool drained_ = false;
  bool forgotten_ = false;
  OutputPipe stdout_;
  OutputPipe stderr_;
  std::unique_ptr<Probes> probes_;  // null: it has none
  TimerId timeout_timer_ = 0;
  TimerId tree_timer_ = 0;
  absl::Duration tree_poll_ = kFirstTreePoll;
  std::optional<absl::Time> kill_by_;  // given up then
  std::string survivors_;              // that were given up
  TimerId drain_timer_ = 0;

  Ending ending_ = Ending::kByItself;
  std::string why_;
  TimerId grace_timer_ = 0;
  absl::Duration grace_ = absl::ZeroDuration();
  std::string stopped_by_;
  std::optional<absl::Duration> killed_after_;
  Child stopper_;  // the stop command; pid 0: none
  WatchId stopper_watch_ = 0;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_EXEC_ATTEMPT_H_
