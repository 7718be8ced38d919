#include "client/worker/exec/orphans.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "client/worker/exec/proc.h"

namespace w2t::worker {

// Orphans go to the thread that leads the process.
Orphans::Orphans()
    : session_(getsid(0)),
      children_(
          open(fmt::format("/proc/self/task/{}/children", getpid()).c_str(),
               O_RDONLY | O_CLOEXEC)) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Orphans::Started Orphans::Start(pid_t pid) {
  started_.insert(pid);
  return {this, pid};
}

void Orphans::Started::reset() {
  Orphans* const orphans = std::exchange(orphans_, nullptr);
  if (orphans != nullptr) orphans->started_.erase(pid_);
}

bool Orphans::Sweep() {
  if (!children_) return true;
  bool living = false;
  pid_t pid = 0;
  std::array<char, 4096> text;
  for (off_t at = 0;;) {
    const ssize_t got = pread(children_.get(), text.data(), text.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return true;
    if (got == 0) return living;
    at += got;
    for (ssize_t i = 0; i < got; ++i) {
      const char c = text[static_cast<size_t>(i)];
      if (c >= '0' && c <= '9') {
        pid = 10 * pid + (c - '0');
        continue;
      }
      if (pid > 0 && !started_.contains(pid)) living |= LivesElseReap(pid);
      pid = 0;
    }
  }
}

// What is of the worker's own session was started by the program that the
// worker is part of, which waits for it: programs of attempts cannot get there.
bool Orphans::LivesElseReap(pid_t pid) const {
  const std::optional<ProcessStat> stat = StatOf(pid);
  if (!stat || stat->session == session_) return false;
  if (stat->alive()) return true;
  waitpid(pid, nullptr, WNOHANG);
  return false;
}

}  // namespace w2t::worker
