#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <system_error>

#include "fmt/format.h"

namespace w2t::test {
namespace {

[[noreturn]] void Throw(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Children that Process objects stand for.
class Registry {
 public:
  static Registry& Get() {
    static Registry registry;
    return registry;
  }
  void Add(pid_t pid) {
    std::lock_guard lock(mutex_);
    pids_.insert(pid);
  }
  void Remove(pid_t pid) {
    std::lock_guard lock(mutex_);
    pids_.erase(pid);
  }
  bool Has(pid_t pid) {
    std::lock_guard lock(mutex_);
    return pids_.contains(pid);
  }
  // Held from fork until the child is registered, so that it never counts as an
  // orphan.
  std::mutex& starting() { return starting_; }

 private:
  std::mutex mutex_;
  std::mutex starting_;
  std::set<pid_t> pids_;
};

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::map<std::string, std::string> values;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) {
      values[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  for (const auto& name : options.unset) values.erase(name);
  for (const auto& [name, value] : options.env) values[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : values) {
    entries.push_back(fmt::format("{}={}", name, value));
  }
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (auto& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

int InputFile(const std::string& text) {
  const int fd = memfd_create("input", MFD_CLOEXEC);
  if (fd < 0) Throw("memfd_create");
  if (write(fd, text.data(), text.size()) < 0) Throw("write");
  lseek(fd, 0, SEEK_SET);
  return fd;
}

// What the child does between fork and exec: async-signal-safe calls only.
[[noreturn]] void Become(char* const* argv, char* const* env, const char* dir,
                         bool own_group, int in, int out, int err,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  if (own_group) setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
  if (*dir != '\0' && chdir(dir) != 0) _exit(126);
  execve(argv[0], argv, env);
  _exit(127);
}

// Appends what there is to `text`. False at the end of the file.
bool Drain(int fd, std::string& text) {
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t size = read(fd, buffer.data(), buffer.size());
    if (size > 0) {
      text.append(buffer.data(), static_cast<size_t>(size));
    } else if (size == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

ExitStatus Reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ExitStatus exit;
  if (WIFEXITED(status)) exit.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
  return exit;
}

std::optional<std::string> FindLine(std::string_view text,
                                    std::string_view part) {
  const size_t at = text.find(part);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t end = text.find('\n', at);
  if (end == std::string_view::npos) return std::nullopt;
  const size_t before = at == 0 ? at : text.rfind('\n', at - 1);
  const size_t begin =
      before == std::string_view::npos || at == 0 ? 0 : before + 1;
  return std::string(text.substr(begin, end - begin));
}

}  // namespace

std::string ExitStatus::ToString() const {
  if (timed_out) return "still running";
  if (signal != 0) return fmt::format("signal {}", signal);
  return fmt::format("exit {}", code);
}

Process::Process(ProcessOptions options) : name_(options.argv.at(0)) {
  std::vector<std::string> env = Environment(options);
  const std::vector<char*> argv_pointers = Pointers(options.argv);
  const std::vector<char*> env_pointers = Pointers(env);
  const int in = InputFile(options.input);
  std::array<int, 2> out;
  std::array<int, 2> err;
  if (pipe2(out.data(), O_CLOEXEC) != 0) Throw("pipe2");
  if (pipe2(err.data(), O_CLOEXEC) != 0) Throw("pipe2");
  const pid_t parent = getpid();
  {
    std::lock_guard lock(Registry::Get().starting());
    pid_ = fork();
    if (pid_ == 0) {
      Become(argv_pointers.data(), env_pointers.data(), options.dir.c_str(),
             options.own_group, in, out[1], err[1], parent);
    }
    if (pid_ < 0) Throw("fork");
    Registry::Get().Add(pid_);
  }
  close(in);
  close(out[1]);
  close(err[1]);
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  fcntl(err[0], F_SETFL, O_NONBLOCK);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd < 0) Throw("pidfd_open");
  watcher_ = std::thread([this, out_fd = out[0], err_fd = err[0], pidfd] {
    Watch(out_fd, err_fd, pidfd);
  });
}

Process::~Process() {
  Kill();
  watcher_.join();
  Registry::Get().Remove(pid_);
}

void Process::Watch(int out, int err, int pidfd) {
  std::array<pollfd, 3> fds = {
      {{out, POLLIN, 0}, {err, POLLIN, 0}, {pidfd, POLLIN, 0}}};
  for (;;) {
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
    const bool ended = fds[2].revents != 0;
    std::lock_guard lock(mutex_);
    if (fds[0].fd >= 0 && !Drain(out, out_)) fds[0].fd = -1;
    if (fds[1].fd >= 0 && !Drain(err, err_)) fds[1].fd = -1;
    if (ended) status_ = Reap(pid_);
    changed_.notify_all();
    if (ended) break;
  }
  close(out);
  close(err);
  close(pidfd);
}

bool Process::running() const {
  std::lock_guard lock(mutex_);
  return !status_.has_value();
}

void Process::Signal(int signal) {
  std::lock_guard lock(mutex_);
  if (!status_.has_value()) kill(pid_, signal);
}

void Process::Kill() {
  Signal(SIGKILL);
  WaitForExit();
}

ExitStatus Process::WaitForExit(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const bool ended =
      changed_.wait_for(lock, patience, [this] { return status_.has_value(); });
  return ended ? *status_ : ExitStatus{.timed_out = true};
}

std::string Process::out() const {
  std::lock_guard lock(mutex_);
  return out_;
}

std::string Process::err() const {
  std::lock_guard lock(mutex_);
  return err_;
}

std::optional<std::string> Process::WaitForLine(
    std::string_view text, std::chrono::milliseconds patience) {
  std::optional<std::string> line;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] {
    line = FindLine(out_, text);
    if (!line) line = FindLine(err_, text);
    return line.has_value() || status_.has_value();
  });
  return line;
}

void AdoptOrphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

std::vector<pid_t> Orphans() {
  std::lock_guard lock(Registry::Get().starting());
  std::vector<pid_t> orphans;
  // The kernel lists children by the thread that they belong to.
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(thread.path() / "children");
    for (pid_t pid = 0; children >> pid;) {
      if (Registry::Get().Has(pid)) continue;
      if (waitpid(pid, nullptr, WNOHANG) == 0) orphans.push_back(pid);
    }
  }
  return orphans;
}

void KillOrphans() {
  Eventually(
      [] {
        const std::vector<pid_t> orphans = Orphans();
        for (const pid_t pid : orphans) kill(pid, SIGKILL);
        return orphans.empty();
      },
      std::chrono::seconds(10));
}

}  // namespace w2t::test
