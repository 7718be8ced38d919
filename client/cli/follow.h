// Follower: watches a run to its end and shows it.
#ifndef W2T_CLIENT_CLI_FOLLOW_H_
#define W2T_CLIENT_CLI_FOLLOW_H_

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cli/context.h"
#include "client/cli/display.h"
#include "client/cli/interrupts.h"
#include "client/cli/mailbox.h"
#include "client/cli/run_logs.h"
#include "client/cli/wait_cause.h"
#include "w2t/client.h"

namespace w2t::cli {

struct FollowOptions {
  std::string run_id;
  DisplayOptions display;
  // ^C cancels the run and goes on until it has ended, rather than just
  // leaving.
  bool cancel_on_interrupt = false;
  // Leave once the run is up: all tasks have ended and all services are ready.
  bool until_up = false;
  // Without that within this time, leave with an error that says what it waits
  // for.
  absl::Duration timeout = absl::InfiniteDuration();
  // Once its output cannot be written, cancels the run and waits for its end,
  // rather than leaving it to others.
  bool cancel_on_lost_output = false;
};

struct FollowResult {
  absl::Status status;
  bool interrupted = false;
  // The output could not be written, and the run went on.
  bool lost_output = false;
  // Set when it has ended, or is up and that was waited for.
  std::optional<v1::Run> run;
};

// Follow is for one thread; Fail may be called on any.
class Follower {
 public:
  Follower(const Context& context, Client& client, const Interrupts& interrupts,
           FollowOptions options);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Blocks until the run has ended or is up, or there is no more to be learnt
  // of it.
  FollowResult Follow();
  // Ends Follow with `status`.
  void Fail(const absl::Status& status);

 private:
  struct Interrupted {};
  struct Notice {
    std::string text;
  };
  struct WatchEnded {
    absl::Status status;
  };
  struct LogsEnded {
    absl::Status status;
  };
  struct Failed {
    absl::Status status;
  };
  using Item = std::variant<v1::WatchRunResponse, v1::TaskOutput, Interrupted,
                            Notice, WatchEnded, LogsEnded, Failed>;

  // Shows the run as it was submitted, so that no event is missed.
  void Begin();
  void Watch();
  void Handle(Item& item);
  void HandleWatch(const v1::WatchRunResponse& item);
  // Where it does not disturb what is drawn.
  void ShowNotice(const std::string& text);
  void HandleInterrupt();
  void HandleLostOutput();
  void Cancel(std::string_view reason);
  // Begins to read what the tasks print.
  void FollowLogs();
  void HandleLogsEnded(const absl::Status& status);
  // Output of this task, up to its attempt, may be shown.
  void LetOutput(uint32_t task, uint32_t attempt, v1::TaskState state);
  void EndUp();
  void GiveUp();
  // Shows what a run waits for that does not go on.
  void LookForCause();
  void End(const absl::Status& status);

  const Context& context_;
  Client& client_;
  const Interrupts& interrupts_;
  const FollowOptions options_;
  Display display_;
  Mailbox<Item> mailbox_;
  FollowResult result_;
  bool over_ = false;
  bool up_ = false;
  bool first_snapshot_ = true;
  bool logs_over_ = false;
  uint64_t after_seq_ = 0;  // to watch from; 0: a snapshot
  absl::Time last_activity_;
  const absl::Time give_up_;
  WaitCause cause_;
  std::stop_source stop_watch_;
  std::optional<RunLogs> run_logs_;
  std::thread watcher_;
};

// Says that the run goes on without its watcher.
void TellHowToComeBack(std::string_view run_id, const Context& context);

// Says that the run goes on although what it shows is lost; the exit code.
int LeaveUnread(std::string_view run_id, const Context& context);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_FOLLOW_H_
