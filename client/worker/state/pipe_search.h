// Pipes that other processes have open, found by /proc.
#ifndef W2T_CLIENT_WORKER_STATE_PIPE_SEARCH_H_
#define W2T_CLIENT_WORKER_STATE_PIPE_SEARCH_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

// What tells the pipe `fd` from every other one; 0 when it is none. Neither
// allocates nor locks.
uint64_t PipeOf(int fd);

// A descriptor of a pipe.
struct PipeEnd {
  int fd = -1;
  uint64_t pipe = 0;  // as PipeOf has it
};
inline PipeEnd EndOf(const UniqueFd& fd) {
  return {fd.get(), PipeOf(fd.get())};
}

// A read end of each of `pipes` that some process of this user has open, which
// does not block. Looks at all processes of the machine, until all are found.
absl::flat_hash_map<uint64_t, UniqueFd> OpenPipes(
    absl::flat_hash_set<uint64_t> pipes);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_PIPE_SEARCH_H_
