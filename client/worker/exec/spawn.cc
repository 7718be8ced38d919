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

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "client/worker/exec/process_group.h"
#include "client/worker/exec/spawn_child.h"

namespace w2t::worker {

namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

std::string_view PathOf(const SpawnSpec& spec) {
  constexpr std::string_view kPath = "PATH=";
  for (const std::vector<std::string>* variables :
       {&spec.env, spec.inherited.get()}) {
    if (variables == nullptr) continue;
    for (const std::string& entry : *variables) {
      if (entry.starts_with(kPath)) {
        return std::string_view(entry).substr(kPath.size());
      }
    }
  }
  return kDefaultPath;
}

std::vector<std::string> Candidates(const SpawnSpec& spec) {
  if (!spec.program.empty()) return {spec.program};
  const std::string& program = spec.argv.front();
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> candidates;
  std::string_view path = PathOf(spec);
  for (;;) {
    const size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    candidates.push_back(
        folder.empty() ? program : fmt::format("{}/{}", folder, program));
    if (colon == std::string_view::npos) return candidates;
    path.remove_prefix(colon + 1);
  }
}

void AddPointers(const std::vector<std::string>& strings,
                 std::vector<char*>* pointers) {
  for (const std::string& string : strings) {
    pointers->push_back(const_cast<char*>(string.c_str()));
  }
}

std::vector<char*> ArgumentsOf(const SpawnSpec& spec) {
  std::vector<char*> pointers;
  pointers.reserve(spec.argv.size() + 1);
  AddPointers(spec.argv, &pointers);
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<char*> EnvironmentOf(const SpawnSpec& spec) {
  std::vector<char*> pointers;
  const size_t inherited =
      spec.inherited == nullptr ? 0 : spec.inherited->size();
  pointers.reserve(spec.env.size() + inherited + 1);
  AddPointers(spec.env, &pointers);
  for (size_t i = 0; i < inherited; ++i) {
    const std::string& variable = (*spec.inherited)[i];
    const std::string_view start =
        std::string_view(variable).substr(0, NameOf(variable).size() + 1);
    const bool hidden = std::any_of(
        spec.env.begin(), spec.env.end(),
        [start](const std::string& each) { return each.starts_with(start); });
    if (!hidden) pointers.push_back(const_cast<char*>(variable.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status Failure(const SpawnSpec& spec, SpawnStage stage, int error) {
  const char* const words = std::strerror(error);
  switch (stage) {
    case SpawnStage::kExec: {
      const std::string message =
          fmt::format("exec {}: {}", spec.argv[0], words);
      return error == ENOENT ? absl::NotFoundError(message)
                             : absl::InternalError(message);
    }
    case SpawnStage::kChdir:
      return absl::InternalError(
          fmt::format("chdir to {}: {}", spec.dir, words));
    case SpawnStage::kCgroup:
      return absl::InternalError(fmt::format("join the cgroup: {}", words));
    case SpawnStage::kSession:
      return absl::InternalError(fmt::format("setsid: {}", words));
    case SpawnStage::kDeathSignal:
      return absl::InternalError(fmt::format("prctl: {}", words));
    case SpawnStage::kDup:
      return absl::InternalError(fmt::format("dup: {}", words));
    case SpawnStage::kLimit:
      return absl::InternalError(fmt::format("setrlimit: {}", words));
    case SpawnStage::kFiles:
    case SpawnStage::kNone:
      break;
  }
  return absl::InternalError("unknown stage");
}

absl::Status SpawnError(std::string_view call) {
  return absl::InternalError(fmt::format("{}: {}", call, std::strerror(errno)));
}

absl::Status CheckSpec(const SpawnSpec& spec) {
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

std::string_view NameOf(std::string_view variable) {
  const size_t equals = variable.find('=');
  return equals == std::string_view::npos ? std::string_view()
                                          : variable.substr(0, equals);
}

absl::StatusOr<Child> Spawn(const SpawnSpec& spec) {
  if (absl::Status status = CheckSpec(spec); !status.ok()) return status;
  ChildPlan plan;
  plan.programs = Candidates(spec);
  plan.argv = ArgumentsOf(spec);
  plan.env = EnvironmentOf(spec);
  plan.dir = spec.dir.empty() ? nullptr : spec.dir.c_str();
  plan.open_files = spec.open_files ? &*spec.open_files : nullptr;
  plan.fds[1] = spec.stdout_fd;
  plan.fds[2] = spec.stderr_fd;
  plan.cgroup = spec.cgroup_fd;
  plan.parent = getpid();
  plan.outlives = spec.outlives;
  GroupGuard::Slot guarded =
      spec.guard == nullptr ? GroupGuard::Slot() : spec.guard->Take();
  plan.group = guarded.group();

  // A handler of ours must not run in the child, which has our memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  StartTicks start_ticks{.first = NowTicks()};
  const pid_t pid = StartChild(plan);
  const int error = errno;
  start_ticks.last = NowTicks();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0 && plan.failed != SpawnStage::kNone) {
    return Failure(spec, plan.failed, error);
  }
  if (pid < 0) {
    errno = error;
    return SpawnError("fork");
  }
  if (plan.failed != SpawnStage::kNone) {
    waitpid(pid, nullptr, 0);
    return Failure(spec, plan.failed, plan.error);
  }
  Child child{pid,
              UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))),
              start_ticks,
              std::move(guarded),
              {}};
  if (spec.orphans != nullptr) child.started = spec.orphans->Start(pid);
  if (!child.pidfd) {
    absl::Status status = SpawnError("pidfd_open");
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
  if (pipe2(fds, O_CLOEXEC) != 0) return SpawnError("pipe");
  Pipe pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) return SpawnError("fcntl");
  return pipe;
}

absl::StatusOr<Pipe> MakeLastingPipe() {
  absl::StatusOr<Pipe> pipe = MakePipe();
  if (!pipe.ok()) return pipe.status();
  const std::string path =
      fmt::format("/proc/self/fd/{}", pipe->read_end.get());
  pipe->write_end = UniqueFd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!pipe->write_end) return SpawnError("open a pipe");
  return pipe;
}

}  // namespace w2t::worker
