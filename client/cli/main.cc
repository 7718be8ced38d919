#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "client/cli/app.h"
#include "client/cli/context.h"
#include "client/cli/fd_stream.h"
#include "proto/wire/mutex_checks.h"

int main(int argc, char** argv) {
  w2t::wire::StopMutexChecks();
  // A reader that has gone is noticed at the next write.
  std::signal(SIGPIPE, SIG_IGN);
  w2t::cli::OccupyStandardDescriptors();
  w2t::cli::FdStream out(STDOUT_FILENO);
  w2t::cli::Context context{.out = out, .err = std::cerr};
  context.out_error = [&out] { return out.error(); };
  const char* term = std::getenv("TERM");
  context.live = isatty(STDOUT_FILENO) == 1 && term != nullptr &&
                 std::string_view(term) != "dumb";
  return w2t::cli::RunCli(argc, argv, context);
}
