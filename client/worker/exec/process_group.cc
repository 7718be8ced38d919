#include "client/worker/exec/process_group.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>

#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

namespace {

// Whether /proc/PID/stat, "PID (NAME) STATE PPID PGRP ...", is of a living
// member of `group`. NAME may hold any character.
bool IsLivingMember(std::string_view stat, pid_t group) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || name_end + 4 > stat.size()) {
    return false;
  }
  const char state = stat[name_end + 2];
  stat.remove_prefix(name_end + 4);
  stat.remove_prefix(std::min(stat.size(), stat.find(' ')));
  if (stat.empty()) return false;
  stat.remove_prefix(1);
  pid_t number = 0;
  std::from_chars(stat.data(), stat.data() + stat.size(), number);
  return number == group && state != 'Z' && state != 'X';
}

bool IsLivingMember(const char* pid, pid_t group) {
  UniqueFd fd(
      open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  char text[512];
  const ssize_t size = read(fd.get(), text, sizeof(text));
  return size > 0 &&
         IsLivingMember(std::string_view(text, static_cast<size_t>(size)),
                        group);
}

}  // namespace

void SignalGroup(pid_t group, int signal) { kill(-group, signal); }

bool GroupLives(pid_t group) {
  if (kill(-group, 0) != 0 && errno == ESRCH) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), &closedir);
  if (proc == nullptr) return true;
  while (const dirent* entry = readdir(proc.get())) {
    const bool is_pid = entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    if (is_pid && IsLivingMember(entry->d_name, group)) return true;
  }
  return false;
}

std::string SignalName(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? name : fmt::format("signal {}", signal);
}

}  // namespace w2t::worker
