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

std::vector<std::string> Variables(const std::vector<std::string>& own,
                                   const Offer& offer, std::string_view worker,
                                   std::string_view mark) {
  const auto& task = offer.action->exec().env();
  std::map<std::string_view, std::string> merged(task.begin(), task.end());
  merged["W2T_RUN_ID"] = *offer.run_id;
  merged["W2T_TASK"] = offer.name;
  merged["W2T_ATTEMPT"] = fmt::format("{}", offer.lease.attempt);
  merged["W2T_WORKER"] = worker;
  if (!mark.empty()) {
    std::string& marks = merged[kMarkVariable];
    marks.clear();
    for (const std::string& variable : own) {
      if (NameOf(variable) == kMarkVariable) {
        marks = variable.substr(NameOf(variable).size() + 1);
      }
    }
    marks += mark;
  }
  std::vector<std::string> variables;
  variables.reserve(merged.size());
  for (const auto& [name, value] : merged) {
    variables.push_back(fmt::format("{}={}", name, value));
  }
  return variables;
}

std::string MarkOf(std::string_view prefix, uint64_t fence) {
  return fmt::format("{}-{};", prefix, fence);
}

SpawnSpec CommandOf(const Offer& offer,
                    std::shared_ptr<const std::vector<std::string>> own,
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
  spec.env = Variables(*own, offer, worker, mark);
  spec.inherited = std::move(own);
  spec.dir = exec.dir();
  return spec;
}

SpawnSpec ShellLine(std::string_view line, const SpawnSpec& task) {
  SpawnSpec spec;
  spec.argv = {"sh", "-c", std::string(line)};
  spec.program = kShell;
  spec.env = task.env;
  spec.inherited = task.inherited;
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

void Unmark(std::string_view mark, SpawnSpec* spec) {
  for (std::string& entry : spec->env) {
    if (NameOf(entry) == kMarkVariable && entry.ends_with(mark)) {
      entry.resize(entry.size() - mark.size());
    }
  }
}

std::vector<std::string> OwnEnvironment() {
  std::map<std::string_view, std::string_view> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name = NameOf(*entry);
    // The service manager waits for word from the worker, not from its tasks.
    if (name.empty() || name == "NOTIFY_SOCKET" || name == "WATCHDOG_PID" ||
        name == "WATCHDOG_USEC") {
      continue;
    }
    variables[name] = *entry;
  }
  std::vector<std::string> own;
  own.reserve(variables.size());
  for (const auto& [name, variable] : variables) own.emplace_back(variable);
  return own;
}

}  // namespace w2t::worker
