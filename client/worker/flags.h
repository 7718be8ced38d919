// The command line of w2t-worker.
#ifndef W2T_CLIENT_WORKER_FLAGS_H_
#define W2T_CLIENT_WORKER_FLAGS_H_

#include <optional>
#include <string>

#include "w2t/worker.h"

namespace w2t::worker {

struct Flags {
  WorkerOptions worker;  // with its state folder, if it has one
  std::string dir;  // empty: stay
  std::string log_level = "info";
  bool stop_with_parent = false;
};

// Nothing when the program is to end with `exit_code`; what there was to say
// has been printed.
std::optional<Flags> ParseFlags(int argc, char** argv, int& exit_code);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_FLAGS_H_
