#include "client/worker/exec/group_guard.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <iterator>

#include "client/worker/exec/proc.h"

namespace w2t::worker {

namespace {

constexpr int64_t kDefaultWindowMs = 10'000;

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
  HeldOutput services[kMaxGroups];
};

// The process. Forked from one with threads, so it may not even allocate.
void GroupGuard::Guard(const Shared& shared, int worker, int end,
                       const std::string& mark, const KeeperPlan& keeper,
                       pid_t worker_pid) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  setsid();
  prctl(PR_SET_NAME, "w2t-guard");
  [[maybe_unused]] const int moved = chdir("/");
  pollfd waits[] = {{.fd = worker, .events = POLLIN, .revents = 0},
                    {.fd = end, .events = POLLIN, .revents = 0}};
  while (poll(waits, std::size(waits), -1) <= 0) {
  }
  const bool killed = (waits[1].revents & POLLIN) == 0;
  // As long as it lives the descriptors are its own, whoever has closed these.
  while (killed && getppid() == worker_pid) nanosleep(&kPause, nullptr);
  for (const std::atomic<pid_t>& entry : shared.groups) {
    const pid_t group = entry.load(std::memory_order_relaxed);
    if (group > 0) kill(-group, SIGKILL);
  }
  // Whoever waits for the end of a connection, or of what the worker prints,
  // must not wait for us.
  const size_t services = killed ? CloseAllButOutput(shared.services) : 0;
  bool found = !mark.empty();
  for (int round = 0; found && round < kMarkedRounds; ++round) {
    if (round > 0) nanosleep(&kPause, nullptr);
    found = false;
    ForEachMarked(mark, [&found](pid_t pid) {
      found = true;
      kill(pid, SIGKILL);
    });
  }
  if (killed) Keep(keeper, services, shared.window_ms);
  _exit(0);
}

absl::StatusOr<std::unique_ptr<GroupGuard>> GroupGuard::Start(
    std::string mark, KeeperPlan keeper) {
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return Errno("mmap");
  auto* const shared = static_cast<Shared*>(memory);
  shared->window_ms = kDefaultWindowMs;
  const pid_t worker_pid = getpid();
  UniqueFd worker(static_cast<int>(syscall(SYS_pidfd_open, worker_pid, 0)));
  UniqueFd end(eventfd(0, EFD_CLOEXEC));
  pid_t pid = -1;
  if (worker && end) {
    // As fork, which has no word for shared descriptors.
    pid = static_cast<pid_t>(
        syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
  }
  if (pid == 0) {
    Guard(*shared, worker.get(), end.get(), mark, keeper, worker_pid);
  }
  if (pid < 0) {
    absl::Status status = Errno("the guard's fork");
    munmap(memory, sizeof(Shared));
    return status;
  }
  return std::unique_ptr<GroupGuard>(
      new GroupGuard(shared, pid, std::move(worker), std::move(end)));
}

GroupGuard::GroupGuard(Shared* shared, pid_t pid, UniqueFd worker, UniqueFd end)
    : shared_(shared),
      pid_(pid),
      worker_(std::move(worker)),
      end_(std::move(end)) {}

GroupGuard::~GroupGuard() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t told = write(end_.get(), &one, sizeof(one));
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  munmap(shared_, sizeof(Shared));
}

void GroupGuard::Slot::Hold(uint64_t fence, PipeEnd out, PipeEnd err) {
  if (guard_ == nullptr) return;
  HeldOutput& held = guard_->shared_->services[index_];
  const PipeEnd ends[] = {out, err};
  for (const size_t i : {0U, 1U}) {
    held.fds[i] = ends[i].fd;
    held.pipes[i] = ends[i].pipe;
  }
  held.fence = fence;
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
  guard_->shared_->services[index_].fence = 0;
  guard_->shared_->groups[index_].store(0, std::memory_order_relaxed);
  std::exchange(guard_, nullptr)->free_.push_back(index_);
}

}  // namespace w2t::worker
