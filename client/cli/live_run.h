// Which run a command means that speaks of what is up.
#ifndef W2T_CLIENT_CLI_LIVE_RUN_H_
#define W2T_CLIENT_CLI_LIVE_RUN_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "w2t/client.h"

namespace w2t::cli {

// Runs that `up` has made and that have not ended, the newest first; with
// `name`, only the one of that graph.
absl::StatusOr<std::vector<v1::Run>> LiveRuns(Client& client,
                                              const std::string& name = "");

// The one of this name, if it is up.
absl::StatusOr<std::optional<v1::Run>> FindUp(Client& client,
                                              const std::string& name);

// The run that `what` means: the id of a run, the name or the file of a graph
// that is up, or, when it is empty, the only one that is up. A run may have
// ended when it was named by its id, or when only the last one of that name is
// known. NOT_FOUND says what there is.
absl::StatusOr<v1::Run> ResolveRun(Client& client, const std::string& what);

// The tasks of a run that names mean: of a name that only replicas have, all of
// them. NOT_FOUND.
absl::StatusOr<std::vector<std::string>> TasksNamed(
    Client& client, std::string_view run_id,
    const std::vector<std::string>& names);

// Whether `name` is that of a replica of `group`: "api-3" of "api".
bool IsReplicaOf(std::string_view name, std::string_view group);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_LIVE_RUN_H_
