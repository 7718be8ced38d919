// Tasks of a run as `status` and `ps` show them.
#ifndef W2T_CLIENT_CLI_STATUS_H_
#define W2T_CLIENT_CLI_STATUS_H_

#include <string>
#include <vector>

#include "client/cli/text.h"
#include "w2t/v1/run.pb.h"

namespace w2t::cli {

// A table, with a line end.
std::string TasksText(const std::vector<v1::TaskStatus>& tasks,
                      const Palette& palette);

// {"run": ..., "tasks": [...]}: each with "why", as in the table.
std::string StatusJson(const v1::Run& run,
                       const std::vector<v1::TaskStatus>& tasks);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_STATUS_H_
