#include "client/worker/exec/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <utility>

namespace w2t::worker {

namespace {

// As for system(3): to look through PATH for it takes longer than its start.
constexpr std::string_view kShell = "/bin/sh";

}  // namespace

std::vector<std::string> Environment(const std::vector<std::string>& own,
                                     const Offer& offer,
                                     std::string_view worker,
                                     std::string_view mark) {
  std::map<std::string, std::string, std::less<>> merged;
  for (const std::string& entry : own) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) continue;
    merged[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  const std::string inherited = merged[kMarkVariable];
  for (const auto& [name, value] : offer.action->exec().env()) {
    merged[name] = value;
  }
  merged["W2T_RUN_ID"] = *offer.run_id;
  merged["W2T_TASK"] = offer.name;
  merged["W2T_ATTEMPT"] = fmt::format("{}", offer.lease.attempt);
  merged["W2T_WORKER"] = worker;
  if (!mark.empty()) merged[kMarkVariable] = inherited + std::string(mark);
  std::vector<std::string> environment;
  environment.reserve(merged.size());
  for (const auto& [name, value] : merged) {
    environment.push_back(fmt::format("{}={}", name, value));
  }
  return environment;
}

std::string MarkOf(std::string_view prefix, uint64_t fence) {
  return fmt::format("{}-{};", prefix, fence);
}

SpawnSpec CommandOf(const Offer& offer, const std::vector<std::string>& own,
                    std::string_view worker, std::string_view mark) {
  const v1::ExecAction& exec = offer.action->exec();
  SpawnSpec spec;
  if (!exec.shell().empty()) {
    spec.argv = {"sh", "-c", exec.shell()};
    if (exec.shell_program().empty()) {
      spec.program = kShell;
    } else {
      spec.argv.front() = exec.shell_program();
    }
  } else {
    spec.argv.assign(exec.argv().begin(), exec.argv().end());
  }
  spec.env = Environment(own, offer, worker, mark);
  spec.dir = exec.dir();
  return spec;
}

SpawnSpec ShellLine(std::string_view line, const SpawnSpec& task) {
  SpawnSpec spec;
  spec.argv = {"sh", "-c", std::string(line)};
  spec.program = kShell;
  spec.env = task.env;
  spec.dir = task.dir;
  spec.open_files = task.open_files;
  spec.guard = task.guard;
  spec.orphans = task.orphans;
  return spec;
}

void SetVariable(std::string_view name, std::string_view value,
                 SpawnSpec* spec) {
  const std::string start = fmt::format("{}=", name);
  std::erase_if(spec->env, [&](const std::string& entry) {
    return entry.starts_with(start);
  });
  spec->env.push_back(fmt::format("{}{}", start, value));
}

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> own;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    // The service manager waits for word from the worker, not from its tasks.
    const std::string_view variable = *entry;
    if (variable.starts_with("NOTIFY_SOCKET=") ||
        variable.starts_with("WATCHDOG_PID=") ||
        variable.starts_with("WATCHDOG_USEC=")) {
      continue;
    }
    own.emplace_back(variable);
  }
  return own;
}

}  // namespace w2t::worker
