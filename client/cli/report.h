// How a run ended, and why: first the root causes, then what follows from them.
#ifndef W2T_CLIENT_CLI_REPORT_H_
#define W2T_CLIENT_CLI_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/text.h"
#include "w2t/client.h"

namespace w2t::cli {

struct RootCause {
  v1::TaskStatus task;
  std::vector<std::string> log_tail;  // its last lines
};

// Tasks that were skipped because of one.
struct SkippedGroup {
  std::string cause;  // empty: not known
  std::vector<std::string> names;
};

struct RunReport {
  v1::Run run;
  std::vector<RootCause> causes;
  std::vector<SkippedGroup> skipped;
};

// Lines of log shown of each root cause, and of how many of them.
inline constexpr size_t kTailLines = 10;
inline constexpr size_t kTails = 5;

// Asks the daemon for what the run itself does not tell. What cannot be had is
// left out: half a report is better than none.
RunReport GatherReport(Client& client, const v1::Run& run);

// `tasks` are skipped ones, with what each was skipped because of. Groups them
// by what started it, in order of appearance.
std::vector<SkippedGroup> GroupSkipped(
    const std::vector<v1::TaskStatus>& tasks);

// Several lines, with a line end.
std::string ReportText(const RunReport& report, const Palette& palette);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_REPORT_H_
