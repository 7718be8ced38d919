#include "client/cli/progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/proto_time.h"

namespace w2t::cli {

namespace {

constexpr size_t kBarWidth = 20;

// Services that are up count as done: nothing is waited for any more.
std::string Bar(size_t done, size_t total, const Palette& palette) {
  const size_t filled = total == 0 ? 0 : done * kBarWidth / total;
  std::string bar(filled, '=');
  if (filled < kBarWidth) bar += '>';
  const std::string rest(kBarWidth - std::min(kBarWidth, bar.size()), ' ');
  return fmt::format("[{}{}]", palette.Green(bar), rest);
}

// Those that only undo something, in a run that has not failed.
uint32_t Dormant(const RunView& view) {
  const bool whole =
      view.state() == v1::RUN_STATE_RUNNING || view.state() == v1::RUN_STATE_UP;
  return whole ? std::min(view.run().counts().dormant(),
                          view.count(v1::TASK_STATE_WAITING))
               : 0;
}

uint32_t Removed(const RunView& view) {
  return std::min(view.run().counts().removed(),
                  view.count(v1::TASK_STATE_CANCELLED));
}

// Without those that were taken out, or have nothing to do.
size_t All(const RunView& view) {
  return view.tasks().size() - Removed(view) - Dormant(view);
}
size_t Done(const RunView& view) { return view.done() - Removed(view); }

std::string CountsLine(const RunView& view, const Palette& palette) {
  const uint32_t failed = view.count(v1::TASK_STATE_FAILED) +
                          view.count(v1::TASK_STATE_TIMED_OUT) +
                          view.count(v1::TASK_STATE_LOST);
  const uint32_t running = view.count(v1::TASK_STATE_RUNNING);
  // Most that a worker has, and that has not started, waits there.
  const uint32_t waiting = view.count(v1::TASK_STATE_WAITING) - Dormant(view) +
                           view.count(v1::TASK_STATE_READY) +
                           view.count(v1::TASK_STATE_LEASED) +
                           view.count(v1::TASK_STATE_BACKOFF);
  std::string text = fmt::format("{}/{} done", Done(view), All(view));
  if (const uint32_t up = view.count(v1::TASK_STATE_UP); up > 0) {
    text += fmt::format(", {} up", up);
  }
  text += fmt::format(", {} running, {} waiting", running, waiting);
  if (failed > 0) text += ", " + palette.Red(fmt::format("{} failed", failed));
  if (const uint32_t skipped = view.count(v1::TASK_STATE_SKIPPED);
      skipped > 0) {
    text += ", " + palette.Yellow(fmt::format("{} skipped", skipped));
  }
  return text;
}

// What runs is of interest; what has not started waits, and what is up has
// arrived.
int Rank(v1::TaskState state) {
  if (state == v1::TASK_STATE_LEASED) return 1;
  return state == v1::TASK_STATE_UP ? 2 : 0;
}

std::vector<uint32_t> Oldest(const RunView& view) {
  std::vector<uint32_t> active(view.active().begin(), view.active().end());
  std::stable_sort(active.begin(), active.end(),
                   [&view](uint32_t a, uint32_t b) {
                     const RunView::Task& left = view.tasks()[a];
                     const RunView::Task& right = view.tasks()[b];
                     const int left_rank = Rank(left.state);
                     const int right_rank = Rank(right.state);
                     if (left_rank != right_rank) return left_rank < right_rank;
                     return left.since < right.since;
                   });
  return active;
}

std::string ActiveLine(const RunView::Task& task, absl::Time now,
                       const Palette& palette) {
  const std::string word =
      task.state == v1::TASK_STATE_LEASED ? "starting" : Word(task.state);
  const std::string since =
      task.since == absl::InfinitePast()
          ? std::string()
          : ElapsedText(std::max(now - task.since, absl::ZeroDuration()));
  const std::string attempt =
      task.attempt > 1 ? fmt::format(" (attempt {})", task.attempt) : "";
  return fmt::format("  {} {}{}  {}", palette.State(task.state, word),
                     task.name, attempt, palette.Dim(since));
}

}  // namespace

std::vector<std::string> ProgressBlock(const RunView& view, absl::Time now,
                                       size_t width, size_t height,
                                       const std::string& hint,
                                       const Palette& palette) {
  const v1::Run& run = view.run();
  const absl::Duration elapsed =
      run.has_create_time()
          ? std::max(now - ToTime(run.create_time()), absl::ZeroDuration())
          : absl::ZeroDuration();
  const size_t settled = Done(view) + view.count(v1::TASK_STATE_UP);
  std::vector<std::string> lines;
  lines.push_back(fmt::format(
      "{} {} {} {} {}", palette.Bold(run.run_id()),
      palette.State(run.state(), Word(run.state())), ElapsedText(elapsed),
      Bar(settled, All(view), palette), CountsLine(view, palette)));
  const size_t feet = hint.empty() ? 0 : 1;
  const size_t room = height > 1 + feet ? height - 1 - feet : 0;
  const std::vector<uint32_t> active = Oldest(view);
  const bool all = active.size() <= room;
  const size_t shown = all ? active.size() : room - std::min<size_t>(room, 1);
  for (size_t i = 0; i < shown; ++i) {
    lines.push_back(ActiveLine(view.tasks()[active[i]], now, palette));
  }
  if (!all && room > 0) {
    lines.push_back(fmt::format("  and {} more", active.size() - shown));
  }
  if (!hint.empty()) lines.push_back(palette.Dim(hint));
  for (std::string& line : lines) line = Truncate(line, width);
  return lines;
}

}  // namespace w2t::cli
