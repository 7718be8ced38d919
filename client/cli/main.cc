#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "client/cli/app.h"
#include "client/cli/context.h"

int main(int argc, char** argv) {
  // A reader that has gone is noticed at the next write.
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  w2t::cli::Context context{.out = std::cout, .err = std::cerr};
  const char* term = std::getenv("TERM");
  context.live = isatty(STDOUT_FILENO) == 1 && term != nullptr &&
                 std::string_view(term) != "dumb";
  const int exit_code = w2t::cli::RunCli(argc, argv, context);
  std::cout.flush();
  return exit_code;
}
