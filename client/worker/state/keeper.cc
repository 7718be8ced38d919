#include "client/worker/state/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <climits>
#include <ctime>
#include <initializer_list>
#include <string_view>

#include "client/worker/exec/proc.h"
#include "client/worker/loop/unique_fd.h"
#include "client/worker/state/pipe_search.h"

namespace w2t::worker {

namespace {

constexpr int64_t kGraceMs = 2'000;
constexpr int64_t kDyingMs = 2'000;
constexpr int64_t kPauseMs = 10;
// As many as the system allows a process unless it is told otherwise. Pipes
// with higher numbers are not kept.
constexpr size_t kMaxDescriptors = 1 << 20;

int64_t NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

void Pause() {
  const timespec pause{.tv_sec = 0, .tv_nsec = kPauseMs * 1'000'000};
  nanosleep(&pause, nullptr);
}

bool HasLock(int lock) { return flock(lock, LOCK_EX | LOCK_NB) == 0; }

// Takes what one keeper is told.
void HearTakenOver(int taken_over) {
  char byte = 0;
  [[maybe_unused]] const ssize_t got = read(taken_over, &byte, 1);
}

// A program that the killed process was about to start may have it for a moment
// yet. Whoever has it for longer has taken over, and who says so has, too: the
// word must not wait for the keeper of that process.
bool WaitForLock(int lock, int taken_over) {
  pollfd wait{.fd = taken_over, .events = POLLIN, .revents = 0};
  const int64_t until = NowMs() + kDyingMs;
  while (!HasLock(lock)) {
    if (NowMs() >= until) return false;
    if (poll(&wait, 1, kPauseMs) <= 0) continue;
    HearTakenOver(taken_over);
    return false;
  }
  return true;
}

// A cgroup that gives its controllers to those below takes no process.
void DropControllers(const std::string& cgroups) {
  if (cgroups.empty()) return;
  const int folder = open(cgroups.c_str(), O_RDONLY | O_DIRECTORY);
  const int control = openat(folder, "cgroup.subtree_control", O_WRONLY);
  for (const std::string_view words : {"-memory", "-cpu"}) {
    [[maybe_unused]] const ssize_t dropped =
        write(control, words.data(), words.size());
  }
}

bool SignalAll(std::string_view mark, int signal) {
  bool found = false;
  ForEachMarked(mark, [&](pid_t pid) {
    found = true;
    if (signal != 0) kill(pid, signal);
  });
  return found;
}

}  // namespace

size_t CloseAllButOutput(std::span<const HeldOutput> services) {
  syscall(SYS_close_range, ~0U, ~0U, kCloseRangeUnshare);
  static std::bitset<kMaxDescriptors> kept;
  size_t count = 0;
  for (const HeldOutput& service : services) {
    if (service.fence == 0) continue;
    ++count;
    for (const size_t i : {0U, 1U}) {
      const auto fd = static_cast<size_t>(service.fds[i].load());
      const uint64_t pipe = service.pipes[i];
      if (pipe != 0 && fd < kept.size() && PipeOf(service.fds[i]) == pipe) {
        kept.set(fd);
      }
    }
  }
  unsigned next = 0;  // above those that are closed or kept
  for (unsigned fd = 0; fd < kept.size(); ++fd) {
    if (!kept.test(fd)) continue;
    if (fd > next) syscall(SYS_close_range, next, fd - 1, 0U);
    next = fd + 1;
  }
  syscall(SYS_close_range, next, ~0U, 0U);
  return count;
}

void Keep(const KeeperPlan& plan, size_t services, int64_t patience_ms) {
  DropControllers(plan.cgroups);
  if (services == 0) return;
  const int folder = open(plan.folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (folder < 0) return;
  // Whoever takes over has the lock first and writes to the pipe then.
  const int taken_over = openat(folder, "keeper", O_RDWR | O_NONBLOCK);
  const int lock = openat(folder, "lock", O_RDWR);
  if (taken_over < 0 || lock < 0 || !WaitForLock(lock, taken_over)) return;
  flock(lock, LOCK_UN);
  pollfd wait{.fd = taken_over, .events = POLLIN, .revents = 0};
  const int64_t give_up = NowMs() + patience_ms;
  for (int64_t left = patience_ms; left > 0; left = give_up - NowMs()) {
    const int ready =
        poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, INT_MAX)));
    if (ready > 0) {
      HearTakenOver(taken_over);
      return;
    }
    if (ready < 0 && errno != EINTR) return;
  }
  if (!HasLock(lock)) return;
  SignalAll(plan.mark, SIGTERM);
  const int64_t kill_at = NowMs() + kGraceMs;
  while (SignalAll(plan.mark, NowMs() >= kill_at ? SIGKILL : 0) &&
         NowMs() < kill_at + 5 * kGraceMs) {
    Pause();
  }
}

}  // namespace w2t::worker
