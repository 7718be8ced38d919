#include "client/worker/exec/cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "client/worker/state/files.h"

namespace w2t::worker {

namespace {

// Where the worker itself goes.
constexpr char kWorkerLeaf[] = "w2t-worker";
constexpr char kCgroupPrefix[] = "w2t-";
constexpr uint64_t kPeriodUs = 100'000;

absl::Status WriteText(const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return FileError("open", path);
  if (write(fd.get(), text.data(), text.size()) !=
      static_cast<ssize_t>(text.size())) {
    return FileError("write", path);
  }
  return absl::OkStatus();
}

std::string ReadOrNothing(const std::string& path) {
  absl::StatusOr<std::string> text = ReadWhole(path);
  return text.ok() ? *std::move(text) : "";
}

// The number behind `name` in lines of "NAME NUMBER".
uint64_t NumberOf(const std::string& text, std::string_view name) {
  const std::string start = fmt::format("{} ", name);
  size_t at = text.starts_with(start) ? 0 : text.find("\n" + start);
  if (at == std::string::npos) return 0;
  at = text.find(' ', at) + 1;
  uint64_t number = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), number);
  return number;
}

// Those of attempts that ended with a worker that was killed.
void RemoveEmpty(const std::string& parent) {
  std::error_code error;
  std::filesystem::directory_iterator entries(parent, error);
  for (; !error && entries != std::filesystem::directory_iterator();
       entries.increment(error)) {
    const std::string name = entries->path().filename();
    if (name.starts_with(kCgroupPrefix) && name != kWorkerLeaf) {
      rmdir(entries->path().c_str());
    }
  }
}

bool HasController(const std::string& cgroup, std::string_view controller) {
  std::string all = ReadOrNothing(cgroup + "/cgroup.controllers");
  std::replace(all.begin(), all.end(), '\n', ' ');
  return (" " + all).find(fmt::format(" {} ", controller)) != std::string::npos;
}

// systemd marks what it has delegated; what belongs to another user than root
// was given to that user.
bool IsDelegated(const std::string& path) {
  char mark = 0;
  for (const char* name : {"trusted.delegate", "user.delegate"}) {
    if (getxattr(path.c_str(), name, &mark, 1) == 1 && mark == '1') return true;
  }
  struct stat about {};
  return stat(path.c_str(), &about) == 0 && about.st_uid != 0 &&
         about.st_uid == geteuid();
}

}  // namespace

std::string OwnCgroup() {
  // "30 23 0:26 / /sys/fs/cgroup rw,... - cgroup2 cgroup2 rw,..."
  const std::string mounts = ReadOrNothing("/proc/self/mountinfo");
  const size_t kind = mounts.find(" - cgroup2 ");
  if (kind == std::string::npos) return "";
  const size_t newline = mounts.rfind('\n', kind);
  size_t at = newline == std::string::npos ? 0 : newline + 1;
  std::string fields[5];
  for (std::string& field : fields) {
    const size_t space = mounts.find(' ', at);
    field = mounts.substr(at, space - at);
    at = space + 1;
  }
  const std::string& root = fields[3];
  const std::string cgroups = "\n" + ReadOrNothing("/proc/self/cgroup");
  const size_t own = cgroups.find("\n0::");
  if (own == std::string::npos) return "";
  std::string path =
      cgroups.substr(own + 4, cgroups.find('\n', own + 4) - own - 4);
  if (root != "/") {
    if (!path.starts_with(root)) return "";
    path.erase(0, root.size());
  }
  return path == "/" ? fields[4] : fields[4] + path;
}

std::string MemoryText(uint64_t bytes) {
  if (bytes % (1 << 20) == 0) return fmt::format("{} MiB", bytes >> 20);
  return fmt::format("{} bytes", bytes);
}

