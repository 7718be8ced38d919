// Probes: all that finds out how one attempt is: whether it is ready, and
// afterwards whether it is alive. Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_PROBE_PROBES_H_
#define W2T_CLIENT_WORKER_PROBE_PROBES_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "client/worker/exec/spawn.h"
#include "client/worker/probe/notify_socket.h"
#include "client/worker/probe/prober.h"
#include "w2t/v1/graph.pb.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::worker {

class Probes {
 public:
  // The probes must outlive the calls.
  struct Events {
    absl::AnyInvocable<void()> up;
    // It is not ready, or no longer alive; once, and then nothing else comes.
    absl::AnyInvocable<void(std::string)> failed;
    // For people to see: a probe of readiness has failed.
    absl::AnyInvocable<void(MissedProbe)> missed;
    // For the attempt's log.
    absl::AnyInvocable<void(std::string)> note;
  };

  // Those of `action`, which outlives them, as it does what they are served by.
  // Null when it has none. What the task is to find in its environment is added
  // to `task`. `notify` is as for NotifySocket. INVALID_ARGUMENT for a probe
  // that makes no sense.
  static absl::StatusOr<std::unique_ptr<Probes>> Create(
      const Prober::Services& services, NotifyFolder* folder,
      const std::string& notify, const v1::Action& action, SpawnSpec* task,
      Events events);
  Probes(const Probes&) = delete;
  Probes& operator=(const Probes&) = delete;

  // The attempt has started, as the leader of `group`. `up`: it has been ready
  // before.
  void Start(pid_t group, bool up = false);
  void OnOutput(v1::LogStream stream, std::string_view data);
  void OnOutputEnded();
  // Hears the last words of a process that is about to be reaped.
  void OnEnding();
  // Nobody wants to know any more.
  void Cancel();

  // The value of NOTIFY_SOCKET; empty when it has none.
  std::string notify_name() const {
    return socket_ == nullptr ? "" : socket_->name();
  }
  // The main process, if the task has said which of its group it is; else 0.
  pid_t main_pid() const { return main_pid_; }

 private:
  explicit Probes(Events events) : events_(std::move(events)) {}

  void OnReady();
  void OnNotified(const Notification& said);

  Events events_;
  std::unique_ptr<NotifySocket> socket_;  // null: no probe needs it
  std::unique_ptr<Prober> ready_;         // null: no such probe
  std::unique_ptr<Prober> live_;
  pid_t group_ = 0;
  pid_t main_pid_ = 0;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_PROBE_PROBES_H_
