// Display: shows a run while it goes on.
#ifndef W2T_CLIENT_CLI_DISPLAY_H_
#define W2T_CLIENT_CLI_DISPLAY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/context.h"
#include "client/cli/log_lines.h"
#include "client/cli/report.h"
#include "client/cli/run_view.h"
#include "client/cli/screen.h"
#include "client/cli/transcript.h"
#include "w2t/blueprint.h"

namespace w2t::cli {

struct DisplayOptions {
  std::shared_ptr<const Blueprint> blueprint;  // may be null
  // Tell what the first snapshot holds as if it had just happened.
  bool from_start = false;
  // Only the report at the end.
  bool quiet = false;
  // What tasks print is read and comes to OnOutput.
  bool logs = false;
  // What to say when the run is up and stays so. Empty: nothing.
  std::string when_up;
};

// On a terminal: what happened and what tasks print scrolls above a block with
// the state of things. In a pipe: one line for each. As JSON: every message as
// it came, and logs as {"logs": {"task": ..., "chunks": ...}}. Not thread-safe.
class Display {
 public:
  Display(const Context& context, DisplayOptions options);

  // Returns what has changed.
  std::vector<TaskChange> OnItem(const v1::WatchRunResponse& item);
  void OnOutput(const v1::TaskOutput& part);
  // The last thing to be shown. As JSON the end of the run, or
  // {"run": ...} of one that has not ended.
  void ShowReport(const RunReport& report);
  // Something about the watching itself. Not part of JSON.
  void OnNotice(std::string_view text);
  // Shown at the foot until it is replaced; in a pipe, once.
  void SetHint(const std::string& hint);

  // Writes what has gathered and redraws. False once nobody reads any more.
  bool Flush();

  const RunView& view() const { return view_; }

 private:
  bool talks() const { return !context_.json() && !options_.quiet; }
  void ShowChanges(const std::vector<TaskChange>& changes, bool first);
  void ShowChange(const TaskChange& change);
  // Prints what need not wait for anything any more.
  void PrintDue(absl::Time now);
  void ShowState(v1::RunState before);

  const Context& context_;
  const DisplayOptions options_;
  const Palette palette_;
  RunView view_;
  LogLines log_lines_;
  Transcript transcript_;
  Screen screen_;
  std::string hint_;
  std::string ended_json_;
  bool told_up_ = false;
  // The daemon's clock less ours; the largest seen, as delay makes it smaller.
  absl::Duration skew_ = -absl::InfiniteDuration();
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_DISPLAY_H_
