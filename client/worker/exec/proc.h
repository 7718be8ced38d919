// Processes, as /proc knows them.
//
// A process is told from a later one with its number by the time of its start,
// and belongs to an attempt when the environment that it was started with has
// the attempt's mark: every descendant inherits that, unless it wipes it.
#ifndef W2T_CLIENT_WORKER_EXEC_PROC_H_
#define W2T_CLIENT_WORKER_EXEC_PROC_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

struct ProcessStat {
  char state = 0;  // 'Z' and 'X': it has ended
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  uint64_t start_ticks = 0;  // since the machine started

  bool alive() const { return state != 'Z' && state != 'X'; }
};

// Nothing when there is no such process. Does not allocate.
std::optional<ProcessStat> StatOf(pid_t pid);

// The line of /proc/PID/stat.
std::optional<ProcessStat> ParseStat(std::string_view line);

// Marks that are looked for have at most this many bytes.
inline constexpr size_t kMaxMarkBytes = 64;

// Whether the environment that `pid` was started with has `mark`. False for
// what has ended, and for what this user may not look into. Does not allocate.
bool IsMarked(pid_t pid, std::string_view mark);

// Now, as ProcessStat has it.
uint64_t NowTicks();

// When a process was started: between these, both included. Whoever starts it
// need not ask what exactly: another process cannot have had its number then.
struct StartTicks {
  uint64_t first = 0;
  uint64_t last = 0;
};

// The process `pid` that was started then, to be told when it ends. None when
// it has ended, also when a later one has its number.
UniqueFd OpenProcess(pid_t pid, StartTicks started);

// How long ago that was.
absl::Duration AgeOf(uint64_t start_ticks);

// Calls `found` for each living process that is marked. Neither allocates nor
// locks, so a process that was forked from one with threads may call it.
void ForEachMarked(std::string_view mark, absl::FunctionRef<void(pid_t)> found);

// What tells this start of the machine from every other one; empty when the
// system does not say.
std::string BootId();

// "sleep", for people; empty when there is no such process.
std::string ProcessName(pid_t pid);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_PROC_H_
