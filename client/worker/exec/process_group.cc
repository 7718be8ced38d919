#include "client/worker/exec/process_group.h"

#include <dirent.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>

#include "client/worker/exec/proc.h"

namespace w2t::worker {

void SignalGroup(pid_t group, int signal) { kill(-group, signal); }

bool GroupLives(pid_t group) {
  if (kill(-group, 0) != 0 && errno == ESRCH) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), &closedir);
  if (proc == nullptr) return true;
  while (const dirent* entry = readdir(proc.get())) {
    const bool is_pid = entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    if (!is_pid) continue;
    const std::optional<ProcessStat> stat = StatOf(std::atoi(entry->d_name));
    if (stat && stat->group == group && stat->alive()) return true;
  }
  return false;
}

std::string SignalName(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? name : fmt::format("signal {}", signal);
}

}  // namespace w2t::worker
