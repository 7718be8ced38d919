// Starting programs, fast and from a process with many threads: the child
// shares the parent's memory until it has turned into the program (vfork), so
// nothing is copied, however large the parent is.
#ifndef W2T_CLIENT_WORKER_EXEC_SPAWN_H_
#define W2T_CLIENT_WORKER_EXEC_SPAWN_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/exec/group_guard.h"
#include "client/worker/exec/orphans.h"
#include "client/worker/exec/proc.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

// The name in "NAME=VALUE"; empty when there is none.
std::string_view NameOf(std::string_view variable);

// What to start, and how.
struct SpawnSpec {
  // The program and its arguments. A program without a slash is looked for in
  // PATH as `env` has it.
  std::vector<std::string> argv;
  // The path of the program, where it is not to be looked for. Empty: it is.
  std::string program;
  // "NAME=VALUE"
  std::vector<std::string> env;
  // The same, each variable once; those in `env` win. Null: there is nothing.
  std::shared_ptr<const std::vector<std::string>> inherited;
  std::string dir;  // empty: the worker's own
  // The child's standard descriptors; it gets no others. -1: /dev/null.
  int stdout_fd = -1;
  int stderr_fd = -1;
  // The child's bound on descriptors, where it is not the worker's.
  std::optional<rlimit> open_files;
  // Folder of the cgroup that it is started in. -1: the worker's own.
  int cgroup_fd = -1;
  // Ends the child's group with the worker. Null: nobody does.
  GroupGuard* guard = nullptr;
  // It may outlive the thread that starts it.
  bool outlives = false;
  // Told of the child. Null: nobody is.
  Orphans* orphans = nullptr;
};

// A child in a session and process group of its own, whose number is `pid`. It
// is killed when the thread that started it ends, unless it `outlives` that.
struct Child {
  pid_t pid = 0;
  // Readable once the child has ended. The child is then reaped by Reap.
  UniqueFd pidfd;
  StartTicks start_ticks;
  GroupGuard::Slot guarded;
  Orphans::Started started;
  // What the system counts as the child's largest resident set although it was
  // this process's, whose memory the child had until it became the program.
  uint64_t inherited_rss_bytes = 0;
};

// Errors name the stage: "chdir to /x: No such file or directory". NOT_FOUND
// when the program was not found, INVALID_ARGUMENT for an argv that cannot be
// run, INTERNAL for the rest. Blocks until the child has become the program.
absl::StatusOr<Child> Spawn(const SpawnSpec& spec);

// How a child ended.
struct Exit {
  bool known = true;    // false: the child of another process
  int exit_code = 0;    // 128 + signal, when a signal ended it
  uint32_t signal = 0;  // 0: none
  uint64_t cpu_us = 0;  // user and system, with the children it waited for
  uint64_t max_rss_bytes = 0;  // 0: no more than Child::inherited_rss_bytes
};

// Takes the child off the process table. Only once its pidfd is readable.
Exit Reap(const Child& child);

// A pipe whose ends are closed on exec. The read end does not block.
struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};
absl::StatusOr<Pipe> MakePipe();
// One whose write end is a read end, too: who has it is never without a reader,
// so it waits, and does not die, while nobody reads.
absl::StatusOr<Pipe> MakeLastingPipe();

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_SPAWN_H_
