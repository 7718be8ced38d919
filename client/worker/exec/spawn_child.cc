#include "client/worker/exec/spawn_child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

namespace {

// cgroup.procs: who writes it is moved there.
constexpr std::string_view kMe = "0";

#define W2T_IN_VFORK_CHILD \
  __attribute__((noinline, no_sanitize("address", "undefined")))

[[noreturn]] W2T_IN_VFORK_CHILD void Fail(ChildPlan& plan, SpawnStage stage) {
  plan.error = errno;
  plan.failed = stage;
  _exit(127);
}

// A descriptor below 3 would be overwritten by the dup2 of another one.
W2T_IN_VFORK_CHILD void PlaceDescriptors(ChildPlan& plan) {
  int moved[3];
  for (int i = 0; i < 3; ++i) {
    moved[i] = plan.fds[i] < 0 ? open("/dev/null", O_RDWR) : plan.fds[i];
    if (moved[i] >= 0 && moved[i] < 3) {
      moved[i] = fcntl(moved[i], F_DUPFD_CLOEXEC, 3);
    }
    if (moved[i] < 0) Fail(plan, SpawnStage::kDup);
  }
  for (int i = 0; i < 3; ++i) {
    if (dup2(moved[i], i) < 0) Fail(plan, SpawnStage::kDup);
  }
  // Descriptors of libraries that did not ask for CLOEXEC stay behind.
  syscall(SYS_close_range, 3U, ~0U, kCloseRangeCloexec);
}

W2T_IN_VFORK_CHILD void ResetSignals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) {
      sigaction(signal, &action, nullptr);
    }
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] W2T_IN_VFORK_CHILD void RunChild(ChildPlan& plan) {
  if (plan.top_fd >= 0 &&
      syscall(SYS_close_range, static_cast<unsigned>(plan.top_fd) + 1, ~0U,
              kCloseRangeUnshare) != 0) {
    Fail(plan, SpawnStage::kFiles);
  }
  if (plan.cgroup_procs >= 0 &&
      write(plan.cgroup_procs, kMe.data(), kMe.size()) < 0) {
    Fail(plan, SpawnStage::kCgroup);
  }
  const pid_t group = setsid();
  if (group < 0) Fail(plan, SpawnStage::kSession);
  if (plan.group != nullptr) *plan.group = group;
  if (!plan.outlives) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
      Fail(plan, SpawnStage::kDeathSignal);
    }
    // The parent may have ended just before that.
    if (getppid() != plan.parent) _exit(127);
  }
  PlaceDescriptors(plan);
  if (plan.open_files != nullptr &&
      setrlimit(RLIMIT_NOFILE, plan.open_files) != 0) {
    Fail(plan, SpawnStage::kLimit);
  }
  if (plan.dir != nullptr && chdir(plan.dir) != 0) {
    Fail(plan, SpawnStage::kChdir);
  }
  ResetSignals();
  int error = ENOENT;
  for (const std::string& program : plan.programs) {
    execve(program.c_str(), plan.argv.data(), plan.env.data());
    if (errno == EACCES) error = EACCES;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
      error = errno;
      break;
    }
  }
  errno = error;
  Fail(plan, SpawnStage::kExec);
}

#ifdef __x86_64__
// As vfork, but with the parent's table of descriptors, and in its cgroup from
// the beginning: to be moved there takes the system up to tens of milliseconds.
// libc has no such call.
W2T_IN_VFORK_CHILD pid_t CloneChild(ChildPlan& plan) {
  constexpr uint64_t kCloneIntoCgroup = uint64_t{1} << 33;
  struct {
    uint64_t flags = CLONE_VM | CLONE_VFORK | CLONE_FILES;
    uint64_t pidfd = 0, child_tid = 0, parent_tid = 0;
    uint64_t exit_signal = SIGCHLD;
    uint64_t stack = 0, stack_size = 0, tls = 0, set_tid = 0, set_tid_size = 0;
    uint64_t cgroup = 0;
  } args;
  if (plan.cgroup >= 0) {
    args.flags |= kCloneIntoCgroup;
    args.cgroup = static_cast<uint64_t>(plan.cgroup);
  }
  long result = SYS_clone3;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(&args), "S"(sizeof(args))
               : "rcx", "r11", "memory");
  if (result == 0) RunChild(plan);
  if (result >= 0) return static_cast<pid_t>(result);
  errno = static_cast<int>(-result);
  return -1;
}
#else
pid_t CloneChild(ChildPlan&) {
  errno = ENOSYS;
  return -1;
}
#endif

// In a function of its own: what it keeps in registers must survive the child.
W2T_IN_VFORK_CHILD pid_t ForkChild(ChildPlan& plan) {
  const pid_t pid = vfork();
  if (pid == 0) RunChild(plan);
  return pid;
}

// Three descriptors with low numbers, which a child takes with it; /dev/null
// unless one is being started. Else the
// system would copy all that the parent has open, and close the copies: with
// some thousands of services that takes longer than to start a program.
class Seats {
 public:
  // Returns -1, and starts nothing, on systems that cannot do this.
  pid_t Start(ChildPlan& plan) {
    absl::MutexLock lock(&mutex_);
    if (!works_ || !Open()) return -1;
    const int given[3] = {plan.fds[0], plan.fds[1], plan.fds[2]};
    for (int i = 0; i < 3; ++i) {
      if (given[i] >= 0 && dup3(given[i], seats_[i].get(), O_CLOEXEC) < 0) {
        return -1;
      }
      plan.fds[i] = seats_[i].get();
      plan.top_fd = std::max(plan.top_fd, plan.fds[i]);
    }
    pid_t pid = CloneChild(plan);
    if (pid > 0 && plan.failed == SpawnStage::kFiles) {
      waitpid(pid, nullptr, 0);
      plan.failed = SpawnStage::kNone;
      works_ = false;
      pid = -1;
    }
    // Who reads the child's output waits for its end.
    for (int i = 0; i < 3; ++i) {
      if (given[i] >= 0) dup3(null_.get(), seats_[i].get(), O_CLOEXEC);
      if (pid < 0) plan.fds[i] = given[i];
    }
    plan.top_fd = -1;
    return pid;
  }

 private:
  bool Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!null_) null_ = UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC));
    for (UniqueFd& seat : seats_) {
      if (!seat) seat = UniqueFd(fcntl(null_.get(), F_DUPFD_CLOEXEC, 3));
    }
    return std::all_of(std::begin(seats_), std::end(seats_),
                       [](const UniqueFd& seat) { return seat.get() >= 0; });
  }

  absl::Mutex mutex_;
  bool works_ ABSL_GUARDED_BY(mutex_) = true;
  UniqueFd null_ ABSL_GUARDED_BY(mutex_);
  UniqueFd seats_[3] ABSL_GUARDED_BY(mutex_);
};

}  // namespace

pid_t StartChild(ChildPlan& plan) {
  static Seats* const seats = new Seats;
  const pid_t pid = seats->Start(plan);
  if (pid >= 0) return pid;
  if (plan.cgroup < 0) return ForkChild(plan);
  // A system, or a container, that does not know or allow clone3.
  const UniqueFd procs(
      openat(plan.cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!procs) {
    plan.failed = SpawnStage::kCgroup;
    return -1;
  }
  plan.cgroup_procs = procs.get();
  return ForkChild(plan);
}

}  // namespace w2t::worker
