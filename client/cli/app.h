// The command line as a whole.
#ifndef W2T_CLIENT_CLI_APP_H_
#define W2T_CLIENT_CLI_APP_H_

#include <memory>

#include "client/cli/context.h"

namespace CLI {
class App;
}

namespace w2t::cli {

// The parser with all commands and flags. `context` must outlive it.
std::unique_ptr<CLI::App> MakeApp(Context& context);

// Parses the arguments, does what they say, and returns the exit code.
int RunCli(int argc, const char* const* argv, Context& context);

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_APP_H_
