#include "client/cli/why.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "client/cli/text.h"

namespace w2t::cli {

namespace {

std::string Names(const v1::TaskStatus& task) {
  return fmt::format("{}", fmt::join(task.waiting_for().begin(),
                                     task.waiting_for().end(), ", "));
}

std::string Failure(const v1::TaskStatus& task) {
  return FailureText(task.state(), task.exit_code(), task.signal(),
                     task.message());
}

// Of one that never ran.
std::string SkipText(const v1::TaskStatus& task) {
  if (task.wait_kind() == v1::WAIT_KIND_UNDO) {
    return "there was nothing to undo";
  }
  return task.waiting_for().empty() ? "the run ended before it could start"
                                    : fmt::format("because of {}", Names(task));
}

}  // namespace

std::string StateWord(const v1::TaskStatus& task) {
  return task.removed() ? "removed" : Word(task.state());
}

std::string WaitText(const v1::TaskStatus& task) {
  if (task.wait_kind() == v1::WAIT_KIND_DORMANT) {
    return "only if the run fails";
  }
  if (task.state() == v1::TASK_STATE_SKIPPED || task.waiting_for().empty()) {
    return "";
  }
  const std::string names = Names(task);
  const std::string_view have = task.waiting_for_size() == 1 ? "has" : "have";
  switch (task.wait_kind()) {
    case v1::WAIT_KIND_DEPENDENCIES:
      return fmt::format("waits for {}", names);
    case v1::WAIT_KIND_RESTART:
      return fmt::format("restarts when {} {} stopped", names, have);
    case v1::WAIT_KIND_REVISION:
      return fmt::format("the next revision waits until {} {} stopped", names,
                         have);
    case v1::WAIT_KIND_TO_BE_STOPPED:
      return fmt::format("stops after {}", names);
    case v1::WAIT_KIND_UNDO:
      return fmt::format("undoes after {}", names);
    default:
      return "";
  }
}

std::string Why(const v1::TaskStatus& task) {
  if (const std::string waits = WaitText(task); !waits.empty()) return waits;
  if (task.state() == v1::TASK_STATE_SKIPPED) return SkipText(task);
  if (IsFailure(task.state())) return Failure(task);
  if (!task.waiting_for().empty()) return Names(task);
  if (task.message().empty() || IsOutcome(task.state())) return task.message();
  return task.state() == v1::TASK_STATE_BACKOFF
             ? fmt::format("attempt {} failed: {}", task.attempt(),
                           Failure(task))
             : fmt::format("before: {}", task.message());
}

}  // namespace w2t::cli
