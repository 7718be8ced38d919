#include "client/cli/event_line.h"

#include <fmt/format.h>

namespace w2t::cli {

namespace {

// Whether a dependency that ended as `state` can no longer hold.
bool IsImpossible(Condition condition, v1::TaskState state) {
  if (!IsOutcome(state)) return false;
  switch (condition) {
    case Condition::kFinished:
      return false;
    case Condition::kFailed:
      return !IsFailure(state);
    default:
      return state != v1::TASK_STATE_SUCCEEDED;
  }
}

std::string Line(const std::string& word, std::string_view name,
                 std::string_view rest) {
  return rest.empty() ? fmt::format("{} {}", word, name)
                      : fmt::format("{} {}  {}", word, name, rest);
}

std::string Took(const TaskChange& change) {
  return change.elapsed < absl::ZeroDuration() ? std::string()
                                               : ElapsedText(change.elapsed);
}

std::string FailedText(const TaskChange& change) {
  std::string text = FailureText(change.after, change.exit_code, change.signal,
                                 change.message);
  if (const std::string took = Took(change); !took.empty()) {
    text += fmt::format("  after {}", took);
  }
  return text;
}

std::string SkipText(const RunView& view, const TaskChange& change,
                     const Blueprint* blueprint) {
  if (!change.message.empty()) return change.message;
  if (blueprint == nullptr || change.task >= blueprint->size()) return "";
  const TaskIndex cause = CauseOfSkip(view, *blueprint, change.task);
  if (cause == kNoTask) return "";
  const std::string_view name = blueprint->task_name(cause);
  const bool well = view.tasks()[cause].state == v1::TASK_STATE_SUCCEEDED;
  return well ? fmt::format("because {} succeeded", name)
              : fmt::format("because of {}", name);
}

std::string StartText(const TaskChange& change) {
  return change.worker.empty()
             ? fmt::format("(attempt {})", change.attempt)
             : fmt::format("(attempt {} on {})", change.attempt, change.worker);
}

}  // namespace

TaskIndex CauseOfSkip(const RunView& view, const Blueprint& blueprint,
                      TaskIndex skipped) {
  if (view.tasks().size() != blueprint.size()) return kNoTask;
  TaskIndex at = skipped;
  // Each turn goes one edge back, so this ends.
  while (true) {
    TaskIndex cause = kNoTask;
    for (const Blueprint::Edge& edge : blueprint.predecessors(at)) {
      const v1::TaskState state = view.tasks()[edge.task].state;
      if (!IsImpossible(edge.condition, state)) continue;
      // What failed explains more than what was skipped itself.
      const bool better = cause == kNoTask ||
                          view.tasks()[cause].state == v1::TASK_STATE_SKIPPED;
      if (better) cause = edge.task;
    }
    if (cause == kNoTask) return at == skipped ? kNoTask : at;
    if (view.tasks()[cause].state != v1::TASK_STATE_SKIPPED) return cause;
    at = cause;
  }
}

std::string EventLine(const RunView& view, const TaskChange& change,
                      const Blueprint* blueprint, const Palette& palette) {
  const RunView::Task& task = view.tasks()[change.task];
  const bool was_running = change.before == v1::TASK_STATE_RUNNING ||
                           change.before == v1::TASK_STATE_UP;
  switch (change.after) {
    case v1::TASK_STATE_RUNNING:
      return Line(palette.Cyan("start "), task.name, StartText(change));
    case v1::TASK_STATE_UP:
      return Line(palette.Green("ready "), task.name, Took(change));
    case v1::TASK_STATE_SUCCEEDED:
      return Line(
          task.service ? palette.Yellow("stop  ") : palette.Green("done  "),
          task.name, Took(change));
    case v1::TASK_STATE_FAILED:
    case v1::TASK_STATE_TIMED_OUT:
    case v1::TASK_STATE_LOST:
      return Line(palette.Red("FAIL  "), task.name, FailedText(change));
    case v1::TASK_STATE_CANCELLED:
      if (!was_running) return std::string();
      return Line(palette.Yellow("stop  "), task.name, Took(change));
    case v1::TASK_STATE_SKIPPED:
      return Line(palette.Yellow("skip  "), task.name,
                  SkipText(view, change, blueprint));
    case v1::TASK_STATE_BACKOFF:
      return Line(
          palette.Yellow("retry "), task.name,
          fmt::format("attempt {} {}", change.attempt,
                      change.exit_code == 0 && change.signal == 0 &&
                              change.message.empty()
                          ? std::string("is over")
                          : fmt::format("failed: {}", FailedText(change))));
    case v1::TASK_STATE_WAITING:
    case v1::TASK_STATE_READY:
      // Back from a worker: stopped to be started anew, failed, or lost.
      if (change.attempt == 0 || change.before < v1::TASK_STATE_LEASED ||
          IsOutcome(change.before)) {
        return std::string();
      }
      // It had been leased ahead, and was taken back.
      if (change.before == v1::TASK_STATE_LEASED && change.message.empty()) {
        return std::string();
      }
      if (task.service && change.message.empty()) {
        return Line(palette.Yellow("stop  "), task.name, Took(change));
      }
      return Line(
          palette.Yellow("retry "), task.name,
          change.message.empty()
              ? fmt::format("attempt {} did not end well", change.attempt)
              : change.message);
    default:
      return std::string();
  }
}

}  // namespace w2t::cli
