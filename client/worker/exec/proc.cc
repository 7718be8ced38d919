#include "client/worker/exec/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

namespace w2t::worker {

namespace {

// "/proc/PID/FILE", without the heap.
class ProcPath {
 public:
  ProcPath(pid_t pid, std::string_view file) {
    constexpr std::string_view kProc = "/proc/";
    char* end = std::copy(kProc.begin(), kProc.end(), text_.data());
    end = std::to_chars(end, text_.data() + text_.size(), pid).ptr;
    *end++ = '/';
    end = std::copy(file.begin(), file.end(), end);
    *end = '\0';
  }
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 64> text_;
};

ssize_t ReadSome(int fd, char* to, size_t most) {
  for (;;) {
    const ssize_t got = read(fd, to, most);
    if (got >= 0 || errno != EINTR) return got;
  }
}

std::string ReadShort(const char* path) {
  const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return "";
  std::array<char, 128> text;
  const ssize_t got = ReadSome(fd.get(), text.data(), text.size());
  std::string_view line(text.data(),
                        static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return std::string(line.substr(0, line.find('\n')));
}

// The number at the start of `text`, which it and a space are taken from.
template <typename Number>
Number Next(std::string_view& text) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  const size_t space = text.find(' ');
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return number;
}

}  // namespace

// "PID (NAME) STATE PPID PGRP SESSION ...", the start time as the 22nd. NAME
// may hold any character.
std::optional<ProcessStat> ParseStat(std::string_view line) {
  const size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos || name_end + 4 > line.size()) {
    return std::nullopt;
  }
  ProcessStat stat;
  stat.state = line[name_end + 2];
  line.remove_prefix(name_end + 4);
  stat.parent = Next<pid_t>(line);
  stat.group = Next<pid_t>(line);
  stat.session = Next<pid_t>(line);
  for (int field = 7; field < 22; ++field) Next<int64_t>(line);
  stat.start_ticks = Next<uint64_t>(line);
  return stat;
}

std::optional<ProcessStat> StatOf(pid_t pid) {
  const UniqueFd fd(open(ProcPath(pid, "stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 512> text;
  const ssize_t size = ReadSome(fd.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  return ParseStat({text.data(), static_cast<size_t>(size)});
}

uint64_t NowTicks() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const auto per_second = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return static_cast<uint64_t>(now.tv_sec) * per_second +
         static_cast<uint64_t>(now.tv_nsec) * per_second / 1'000'000'000;
}

UniqueFd OpenProcess(pid_t pid, StartTicks started) {
  if (pid <= 0) return UniqueFd();
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return pidfd;
  // The one that is open now: it cannot be another one any more.
  const std::optional<ProcessStat> stat = StatOf(pid);
  if (!stat || !stat->alive() || stat->start_ticks < started.first ||
      stat->start_ticks > started.last) {
    return UniqueFd();
  }
  return pidfd;
}

absl::Duration AgeOf(uint64_t start_ticks) {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const double start = static_cast<double>(start_ticks) /
                       static_cast<double>(sysconf(_SC_CLK_TCK));
  return absl::DurationFromTimespec(now) - absl::Seconds(start);
}

bool IsMarked(pid_t pid, std::string_view mark) {
  const UniqueFd fd(
      open(ProcPath(pid, "environ").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || mark.empty() || mark.size() > kMaxMarkBytes) return false;
  std::array<char, kMaxMarkBytes + 8 * 1024> text;
  size_t kept = 0;  // of the piece before: the mark may lie across
  for (;;) {
    const ssize_t got =
        ReadSome(fd.get(), text.data() + kept, text.size() - kept);
    if (got <= 0) return false;
    const std::string_view piece(text.data(), kept + static_cast<size_t>(got));
    if (piece.find(mark) != std::string_view::npos) return true;
    kept = std::min(piece.size(), mark.size() - 1);
    std::memmove(text.data(), piece.data() + piece.size() - kept, kept);
  }
}

void ForEachMarked(std::string_view mark,
                   absl::FunctionRef<void(pid_t)> found) {
  struct Entry {  // linux_dirent64
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[1];
  };
  const UniqueFd proc(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc) return;
  alignas(Entry) std::array<char, 8 * 1024> entries;
  for (;;) {
    const long got =
        syscall(SYS_getdents64, proc.get(), entries.data(), entries.size());
    if (got <= 0) return;
    for (long at = 0; at < got;) {
      const auto* const entry = reinterpret_cast<Entry*>(entries.data() + at);
      at += entry->size;
      const std::string_view name = entry->name;
      pid_t pid = 0;
      std::from_chars(name.data(), name.data() + name.size(), pid);
      // What has ended has no environment any more.
      if (pid > 0 && IsMarked(pid, mark)) found(pid);
    }
  }
}

std::string BootId() { return ReadShort("/proc/sys/kernel/random/boot_id"); }

std::string ProcessName(pid_t pid) {
  return ReadShort(ProcPath(pid, "comm").c_str());
}

}  // namespace w2t::worker
