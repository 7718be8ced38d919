#include "client/cli/report.h"

#include <fmt/format.h>

#include <deque>
#include <map>

#include "client/cli/log_lines.h"
#include "client/cli/proto_time.h"

namespace w2t::cli {

namespace {

// More than these are counted, not named.
constexpr size_t kMaxSkipped = 1'000;
constexpr size_t kMaxNames = 10;

std::vector<std::string> LogTail(Client& client, const std::string& run_id,
                                 const v1::TaskStatus& task) {
  std::deque<std::string> tail;
  LogLines lines;
  const auto keep = [&tail](std::vector<std::string> more) {
    for (std::string& line : more) {
      tail.push_back(std::move(line));
      if (tail.size() > kTailLines) tail.pop_front();
    }
  };
  client
      .ReadLogs(run_id, task.name(), {.attempt = task.attempt()},
                [&](const v1::ReadLogsResponse& item) {
                  for (const v1::LogChunk& chunk : item.chunks()) {
                    keep(lines.Add(chunk, task.index(), task.attempt()));
                  }
                })
      .IgnoreError();
  keep(lines.Finish(task.index(), task.attempt()));
  return {tail.begin(), tail.end()};
}

std::string Names(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kMaxNames; ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", names[i]);
  }
  if (names.size() > kMaxNames) {
    text += fmt::format(" and {} more", names.size() - kMaxNames);
  }
  return text;
}

std::string CauseText(const RootCause& cause, const Palette& palette) {
  const v1::TaskStatus& task = cause.task;
  std::string where = fmt::format("attempt {}", task.attempt());
  if (!task.worker().empty()) where += fmt::format(" on {}", task.worker());
  if (task.has_start_time() && task.has_end_time()) {
    where += fmt::format(", after {}", ElapsedText(ToTime(task.end_time()) -
                                                   ToTime(task.start_time())));
  }
  std::string text = fmt::format("{} {}: {} ({})\n", palette.Red("root cause:"),
                                 palette.Bold(task.name()),
                                 FailureText(task.state(), task.exit_code(),
                                             task.signal(), task.message()),
                                 where);
  for (const std::string& line : cause.log_tail) {
    text += fmt::format("  | {}\n", CleanLine(line, palette.on()));
  }
  return text;
}

}  // namespace

std::vector<SkippedGroup> GroupSkipped(
    const std::vector<v1::TaskStatus>& tasks) {
  std::map<std::string, std::string> cause_of;
  for (const v1::TaskStatus& task : tasks) {
    if (!task.waiting_for().empty()) {
      cause_of[task.name()] = task.waiting_for(0);
    }
  }
  std::vector<SkippedGroup> groups;
  std::map<std::string, size_t> group_of;
  for (const v1::TaskStatus& task : tasks) {
    std::string cause;
    auto next = cause_of.find(task.name());
    // A graph has no cycles, so this ends; the bound is for a daemon's fault.
    for (size_t i = 0; next != cause_of.end() && i <= tasks.size(); ++i) {
      cause = next->second;
      next = cause_of.find(cause);
    }
    const auto [at, added] = group_of.try_emplace(cause, groups.size());
    if (added) groups.push_back({.cause = cause});
    groups[at->second].names.push_back(task.name());
  }
  return groups;
}

RunReport GatherReport(Client& client, const v1::Run& run) {
  RunReport report{.run = run};
  for (const v1::TaskStatus& task : run.failures()) {
    RootCause cause{.task = task};
    if (report.causes.size() < kTails) {
      cause.log_tail = LogTail(client, run.run_id(), task);
    }
    report.causes.push_back(std::move(cause));
  }
  if (run.counts().skipped() == 0) return report;
  std::vector<v1::TaskStatus> skipped;
  client
      .ForEachTask(run.run_id(), {v1::TASK_STATE_SKIPPED},
                   [&skipped](const v1::TaskStatus& task) {
                     skipped.push_back(task);
                     return skipped.size() < kMaxSkipped;
                   })
      .IgnoreError();
  report.skipped = GroupSkipped(skipped);
  return report;
}

std::string ReportText(const RunReport& report, const Palette& palette) {
  const v1::Run& run = report.run;
  std::string text =
      fmt::format("{} {} {} {}: {}\n", palette.Bold(run.run_id()),
                  palette.State(run.state(), Word(run.state())),
                  IsEnded(run.state()) ? "in" : "for", ElapsedText(run),
                  CountsText(run.counts()));
  if (!run.cancel_reason().empty()) {
    // A run that was only held for its services has done what it was to do.
    text += fmt::format(
        "{}: {}\n",
        run.state() == v1::RUN_STATE_SUCCEEDED ? "stopped" : "cancelled",
        CleanLine(run.cancel_reason(), false));
  }
  for (const RootCause& cause : report.causes) {
    text += CauseText(cause, palette);
  }
  for (const SkippedGroup& group : report.skipped) {
    const std::string because =
        group.cause.empty() ? "" : fmt::format(" because of {}", group.cause);
    text += fmt::format("{}{}: {}\n", palette.Yellow("skipped"), because,
                        Names(group.names));
  }
  return text;
}

}  // namespace w2t::cli
