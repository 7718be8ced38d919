#include "client/worker/state/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <ctime>
#include <iterator>
#include <string_view>
#include <utility>

#include "client/worker/exec/proc.h"

namespace w2t::worker {

namespace {

constexpr int64_t kGraceMs = 2'000;
constexpr int64_t kDyingMs = 2'000;
constexpr int64_t kPauseMs = 10;

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

// The killed process may have it for a moment yet: one of its threads closes
// the files when it is already nobody's parent. Whoever has it for longer has
// taken over.
bool WaitForLock(int lock) {
  const int64_t until = NowMs() + kDyingMs;
  while (!HasLock(lock)) {
    if (NowMs() >= until) return false;
    Pause();
  }
  return true;
}

// One more than the descriptor; 0: none.
struct Held {
  int out = 0;
  int err = 0;
};
Held held_output[kMaxHeld];

int OpenPlusOne(int service, const char* name) {
  return openat(service, name, O_RDONLY | O_NONBLOCK) + 1;
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

bool HasServices() {
  return std::any_of(std::begin(held_output), std::end(held_output),
                     [](const Held& held) { return held.out != 0; });
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

void Hold(const KeeperPlan& plan, uint32_t place, uint64_t fence) {
  if (place >= kMaxHeld) return;
  Release(place);
  const int folder = open(plan.folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (folder < 0) return;
  std::array<char, 24> name{};
  std::to_chars(name.data(), name.data() + name.size(), fence);
  const int service = openat(folder, name.data(), O_RDONLY | O_DIRECTORY);
  close(folder);
  if (service < 0) return;
  held_output[place] = {.out = OpenPlusOne(service, "out"),
                        .err = OpenPlusOne(service, "err")};
  close(service);
}

void Release(uint32_t place) {
  if (place >= kMaxHeld) return;
  const Held held = std::exchange(held_output[place], {});
  if (held.out != 0) close(held.out - 1);
  if (held.err != 0) close(held.err - 1);
}

void Keep(const KeeperPlan& plan, int64_t patience_ms) {
  DropControllers(plan.cgroups);
  if (!HasServices()) return;
  const int folder = open(plan.folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (folder < 0) return;
  // Whoever takes over has the lock first and writes to the pipe then.
  const int taken_over = openat(folder, "keeper", O_RDWR | O_NONBLOCK);
  const int lock = openat(folder, "lock", O_RDWR);
  if (taken_over < 0 || lock < 0 || !WaitForLock(lock)) return;
  flock(lock, LOCK_UN);
  pollfd wait{.fd = taken_over, .events = POLLIN, .revents = 0};
  const int64_t give_up = NowMs() + patience_ms;
  for (int64_t left = patience_ms; left > 0; left = give_up - NowMs()) {
    const int ready =
        poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, INT_MAX)));
    if (ready > 0) {
      char byte = 0;
      [[maybe_unused]] const ssize_t got = read(taken_over, &byte, 1);
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
