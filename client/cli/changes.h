// What a revision or a restart does to a run, for people, and how a rollout
// divides it.
#ifndef W2T_CLIENT_CLI_CHANGES_H_
#define W2T_CLIENT_CLI_CHANGES_H_

#include <string>
#include <vector>

#include "client/cli/text.h"
#include "client/graphfile/graph_file.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::cli {

using Changes = std::vector<v1::TaskChange>;

// More than these are counted, not shown.
inline constexpr size_t kMaxShownChanges = 100;

// A line for each, with a line end:
//   + new
//   - old
//   ~ api   command, env changed
//   ~ lb    depends_on changed; it goes on running
//   > web   follows api
std::string ChangesText(const Changes& changes, const Palette& palette);

// "2 changed, 1 added, 1 removed, 3 follow".
std::string ChangesSummary(const Changes& changes);

// Names of the tasks to be revised together, one batch after the other; an
// empty one is all that is left. A single empty one when nothing need be
// divided. Replicas with a rollout are changed in batches, such that enough of
// them stay up; what is new and what else changes comes before them, and what
// is gone after them.
std::vector<std::vector<std::string>> Batches(
    const Changes& changes, const std::vector<graphfile::Rollout>& rollouts);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_CHANGES_H_
