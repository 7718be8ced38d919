// The block of lines at the foot of a terminal that shows where a run stands.
#ifndef W2T_CLIENT_CLI_PROGRESS_H_
#define W2T_CLIENT_CLI_PROGRESS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/run_view.h"
#include "client/cli/text.h"

namespace w2t::cli {

// At most `height` lines of at most `width` columns: a bar with the counts,
// then what runs now, the longest first. `now` is by the daemon's clock. `hint`
// is shown at the end.
std::vector<std::string> ProgressBlock(const RunView& view, absl::Time now,
                                       size_t width, size_t height,
                                       const std::string& hint,
                                       const Palette& palette);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_PROGRESS_H_
