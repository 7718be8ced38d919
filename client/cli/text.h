// How things look to people: durations, states, tables, colours.
#ifndef W2T_CLIENT_CLI_TEXT_H_
#define W2T_CLIENT_CLI_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "w2t/v1/admin_service.pb.h"
#include "w2t/v1/run.pb.h"

namespace w2t::cli {

// Colours, when they are on.
class Palette {
 public:
  explicit Palette(bool on = false) : on_(on) {}

  bool on() const { return on_; }
  std::string Red(std::string_view text) const { return Wrap("31", text); }
  std::string Green(std::string_view text) const { return Wrap("32", text); }
  std::string Yellow(std::string_view text) const { return Wrap("33", text); }
  std::string Cyan(std::string_view text) const { return Wrap("36", text); }
  std::string Bold(std::string_view text) const { return Wrap("1", text); }
  std::string Dim(std::string_view text) const { return Wrap("2", text); }
  // In the colour that its state deserves.
  std::string State(v1::RunState state, std::string_view text) const;
  std::string State(v1::TaskState state, std::string_view text) const;

 private:
  std::string Wrap(std::string_view code, std::string_view text) const;
  bool on_;
};

// A measured time: "0.21s", "12.3s", "3m05s", "2h03m". "-" when negative.
std::string ElapsedText(absl::Duration duration);
// A declared or expected time: "500ms", "2.5s", "1m30s".
std::string LengthText(absl::Duration duration);
// In local time: "2024-05-01 12:00:03".
std::string TimeText(absl::Time time);
// "3 tasks", "1 task".
std::string Count(uint64_t number, std::string_view thing);
// "12.5 MiB".
std::string BytesText(uint64_t bytes);

// Lower-case words: "timed_out", "running", "online".
std::string Word(v1::RunState state);
std::string Word(v1::TaskState state);
std::string Word(v1::WorkerState state);

bool IsOutcome(v1::TaskState state);
// A worker has it.
bool IsHeld(v1::TaskState state);
bool IsEnded(v1::RunState state);
// Ran, and did not end well.
bool IsFailure(v1::TaskState state);

// Why an attempt did not end well: in the worker's words, and where it has
// none, "exit code 3", "killed by signal 9", "timed out".
std::string FailureText(v1::TaskState state, int32_t exit_code, uint32_t signal,
                        std::string_view message);

// "3 running, 10 succeeded": the states that occur. What only undoes something
// is left out as long as there is nothing to undo.
std::string CountsText(const v1::TaskCounts& counts);
// How long it lasted, or lasts so far: "2.5s".
std::string ElapsedText(const v1::Run& run);
uint32_t Total(const v1::TaskCounts& counts);

// A line of a program's output made safe to show: without its line end and
// control characters; of what was overwritten with a carriage return only the
// end. Keeps colours if `keep_colors`.
std::string CleanLine(std::string_view line, bool keep_colors);

// The first `width` columns, not counting colours.
std::string Truncate(std::string_view text, size_t width);

// Columns, as wide as they need to be; the last one is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void Add(std::vector<std::string> row);
  std::string ToString() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// Columns that `text` takes on a terminal: code points, not counting colours.
size_t Width(std::string_view text);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_TEXT_H_
