// What a new process does until it has become its program. It has the memory
// of the one that started it, which waits meanwhile.
#ifndef W2T_CLIENT_WORKER_EXEC_SPAWN_CHILD_H_
#define W2T_CLIENT_WORKER_EXEC_SPAWN_CHILD_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <atomic>
#include <string>
#include <vector>

namespace w2t::worker {

enum class SpawnStage {
  kNone,
  kFiles,
  kCgroup,
  kSession,
  kDeathSignal,
  kDup,
  kLimit,
  kChdir,
  kExec
};

// All that the child needs, made beforehand: it must not allocate.
struct ChildPlan {
  std::vector<std::string> programs;  // to try in turn
  std::vector<char*> argv;
  std::vector<char*> env;
  const char* dir = nullptr;
  const rlimit* open_files = nullptr;
  // Its first descriptors; it gets no others. -1: /dev/null.
  int fds[3] = {-1, -1, -1};
  int cgroup = -1;  // folder; -1: the parent's own
  pid_t parent = 0;
  bool outlives = false;
  std::atomic<pid_t>* group = nullptr;
  // Set by the child. kNone: it has become the program.
  volatile SpawnStage failed = SpawnStage::kNone;
  volatile int error = 0;

  // Of StartChild.
  int top_fd = -1;        // those above stay behind; -1: it has copies of all
  int cgroup_procs = -1;  // to be written by the child
};

// Starts a child and waits until it has become the program or failed. Returns
// its number; -1, errno and `failed` (kNone, kCgroup) when there is none. All
// signals must be blocked. Thread-safe.
pid_t StartChild(ChildPlan& plan);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_SPAWN_CHILD_H_
