#include "client/cli/display.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/cli/event_line.h"
#include "client/cli/json.h"
#include "client/cli/progress.h"

namespace w2t::cli {

namespace {

// The block at the foot takes at most this much of the terminal.
constexpr size_t kMaxBlock = 10;
// In a larger graph what ended well does not scroll by on a terminal.
constexpr size_t kManyTasks = 200;

// {"logs": {"task": ..., and the members of the message.
std::string LogJson(const std::string& name, const v1::ReadLogsResponse& item) {
  return fmt::format(R"({{"logs":{{"task":{},{}}})", Quoted(name),
                     ToJson(item).substr(1));
}

}  // namespace

Display::Display(const Context& context, DisplayOptions options)
    : context_(context),
      options_(std::move(options)),
      palette_(context.palette()),
      screen_(context.out, context.live && talks()) {}

std::vector<TaskChange> Display::OnItem(const v1::WatchRunResponse& item) {
  const bool first = !view_.complete();
  const v1::RunState before = view_.state();
  std::vector<TaskChange> changes = view_.Apply(item);
  if (context_.json()) {
    // Output may still be on its way, and the end comes last.
    if (item.has_ended()) {
      ended_json_ = ToJson(item);
    } else {
      screen_.Print(ToJson(item));
    }
    return changes;
  }
  if (item.has_events() && view_.latest() != absl::InfinitePast()) {
    skew_ = std::max(skew_, view_.latest() - absl::Now());
  }
  if (!options_.quiet) ShowChanges(changes, first);
  ShowState(before);
  return changes;
}

void Display::ShowChanges(const std::vector<TaskChange>& changes, bool first) {
  if (first && !options_.from_start) {
    if (view_.complete()) {
      screen_.Print(
          fmt::format("{} is {}: {}", palette_.Bold(view_.run().run_id()),
                      palette_.State(view_.state(), Word(view_.state())),
                      CountsText(view_.run().counts())));
    }
    return;
  }
  for (const TaskChange& change : changes) ShowChange(change);
}

void Display::ShowChange(const TaskChange& change) {
  const bool brief = screen_.live() && view_.tasks().size() > kManyTasks;
  std::string line;
  // On a terminal the block shows what has started.
  if (!(screen_.live() && change.after == v1::TASK_STATE_RUNNING) &&
      !(brief && change.after == v1::TASK_STATE_SUCCEEDED)) {
    line = EventLine(view_, change, options_.blueprint.get(), palette_);
  }
  if (options_.logs && EndsOutput(change)) {
    transcript_.Ended(change.task, change.attempt, std::move(line),
                      absl::Now());
  } else {
    transcript_.Happened(change.task, change.attempt, std::move(line));
  }
}

void Display::ShowState(v1::RunState before) {
  const v1::RunState now = view_.state();
  if (!view_.complete() || now == before) return;
  if (now == v1::RUN_STATE_UP && !std::exchange(told_up_, true) &&
      !options_.when_up.empty()) {
    transcript_.Happened(kNoTask, 0,
                         fmt::format("{} {}  {}", palette_.Green("up    "),
                                     view_.run().run_id(), options_.when_up));
  }
}

void Display::OnOutput(const v1::TaskOutput& part) {
  if (part.task() >= view_.tasks().size()) return;
  const std::string& name = view_.tasks()[part.task()].name;
  if (context_.json()) {
    if (!part.output().chunks().empty()) {
      screen_.Print(LogJson(name, part.output()));
    }
    return;
  }
  std::vector<std::string> lines = log_lines_.Add(part);
  for (std::string& line : lines) {
    line = fmt::format("{} {} {}", name, palette_.Dim("|"),
                       CleanLine(line, palette_.on()));
  }
  transcript_.Printed(part.task(), part.output().attempt(), std::move(lines),
                      part.last());
  if (!part.fault().empty()) {
    OnNotice(
        fmt::format("the output of {} is incomplete: {}", name, part.fault()));
  }
}

void Display::OnNotice(std::string_view text) {
  if (context_.json()) return;
  screen_.Print(fmt::format("{} {}", palette_.Yellow("note  "), text));
}

void Display::SetHint(const std::string& hint) {
  if (hint == hint_ || !talks()) return;
  hint_ = hint;
  if (!screen_.live() && !hint.empty()) {
    PrintDue(absl::Now());
    screen_.Print(fmt::format("{} {}", palette_.Yellow("wait  "), hint));
  }
}

void Display::ShowReport(const RunReport& report) {
  if (context_.json()) {
    return screen_.Print(ended_json_.empty() ? RunJson(report.run)
                                             : ended_json_);
  }
  PrintDue(absl::InfiniteFuture());
  screen_.Erase();
  std::string text = ReportText(report, palette_);
  text.pop_back();
  screen_.Print(text);
}

void Display::PrintDue(absl::Time now) {
  for (const std::string& line : transcript_.Take(now)) screen_.Print(line);
}

bool Display::Flush() {
  PrintDue(absl::Now());
  if (view_.ended()) {
    screen_.Erase();
  } else if (screen_.live() && view_.complete()) {
    const absl::Duration skew =
        skew_ == -absl::InfiniteDuration() ? absl::ZeroDuration() : skew_;
    const size_t height =
        std::min(kMaxBlock, std::max<size_t>(screen_.height(), 4) - 2);
    screen_.Draw(ProgressBlock(view_, absl::Now() + skew, screen_.width(),
                               height, hint_, palette_));
  }
  return screen_.Flush();
}

}  // namespace w2t::cli
