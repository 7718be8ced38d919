#include "client/worker/exec/process_tree.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "client/worker/exec/proc.h"
#include "client/worker/exec/process_group.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

ProcessTree::ProcessTree(Orphans* orphans, pid_t leader, std::string mark)
    : orphans_(orphans), group_(leader), mark_(std::move(mark)) {}

ProcessTree ProcessTree::Adopted(pid_t leader, std::string mark) {
  ProcessTree tree(nullptr, leader, std::move(mark));
  tree.adopted_ = true;
  return tree;
}

void ProcessTree::Signal(int signal) const {
  if (group_ != 0) SignalGroup(group_, signal);
}

void ProcessTree::LeaderEnded() {
  if (adopted_) group_ = 0;
}

bool ProcessTree::Lives() {
  strays_.clear();
  // What an earlier process of the worker had started does not fall to this
  // one.
  const bool orphans = (orphans_ != nullptr && orphans_->Sweep()) || adopted_;
  if (cgroup_ != nullptr) {
    if (!cgroup_->Lives()) return false;
    FindStrays();
    return true;
  }
  if (group_ != 0 && GroupLives(group_)) return true;
  if (!orphans || mark_.empty()) return false;
  FindStrays();
  return !strays_.empty();
}

void ProcessTree::FindStrays() {
  if (cgroup_ == nullptr) {
    ForEachMarked(mark_, [this](pid_t pid) { strays_.push_back(pid); });
    return;
  }
  for (const pid_t pid : cgroup_->Processes()) {
    if (group_ == 0 || getpgid(pid) != group_) strays_.push_back(pid);
  }
}

bool ProcessTree::IsOurs(pid_t pid) const {
  if (cgroup_ == nullptr) return IsMarked(pid, mark_);
  const std::vector<pid_t> members = cgroup_->Processes();
  return std::find(members.begin(), members.end(), pid) != members.end();
}

// Not to a later process that has got the number.
void ProcessTree::SignalStray(pid_t pid, int signal) const {
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd || !IsOurs(pid)) return;
  syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
}

void ProcessTree::SignalStrays(int signal) {
  for (const pid_t pid : strays_) {
    if (signalled_.insert(pid).second) SignalStray(pid, signal);
  }
}

void ProcessTree::Kill() const {
  if (cgroup_ != nullptr) cgroup_->Kill();
  Signal(SIGKILL);
  for (const pid_t pid : strays_) SignalStray(pid, SIGKILL);
}

std::string ProcessTree::Names() const {
  if (strays_.empty()) return fmt::format("process group {}", group_);
  const pid_t pid = strays_.front();
  return fmt::format("process {} ({})", pid, ProcessName(pid));
}

}  // namespace w2t::worker
