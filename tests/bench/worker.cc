// bench_worker SERVER LEASES: a worker with a function that does nothing, which
// holds up to LEASES tasks at once.
#include "w2t/worker.h"

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <signal.h>
#include <sys/prctl.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/bench/null_handler.h"

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 3) {
    std::cerr << "usage: bench_worker SERVER LEASES\n";
    return 2;
  }
  const auto leases = static_cast<uint32_t>(std::atoi(argv[2]));
  w2t::worker::Worker worker({.server = argv[1],
                              .name = "bench",
                              .slots = leases,
                              .max_leases = leases,
                              .threads = 1});
  worker.Handle(
      w2t::bench::kNullHandler,
      [](const w2t::worker::TaskContext&) -> absl::StatusOr<std::string> {
        return std::string();
      });
  const absl::Status status = worker.Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
