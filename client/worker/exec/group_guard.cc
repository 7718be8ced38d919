#include "client/worker/exec/group_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "client/worker/exec/proc.h"

namespace w2t::worker {

namespace {

constexpr size_t kTableBytes =
    GroupGuard::kMaxGroups * sizeof(std::atomic<pid_t>);

// What is killed may have started something just before.
constexpr int kMarkedRounds = 100;
constexpr timespec kMarkedPause{.tv_sec = 0, .tv_nsec = 5'000'000};

static_assert(std::atomic<pid_t>::is_always_lock_free);

// The process. Forked from one with threads, so it may not even allocate.
[[noreturn]] void Guard(const std::atomic<pid_t>* table, int alive,
                        const std::string& mark) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  setsid();
  prctl(PR_SET_NAME, "w2t-guard");
  // Whoever waits for the end of the worker's output must not wait for us.
  dup2(alive, 0);
  syscall(SYS_close_range, 1U, ~0U, 0U);
  [[maybe_unused]] const int moved = chdir("/");
  char byte = 0;
  while (read(0, &byte, 1) < 0 && errno == EINTR) {
  }
  for (size_t i = 0; i < GroupGuard::kMaxGroups; ++i) {
    const pid_t group = table[i].load(std::memory_order_relaxed);
    if (group > 0) kill(-group, SIGKILL);
  }
  bool found = !mark.empty();
  for (int round = 0; found && round < kMarkedRounds; ++round) {
    if (round > 0) nanosleep(&kMarkedPause, nullptr);
    found = false;
    ForEachMarked(mark, [&found](pid_t pid) {
      found = true;
      kill(pid, SIGKILL);
    });
  }
  _exit(0);
}

absl::Status Errno(std::string_view call) {
  return absl::InternalError(fmt::format("{}: {}", call, std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GroupGuard>> GroupGuard::Start(
    std::string mark) {
  void* const memory = mmap(nullptr, kTableBytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return Errno("mmap");
  auto* const table = static_cast<std::atomic<pid_t>*>(memory);
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    absl::Status status = Errno("pipe");
    munmap(memory, kTableBytes);
    return status;
  }
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const pid_t pid = _Fork();
  if (pid == 0) Guard(table, fds[0], mark);
  if (pid < 0) {
    absl::Status status = Errno("fork");
    munmap(memory, kTableBytes);
    return status;
  }
  return std::unique_ptr<GroupGuard>(
      new GroupGuard(table, pid, std::move(write_end)));
}

GroupGuard::GroupGuard(std::atomic<pid_t>* table, pid_t pid, UniqueFd alive)
    : table_(table), pid_(pid), alive_(std::move(alive)) {}

GroupGuard::~GroupGuard() {
  alive_.reset();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  munmap(table_, kTableBytes);
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
  return guard_ == nullptr ? nullptr : &guard_->table_[index_];
}

void GroupGuard::Slot::reset() {
  if (guard_ == nullptr) return;
  guard_->table_[index_].store(0, std::memory_order_relaxed);
  std::exchange(guard_, nullptr)->free_.push_back(index_);
}

}  // namespace w2t::worker
