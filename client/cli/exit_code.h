// How the command ends, for scripts.
#ifndef W2T_CLIENT_CLI_EXIT_CODE_H_
#define W2T_CLIENT_CLI_EXIT_CODE_H_

#include "absl/status/status.h"
#include "w2t/v1/run.pb.h"

namespace w2t::cli {

inline constexpr int kSucceeded = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadUsage = 2;
inline constexpr int kUnreachable = 3;
inline constexpr int kInterrupted = 130;

// The same, for --help.
inline constexpr char kExitCodesHelp[] =
    "Exit codes:\n"
    "  0    succeeded\n"
    "  1    the run failed or was cancelled (or the code of a "
    "process-compose\n"
    "       process with restart: exit_on_failure), the daemon refused the "
    "request,\n"
    "       or the output could not be written\n"
    "  2    bad usage, or a faulty graph\n"
    "  3    the server cannot be reached\n"
    "  130  interrupted by ^C\n";

// Of an error.
int ExitCodeOf(const absl::Status& status);
// Of a run that has ended.
int ExitCodeOf(const v1::Run& run);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_EXIT_CODE_H_
