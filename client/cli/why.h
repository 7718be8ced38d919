// A task in words: where it stands, and why it does not go on.
#ifndef W2T_CLIENT_CLI_WHY_H_
#define W2T_CLIENT_CLI_WHY_H_

#include <string>

#include "w2t/v1/run.pb.h"

namespace w2t::cli {

// Its state, or that it was removed.
std::string StateWord(const v1::TaskStatus& task);

// Which other tasks it waits for, and what they have to do: "waits for db",
// "restarts when web has stopped". Empty when it waits for none.
std::string WaitText(const v1::TaskStatus& task);

// What a task waits for, or why it is not well; in one line, or empty.
std::string Why(const v1::TaskStatus& task);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_WHY_H_
