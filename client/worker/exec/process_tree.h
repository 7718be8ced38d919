// ProcessTree: all processes of one attempt. These are its process group, and
// what left that: it has the attempt's mark, and has fallen to the worker (see
// Orphans). Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_EXEC_PROCESS_TREE_H_
#define W2T_CLIENT_WORKER_EXEC_PROCESS_TREE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "client/worker/exec/cgroups.h"
#include "client/worker/exec/orphans.h"

namespace w2t::worker {

class ProcessTree {
 public:
  // None.
  ProcessTree() = default;
  // Of the attempt that is led by `leader`, the first of its group. `orphans`
  // outlives it; null, or no `mark`: what leaves the group is not found.
  ProcessTree(Orphans* orphans, pid_t leader, std::string mark);
  // Of an attempt that another process of the worker has started. 0: it is not
  // known who leads it, or that has ended.
  static ProcessTree Adopted(pid_t leader, std::string mark);

  // It has this cgroup to itself, which outlives the tree: that says more than
  // group and mark.
  void Use(const Cgroup* cgroup) { cgroup_ = cgroup; }

  pid_t group() const { return group_; }
  // To the group. Only while it has a member, be it a zombie: its number may be
  // another's later.
  void Signal(int signal) const;
  // The leader has ended. An adopted group's number may be another's then.
  void LeaderEnded();
  // Whether a process of it lives, once the leader has ended. Zombies do not
  // count: who is to take them off the process table may never do so.
  bool Lives();
  // To what left the group and was found by Lives; once to each process.
  void SignalStrays(int signal);
  // Kills the group, and what was found by Lives.
  void Kill() const;
  // What was found to live: "process 12 (sleep)", for people.
  std::string Names() const;

 private:
  void FindStrays();
  bool IsOurs(pid_t pid) const;
  void SignalStray(pid_t pid, int signal) const;

  Orphans* orphans_ = nullptr;
  bool adopted_ = false;
  pid_t group_ = 0;  // 0: not to be signalled any more
  std::string mark_;
  const Cgroup* cgroup_ = nullptr;
  std::vector<pid_t> strays_;
  absl::flat_hash_set<pid_t> signalled_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_PROCESS_TREE_H_
