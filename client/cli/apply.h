// Changing what is up: says what will happen, does it, and shows it until all
// is ready again.
#ifndef W2T_CLIENT_CLI_APPLY_H_
#define W2T_CLIENT_CLI_APPLY_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/changes.h"
#include "client/cli/context.h"
#include "client/cli/follow.h"
#include "client/cli/interrupts.h"
#include "client/graphfile/graph_file.h"
#include "w2t/client.h"

namespace CLI {
class App;
}

namespace w2t::cli {

struct ChangeFlags {
  bool dry_run = false;
  bool detach = false;
  absl::Duration timeout = absl::InfiniteDuration();
  bool quiet = false;
  bool no_logs = false;
};

// Declares --dry-run, --detach, --timeout, --quiet and --no-logs. `flags` must
// outlive `command`.
void AddChangeFlags(CLI::App& command, ChangeFlags& flags);

// Where a command acts. All must outlive it.
struct Scene {
  const Context& context;
  Client& client;
  const Interrupts& interrupts;
};

// Waits for a moment. False when it was interrupted.
bool Pause(const Interrupts& interrupts, absl::Duration length);

// Says what will happen to a run: its changes, under `head`. As JSON,
// `response` as it is.
void ShowPlan(const Scene& scene, std::string_view head, const Changes& changes,
              const google::protobuf::Message& response);

// Follows a run until it is up. Returns how the command ends: well when nothing
// of the run has failed. On ^C the run goes on, and that is said.
int FollowUntilUp(const Scene& scene, const ChangeFlags& flags,
                  FollowOptions options);

// Makes `run` into what was loaded; `only` these tasks of it, if there are any.
// FAILED_PRECONDITION when the run is stopping or has ended, with nothing said;
// otherwise the exit code.
absl::StatusOr<int> Apply(const Scene& scene, const ChangeFlags& flags,
                          const v1::Run& run,
                          const graphfile::LoadResult& loaded,
                          const std::vector<std::string>& only);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_APPLY_H_
