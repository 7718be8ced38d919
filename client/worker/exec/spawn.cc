#include "client/worker/exec/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "client/worker/exec/process_group.h"

namespace w2t::worker {

namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

// cgroup.procs: who writes it is moved there.
constexpr std::string_view kMe = "0";

enum class Stage {
  kNone,
  kCgroup,
  kSession,
  kDeathSignal,
  kDup,
  kLimit,
  kChdir,
  kExec
};

// All that the child needs, made beforehand: it must not allocate.
struct Plan {
  std::vector<std::string> programs;  // to try in turn
  std::vector<char*> argv;
  std::vector<char*> env;
  const char* dir = nullptr;
  const rlimit* open_files = nullptr;
  int fds[3] = {-1, -1, -1};
  int cgroup = -1;
  int cgroup_procs = -1;  // to be written by the child
  pid_t parent = 0;
  bool outlives = false;
  std::atomic<pid_t>* group = nullptr;
  // Set by the child, whose memory is ours.
  volatile Stage failed = Stage::kNone;
  volatile int error = 0;
};

std::string_view PathOf(const std::vector<std::string>& env) {
  constexpr std::string_view kPath = "PATH=";
  for (const std::string& entry : env) {
    if (entry.starts_with(kPath)) {
      return std::string_view(entry).substr(kPath.size());
    }
  }
  return kDefaultPath;
}

std::vector<std::string> Candidates(const SpawnSpec& spec) {
  if (!spec.program.empty()) return {spec.program};
  const std::string& program = spec.argv.front();
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> candidates;
  std::string_view path = PathOf(spec.env);
  for (;;) {
    const size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    candidates.push_back(
        folder.empty() ? program : fmt::format("{}/{}", folder, program));
    if (colon == std::string_view::npos) return candidates;
    path.remove_prefix(colon + 1);
  }
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) {
    pointers.push_back(const_cast<char*>(string.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

#define W2T_IN_VFORK_CHILD \
  __attribute__((noinline, no_sanitize("address", "undefined")))

[[noreturn]] W2T_IN_VFORK_CHILD void Fail(Plan& plan, Stage stage) {
  plan.error = errno;
  plan.failed = stage;
  _exit(127);
}

// A descriptor below 3 would be overwritten by the dup2 of another one.
W2T_IN_VFORK_CHILD void PlaceDescriptors(Plan& plan) {
  int moved[3];
  for (int i = 0; i < 3; ++i) {
    moved[i] = fcntl(plan.fds[i], F_DUPFD_CLOEXEC, 3);
    if (moved[i] < 0) Fail(plan, Stage::kDup);
  }
  for (int i = 0; i < 3; ++i) {
    if (dup2(moved[i], i) < 0) Fail(plan, Stage::kDup);
  }
  // Descriptors of libraries that did not ask for CLOEXEC stay behind.
  syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
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

[[noreturn]] W2T_IN_VFORK_CHILD void RunChild(Plan& plan) {
  if (plan.cgroup_procs >= 0 &&
      write(plan.cgroup_procs, kMe.data(), kMe.size()) < 0) {
    Fail(plan, Stage::kCgroup);
  }
  const pid_t group = setsid();
  if (group < 0) Fail(plan, Stage::kSession);
  if (plan.group != nullptr) *plan.group = group;
  if (!plan.outlives) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail(plan, Stage::kDeathSignal);
    // The parent may have ended just before that.
    if (getppid() != plan.parent) _exit(127);
  }
  PlaceDescriptors(plan);
  if (plan.open_files != nullptr &&
      setrlimit(RLIMIT_NOFILE, plan.open_files) != 0) {
    Fail(plan, Stage::kLimit);
  }
  if (plan.dir != nullptr && chdir(plan.dir) != 0) Fail(plan, Stage::kChdir);
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
  Fail(plan, Stage::kExec);
}

#ifdef __x86_64__
// As vfork, but in the cgroup from the beginning: to be moved there takes the
// system up to tens of milliseconds. libc has no such call.
W2T_IN_VFORK_CHILD pid_t CloneIntoCgroup(Plan& plan) {
  constexpr uint64_t kCloneIntoCgroup = uint64_t{1} << 33;
  struct {
    uint64_t flags = CLONE_VM | CLONE_VFORK | kCloneIntoCgroup;
    uint64_t pidfd = 0, child_tid = 0, parent_tid = 0;
    uint64_t exit_signal = SIGCHLD;
    uint64_t stack = 0, stack_size = 0, tls = 0, set_tid = 0, set_tid_size = 0;
    uint64_t cgroup = 0;
  } args;
  args.cgroup = static_cast<uint64_t>(plan.cgroup);
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
pid_t CloneIntoCgroup(Plan&) {
  errno = ENOSYS;
  return -1;
}
#endif

// In a function of its own: what it keeps in registers must survive the child.
W2T_IN_VFORK_CHILD pid_t ForkChild(Plan& plan) {
  const pid_t pid = vfork();
  if (pid == 0) RunChild(plan);
  return pid;
}

absl::Status Failure(const SpawnSpec& spec, Stage stage, int error) {
  const char* const words = std::strerror(error);
  switch (stage) {
    case Stage::kExec: {
      const std::string message =
          fmt::format("exec {}: {}", spec.argv[0], words);
      return error == ENOENT ? absl::NotFoundError(message)
                             : absl::InternalError(message);
    }
    case Stage::kChdir:
      return absl::InternalError(
          fmt::format("chdir to {}: {}", spec.dir, words));
    case Stage::kCgroup:
      return absl::InternalError(fmt::format("join the cgroup: {}", words));
    case Stage::kSession:
      return absl::InternalError(fmt::format("setsid: {}", words));
    case Stage::kDeathSignal:
      return absl::InternalError(fmt::format("prctl: {}", words));
    case Stage::kDup:
      return absl::InternalError(fmt::format("dup: {}", words));
    case Stage::kLimit:
      return absl::InternalError(fmt::format("setrlimit: {}", words));
    case Stage::kNone:
      break;
  }
  return absl::InternalError("unknown stage");
}

absl::Status Errno(std::string_view call) {
  return absl::InternalError(fmt::format("{}: {}", call, std::strerror(errno)));
}

absl::Status Check(const SpawnSpec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty()) {
    return absl::InvalidArgumentError("exec: no program is named");
  }
  const auto has_zero = [](const std::vector<std::string>& strings) {
    for (const std::string& string : strings) {
      if (string.find('\0') != std::string::npos) return true;
    }
    return false;
  };
  if (has_zero(spec.argv) || has_zero(spec.env) ||
      spec.dir.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("exec: a string holds a zero byte");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Child> Spawn(const SpawnSpec& spec) {
  if (absl::Status status = Check(spec); !status.ok()) return status;
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return Errno("open /dev/null");

  Plan plan;
  plan.programs = Candidates(spec);
  plan.argv = Pointers(spec.argv);
  plan.env = Pointers(spec.env);
  plan.dir = spec.dir.empty() ? nullptr : spec.dir.c_str();
  plan.open_files = spec.open_files ? &*spec.open_files : nullptr;
  plan.fds[0] = null.get();
  plan.fds[1] = spec.stdout_fd < 0 ? null.get() : spec.stdout_fd;
  plan.fds[2] = spec.stderr_fd < 0 ? null.get() : spec.stderr_fd;
  plan.parent = getpid();
  plan.outlives = spec.outlives;
  GroupGuard::Slot guarded =
      spec.guard == nullptr ? GroupGuard::Slot() : spec.guard->Take();
  plan.group = guarded.group();

  // A handler of ours must not run in the child, which has our memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = -1;
  if (spec.cgroup_fd >= 0) {
    plan.cgroup = spec.cgroup_fd;
    pid = CloneIntoCgroup(plan);
  }
  UniqueFd cgroup_procs;
  if (spec.cgroup_fd >= 0 && pid < 0) {
    // A system, or a container, that does not know or allow it.
    cgroup_procs =
        UniqueFd(openat(spec.cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC));
    plan.cgroup_procs = cgroup_procs.get();
  }
  const bool lost = spec.cgroup_fd >= 0 && pid < 0 && !cgroup_procs;
  if (pid < 0 && !lost) pid = ForkChild(plan);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (lost) return Failure(spec, Stage::kCgroup, error);
  if (pid < 0) {
    errno = error;
    return Errno("fork");
  }
  if (plan.failed != Stage::kNone) {
    waitpid(pid, nullptr, 0);
    return Failure(spec, plan.failed, plan.error);
  }
  Child child{pid,
              UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
              std::move(guarded),
              {}};
  if (spec.orphans != nullptr) child.started = spec.orphans->Start(pid);
  if (!child.pidfd) {
    absl::Status status = Errno("pidfd_open");
    SignalGroup(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return status;
  }
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  child.inherited_rss_bytes = static_cast<uint64_t>(own.ru_maxrss) * 1024;
  return child;
}

Exit Reap(const Child& child) {
  siginfo_t info{};
  rusage usage{};
  long result = 0;
  do {
    result =
        syscall(SYS_waitid, P_PIDFD, child.pidfd.get(), &info, WEXITED, &usage);
  } while (result != 0 && errno == EINTR);
  Exit ended;
  if (result != 0) {
    ended.known = false;
    return ended;
  }
  if (info.si_code == CLD_EXITED) {
    ended.exit_code = info.si_status;
  } else {
    ended.signal = static_cast<uint32_t>(info.si_status);
    ended.exit_code = 128 + info.si_status;
  }
  const auto micros = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000 +
           static_cast<uint64_t>(time.tv_usec);
  };
  ended.cpu_us = micros(usage.ru_utime) + micros(usage.ru_stime);
  const auto max_rss = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  if (max_rss > child.inherited_rss_bytes) ended.max_rss_bytes = max_rss;
  return ended;
}

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return Errno("pipe");
  Pipe pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) return Errno("fcntl");
  return pipe;
}

}  // namespace w2t::worker
