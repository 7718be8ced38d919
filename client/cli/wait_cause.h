// WaitCause: why a run that is watched does not go on.
#ifndef W2T_CLIENT_CLI_WAIT_CAUSE_H_
#define W2T_CLIENT_CLI_WAIT_CAUSE_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "client/cli/run_view.h"
#include "client/cli/stopping.h"
#include "w2t/client.h"

namespace w2t::cli {

// Asks the daemon when nothing has changed for a while, and while the run
// stops; then less and less often, unless it is `live`. Not thread-safe.
class WaitCause {
 public:
  WaitCause(Client& client, std::string run_id, bool live);

  // Something happened in the run.
  void Changed(absl::Time now) { last_change_ = now; }
  // What to show now, in one line; empty: nothing any more. None: what is
  // shown. `away`: the daemon is.
  std::optional<std::string> Look(const RunView& view, bool away,
                                  absl::Time now);
  // Asks at once. Empty when nobody knows.
  std::string Ask(absl::Time now);

 private:
  Client& client_;
  const std::string run_id_;
  const bool live_;
  absl::Time last_change_;
  absl::Time last_look_ = absl::InfinitePast();
  absl::Duration gap_;
  StoppingTasks stopping_;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_WAIT_CAUSE_H_
