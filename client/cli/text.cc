#include "client/cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "client/cli/proto_time.h"

namespace w2t::cli {

namespace {

std::string LowerWithout(std::string_view prefix, std::string_view name) {
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  std::string word(name);
  for (char& c : word) c = static_cast<char>(std::tolower(c));
  return word;
}

// "3m05s", "2h03m", "4d02h".
std::string LongText(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 3600) {
    return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  }
  if (seconds < 48 * 3600) {
    return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  }
  return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

// Without trailing zeros.
std::string Trimmed(double number, int decimals) {
  std::string text = fmt::format("{:.{}f}", number, decimals);
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

// Length of the colour sequence (ESC [ ... m) that `text` starts with, or 0.
size_t ColorLength(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const size_t end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

// Length of any other escape sequence that `text` starts with, or 0.
size_t EscapeLength(std::string_view text) {
  if (!text.starts_with('\x1b')) return 0;
  if (text.size() < 2 || text[1] != '[')
    return std::min<size_t>(2, text.size());
  size_t end = 2;
  while (end < text.size() && (text[end] < '@' || text[end] > '~')) ++end;
  return std::min(end + 1, text.size());
}

bool IsContinuation(char c) { return (c & 0xc0) == 0x80; }

}  // namespace

std::string Palette::Wrap(std::string_view code, std::string_view text) const {
  if (!on_) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string Palette::State(v1::RunState state, std::string_view text) const {
  switch (state) {
    case v1::RUN_STATE_SUCCEEDED:
    case v1::RUN_STATE_UP:
      return Green(text);
    case v1::RUN_STATE_FAILED:
      return Red(text);
    case v1::RUN_STATE_CANCELLED:
    case v1::RUN_STATE_STOPPING:
      return Yellow(text);
    default:
      return Cyan(text);
  }
}

std::string Palette::State(v1::TaskState state, std::string_view text) const {
  if (IsFailure(state)) return Red(text);
  switch (state) {
    case v1::TASK_STATE_SUCCEEDED:
    case v1::TASK_STATE_UP:
      return Green(text);
    case v1::TASK_STATE_RUNNING:
    case v1::TASK_STATE_LEASED:
      return Cyan(text);
    case v1::TASK_STATE_SKIPPED:
    case v1::TASK_STATE_CANCELLED:
    case v1::TASK_STATE_BACKOFF:
      return Yellow(text);
    default:
      return std::string(text);
  }
}

std::string ElapsedText(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) return "-";
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 9.995) return fmt::format("{:.2f}s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  return LongText(duration + absl::Milliseconds(500));
}

std::string LengthText(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 0.9995) return Trimmed(seconds * 1000, 3) + "ms";
  if (seconds < 59.9995) return Trimmed(seconds, 3) + "s";
  return LongText(duration + absl::Milliseconds(500));
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::LocalTimeZone());
}

std::string Count(uint64_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

std::string BytesText(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB",
                                                      "TiB"};
  double number = static_cast<double>(bytes);
  size_t unit = 0;
  while (number >= 1024 && unit + 1 < kUnits.size()) {
    number /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", Trimmed(number, unit == 0 ? 0 : 1), kUnits[unit]);
}

std::string Word(v1::RunState state) {
  return LowerWithout("RUN_STATE_", v1::RunState_Name(state));
}
std::string Word(v1::TaskState state) {
  return LowerWithout("TASK_STATE_", v1::TaskState_Name(state));
}
std::string Word(v1::WorkerState state) {
  return LowerWithout("WORKER_STATE_", v1::WorkerState_Name(state));
}

bool IsOutcome(v1::TaskState state) {
  return state >= v1::TASK_STATE_SUCCEEDED;
}
bool IsHeld(v1::TaskState state) {
  return state >= v1::TASK_STATE_LEASED && state <= v1::TASK_STATE_UP;
}
bool IsEnded(v1::RunState state) { return state >= v1::RUN_STATE_SUCCEEDED; }
bool IsFailure(v1::TaskState state) {
  return state == v1::TASK_STATE_FAILED || state == v1::TASK_STATE_TIMED_OUT ||
         state == v1::TASK_STATE_LOST;
}

std::string FailureText(v1::TaskState state, int32_t exit_code, uint32_t signal,
                        std::string_view message) {
  // The signal or code may only follow from what the message says.
  if (!message.empty()) return std::string(message);
  if (state == v1::TASK_STATE_TIMED_OUT) return "timed out";
  if (state == v1::TASK_STATE_LOST) return "lost with its worker";
  if (signal != 0) return fmt::format("killed by signal {}", signal);
  if (exit_code != 0) return fmt::format("exit code {}", exit_code);
  return Word(state);
}

std::string CountsText(const v1::TaskCounts& counts) {
  const std::pair<uint32_t, std::string_view> parts[] = {
      {counts.succeeded(), "succeeded"},
      {counts.failed(), "failed"},
      {counts.timed_out(), "timed out"},
      {counts.lost(), "lost"},
      {counts.cancelled() - counts.removed(), "cancelled"},
      {counts.removed(), "removed"},
      {counts.skipped(), "skipped"},
      {counts.up(), "up"},
      {counts.running(), "running"},
      {counts.leased(), "starting"},
      {counts.backoff(), "in backoff"},
      {counts.ready(), "ready"},
      {counts.waiting() - counts.dormant(), "waiting"}};
  std::string text;
  for (const auto& [number, word] : parts) {
    if (number == 0) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", number, word);
  }
  return text.empty() ? "no tasks" : text;
}

std::string ElapsedText(const v1::Run& run) {
  const absl::Time end =
      run.has_end_time() ? ToTime(run.end_time()) : absl::Now();
  return ElapsedText(end - ToTime(run.create_time()));
}

uint32_t Total(const v1::TaskCounts& counts) {
  return counts.waiting() + counts.ready() + counts.backoff() +
         counts.leased() + counts.running() + counts.up() + counts.succeeded() +
         counts.failed() + counts.timed_out() + counts.lost() +
         counts.cancelled() + counts.skipped();
}

std::string CleanLine(std::string_view line, bool keep_colors) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  const size_t start = line.rfind('\r');
  if (start != std::string_view::npos) line.remove_prefix(start + 1);
  std::string clean;
  bool colored = false;
  for (size_t i = 0; i < line.size();) {
    const std::string_view rest = line.substr(i);
    if (const size_t color = ColorLength(rest); color > 0) {
      if (keep_colors) clean.append(rest.substr(0, color));
      colored = true;
      i += color;
    } else if (const size_t escape = EscapeLength(rest); escape > 0) {
      i += escape;
    } else {
      const unsigned char c = static_cast<unsigned char>(line[i]);
      if (c == '\t' || (c >= 0x20 && c != 0x7f)) clean.push_back(line[i]);
      ++i;
    }
  }
  if (colored && keep_colors) clean += "\x1b[0m";
  return clean;
}

size_t Width(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    if (const size_t color = ColorLength(text.substr(i)); color > 0) {
      i += color;
      continue;
    }
    width += IsContinuation(text[i]) ? 0 : 1;
    ++i;
  }
  return width;
}

std::string Truncate(std::string_view text, size_t width) {
  if (Width(text) <= width) return std::string(text);
  std::string cut;
  size_t used = 0;
  bool colored = false;
  for (size_t i = 0; i < text.size();) {
    if (const size_t color = ColorLength(text.substr(i)); color > 0) {
      cut.append(text.substr(i, color));
      colored = true;
      i += color;
      continue;
    }
    if (!IsContinuation(text[i]) && ++used > width) break;
    cut.push_back(text[i++]);
  }
  if (colored) cut += "\x1b[0m";
  return cut;
}

Table::Table(std::vector<std::string> header) {
  rows_.push_back(std::move(header));
}

void Table::Add(std::vector<std::string> row) {
  rows_.push_back(std::move(row));
}

std::string Table::ToString() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 == row.size()) break;
      line.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace w2t::cli
