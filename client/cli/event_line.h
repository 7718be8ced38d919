// What happened to a task, in one line.
#ifndef W2T_CLIENT_CLI_EVENT_LINE_H_
#define W2T_CLIENT_CLI_EVENT_LINE_H_

#include <string>

#include "client/cli/run_view.h"
#include "client/cli/text.h"
#include "w2t/blueprint.h"

namespace w2t::cli {

// "start  migrate  (attempt 1 on w1)", "ready  db", "done   migrate  0.21s",
// "FAIL   api  exit code 3", "skip   web  because of api". Empty for a change
// that is not worth one. `blueprint` may be null; it names the cause of a skip.
std::string EventLine(const RunView& view, const TaskChange& change,
                      const Blueprint* blueprint, const Palette& palette);

// The task whose outcome a skipped one goes back to, or kNoTask.
TaskIndex CauseOfSkip(const RunView& view, const Blueprint& blueprint,
                      TaskIndex skipped);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_EVENT_LINE_H_
