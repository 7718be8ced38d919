#include "client/worker/exec/group_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "client/worker/exec/proc.h"

namespace w2t::worker {

namespace {

constexpr int64_t kDefaultWindowMs = 10'000;
static_assert(GroupGuard::kMaxGroups <= kMaxHeld);

// What is killed may have started something just before.
constexpr int kMarkedRounds = 500;
constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 1'000'000};

static_assert(std::atomic<pid_t>::is_always_lock_free);

absl::Status Errno(std::string_view call) {
  return absl::InternalError(fmt::format("{}: {}", call, std::strerror(errno)));
}

}  // namespace

struct GroupGuard::Shared {
  std::atomic<int64_t> window_ms;
  std::atomic<pid_t> groups[kMaxGroups];
};

// What the worker says through the pipe, in one piece.
struct GroupGuard::Order {
  enum class Kind : uint32_t { kHold, kRelease, kEnd };  // kEnd: in order

  Kind kind = Kind::kEnd;
  uint32_t place = 0;
  uint64_t fence = 0;
};

// The process. Forked from one with threads, so it may not even allocate.
void GroupGuard::Guard(const Shared& shared, int alive, const std::string& mark,
                       const KeeperPlan& keeper, pid_t worker) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  setsid();
  prctl(PR_SET_NAME, "w2t-guard");
  // Whoever waits for the end of the worker's output must not wait for us.
  dup2(alive, 0);
  syscall(SYS_close_range, 1U, ~0U, 0U);
  [[maybe_unused]] const int moved = chdir("/");
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Order order{.kind = Order::Kind::kRelease, .place = kMaxHeld};
  while (order.kind != Order::Kind::kEnd) {
    const ssize_t got = read(0, &order, sizeof(order));
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof(order)) break;
    if (order.kind == Order::Kind::kHold) {
      Hold(keeper, order.place, order.fence);
    } else if (order.kind == Order::Kind::kRelease) {
      Release(order.place);
    }
  }
  const bool killed = order.kind != Order::Kind::kEnd;
  // It may still have its lock, and a child that is about to be started.
  while (killed && getppid() == worker) nanosleep(&kPause, nullptr);
  for (const std::atomic<pid_t>& entry : shared.groups) {
    const pid_t group = entry.load(std::memory_order_relaxed);
    if (group > 0) kill(-group, SIGKILL);
  }
  bool found = !mark.empty();
  for (int round = 0; found && round < kMarkedRounds; ++round) {
    if (round > 0) nanosleep(&kPause, nullptr);
    found = false;
    ForEachMarked(mark, [&found](pid_t pid) {
      found = true;
      kill(pid, SIGKILL);
    });
  }
  if (killed) Keep(keeper, shared.window_ms);
  _exit(0);
}

absl::StatusOr<std::unique_ptr<GroupGuard>> GroupGuard::Start(
    std::string mark, KeeperPlan keeper) {
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return Errno("mmap");
  auto* const shared = static_cast<Shared*>(memory);
  shared->window_ms = kDefaultWindowMs;
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    absl::Status status = Errno("pipe");
    munmap(memory, sizeof(Shared));
    return status;
  }
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const pid_t worker = getpid();
  const pid_t pid = _Fork();
  if (pid == 0) Guard(*shared, fds[0], mark, keeper, worker);
  if (pid < 0) {
    absl::Status status = Errno("fork");
    munmap(memory, sizeof(Shared));
    return status;
  }
  return std::unique_ptr<GroupGuard>(
      new GroupGuard(shared, pid, std::move(write_end)));
}

GroupGuard::GroupGuard(Shared* shared, pid_t pid, UniqueFd alive)
    : shared_(shared), pid_(pid), alive_(std::move(alive)) {}

GroupGuard::~GroupGuard() {
  Tell({.kind = Order::Kind::kEnd});
  alive_.reset();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  munmap(shared_, sizeof(Shared));
}

// One that is behind has other things to do.
void GroupGuard::Tell(const Order& order) {
  [[maybe_unused]] const ssize_t told =
      write(alive_.get(), &order, sizeof(order));
}

void GroupGuard::Slot::Hold(uint64_t fence) {
  if (guard_ == nullptr) return;
  holds_ = true;
  guard_->Tell({.kind = Order::Kind::kHold, .place = index_, .fence = fence});
}

void GroupGuard::SetReattachWindow(absl::Duration window) {
  shared_->window_ms = absl::ToInt64Milliseconds(window);
}

GroupGuard::Slot GroupGuard::Take() {
  if (!free_.empty()) {
    const uint32_t index = free_.back();
    free_.pop_back();
    return {this, index};
  }
  if (used_ == kMaxGroups) return {};
  return {this, used_++};
}

std::atomic<pid_t>* GroupGuard::Slot::group() const {
  return guard_ == nullptr ? nullptr : &guard_->shared_->groups[index_];
}

void GroupGuard::Slot::reset() {
  if (guard_ == nullptr) return;
  if (std::exchange(holds_, false)) {
    guard_->Tell({.kind = Order::Kind::kRelease, .place = index_});
  }
  guard_->shared_->groups[index_].store(0, std::memory_order_relaxed);
  std::exchange(guard_, nullptr)->free_.push_back(index_);
}

}  // namespace w2t::worker
