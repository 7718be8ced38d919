// From what a task declares to what is started.
#ifndef W2T_CLIENT_WORKER_EXEC_COMMAND_H_
#define W2T_CLIENT_WORKER_EXEC_COMMAND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/worker/exec/spawn.h"
#include "client/worker/session/lease.h"

namespace w2t::worker {

// What an attempt has in its environment beside the worker's `own`: the task's,
// then W2T_RUN_ID, W2T_TASK, W2T_ATTEMPT, W2T_WORKER and W2T_LEASE. Later ones
// win. The last has the attempt's mark, behind those of the attempts that the
// worker itself is a part of.
std::vector<std::string> Variables(const std::vector<std::string>& own,
                                   const Offer& offer, std::string_view worker,
                                   std::string_view mark);

// Where marks lie.
inline constexpr char kMarkVariable[] = "W2T_LEASE";

// The mark of the attempt with `fence`, unique on this machine. It starts with
// `prefix`, which must be so, too.
std::string MarkOf(std::string_view prefix, uint64_t fence);

// What to start for `offer`, whose action is an ExecAction, in the environment
// `own`. Descriptors are not set.
SpawnSpec CommandOf(const Offer& offer,
                    std::shared_ptr<const std::vector<std::string>> own,
                    std::string_view worker, std::string_view mark);

// `line` for `sh -c`, in the environment and folder of `task`.
SpawnSpec ShellLine(std::string_view line, const SpawnSpec& task);

// In place of a value that is there, or is inherited.
void SetVariable(std::string_view name, std::string_view value,
                 SpawnSpec* spec);

// Takes away the mark that CommandOf gave, from what is no part of the attempt.
void Unmark(std::string_view mark, SpawnSpec* spec);

// The environment of this process, each variable once, without what its service
// manager told it.
std::vector<std::string> OwnEnvironment();

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_COMMAND_H_