Cgroup::Cgroup(std::string path)
    : path_(std::move(path)),
      folder_(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

Cgroup::~Cgroup() { rmdir(path_.c_str()); }

bool Cgroup::Lives() const {
  return NumberOf(ReadOrNothing(path_ + "/cgroup.events"), "populated") != 0;
}

std::vector<pid_t> Cgroup::Processes() const {
  std::vector<pid_t> found;
  const std::string text = ReadOrNothing(path_ + "/cgroup.procs");
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ec != std::errc()) break;
    if (pid > 0) found.push_back(pid);
    at = parsed.ptr + 1;
  }
  return found;
}

void Cgroup::Kill() const {
  static_cast<void>(WriteText(path_ + "/cgroup.kill", "1"));
}

uint64_t Cgroup::OutOfMemoryKills() const {
  return NumberOf(ReadOrNothing(path_ + "/memory.events"), "oom_kill");
}

absl::StatusOr<std::unique_ptr<Cgroups>> Cgroups::Open(std::string parent) {
  if (!parent.empty()) {
    if (access((parent + "/cgroup.procs").c_str(), W_OK) != 0) {
      return FileError("access", parent + "/cgroup.procs");
    }
    RemoveEmpty(parent);
    return std::unique_ptr<Cgroups>(new Cgroups(std::move(parent)));
  }
  parent = OwnCgroup();
  if (parent.empty()) return absl::NotFoundError("there is no cgroup v2");
  // An earlier process may have been there, or systemd's DelegateSubgroup=.
  const std::string leaf = fmt::format("/{}", kWorkerLeaf);
  const bool moved = parent.ends_with(leaf);
  if (moved) parent.resize(parent.size() - leaf.size());
  if (!IsDelegated(parent)) {
    return absl::NotFoundError(
        fmt::format("the cgroup {} is not delegated to the worker", parent));
  }
  if (!moved) {
    const std::string own = parent + leaf;
    if (mkdir(own.c_str(), 0755) != 0 && errno != EEXIST) {
      return FileError("mkdir", own);
    }
    absl::Status status = WriteText(own + "/cgroup.procs", "0");
    if (!status.ok()) return status;
  }
  RemoveEmpty(parent);
  return std::unique_ptr<Cgroups>(new Cgroups(std::move(parent)));
}

absl::StatusOr<std::unique_ptr<Cgroup>> Cgroups::Make(
    std::string_view name) const {
  const std::string path = fmt::format("{}/{}{}", parent_, kCgroupPrefix, name);
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return FileError("mkdir", path);
  }
  auto cgroup = std::make_unique<Cgroup>(path);
  if (cgroup->fd() < 0) return FileError("open", path);
  return cgroup;
}

// The controllers are asked for only here: a cgroup that has one for those
// below it takes no process any more, and a service manager may want to put the
// worker's next process there.
absl::Status Cgroups::Limit(const Cgroup& cgroup,
                            const v1::ExecLimits& limits) {
  std::vector<std::string> missing;
  const auto set = [&](std::string_view controller, std::string_view file,
                       const std::string& value) {
    if (!HasController(parent_, controller)) {
      missing.push_back(fmt::format("the cgroup {} has no {} controller",
                                    parent_, controller));
      return;
    }
    absl::Status status = WriteText(parent_ + "/cgroup.subtree_control",
                                    fmt::format("+{}", controller));
    if (status.ok()) {
      status = WriteText(fmt::format("{}/{}", cgroup.path(), file), value);
    }
    if (!status.ok()) missing.emplace_back(status.message());
  };
  if (limits.memory_bytes() > 0) {
    set("memory", "memory.max", fmt::format("{}", limits.memory_bytes()));
    // Where there is swap, it is no way around the bound.
    static_cast<void>(WriteText(cgroup.path() + "/memory.swap.max", "0"));
  }
  if (limits.cpu_milli() > 0) {
    set("cpu", "cpu.max",
        fmt::format("{} {}", limits.cpu_milli() * kPeriodUs / 1'000,
                    kPeriodUs));
  }
  if (missing.empty()) return absl::OkStatus();
  std::string words = missing.front();
  if (missing.size() > 1) words = fmt::format("{}; {}", words, missing.back());
  return absl::FailedPreconditionError(words);
}

}  // namespace w2t::worker
