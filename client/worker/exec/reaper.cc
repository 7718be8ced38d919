#include "client/worker/exec/reaper.h"

#include <signal.h>
#include <sys/epoll.h>

#include <utility>

#include "client/worker/exec/process_group.h"

namespace w2t::worker {

Reaper::~Reaper() {
  for (auto& [pid, dying] : children_) {
    loop_->Unwatch(dying.watch);
    Reap(dying.child);
  }
}

void Reaper::KillAndReap(Child child) {
  SignalGroup(child.pid, SIGKILL);
  const pid_t pid = child.pid;
  absl::StatusOr<WatchId> watch =
      loop_->Watch(child.pidfd.get(), EPOLLIN, [this, pid](uint32_t) {
        const auto it = children_.find(pid);
        const Dying dying = std::move(it->second);
        children_.erase(it);
        loop_->Unwatch(dying.watch);
        Reap(dying.child);
      });
  if (!watch.ok()) {
    Reap(child);
    return;
  }
  children_.emplace(pid, Dying{std::move(child), *watch});
}

}  // namespace w2t::worker
