// What a worker is told to be, and what it says of that to the daemon.
#ifndef W2T_CLIENT_WORKER_OPTIONS_H_
#define W2T_CLIENT_WORKER_OPTIONS_H_

#include "absl/status/status.h"
#include "client/worker/handler/handler_pool.h"
#include "w2t/v1/worker_service.pb.h"
#include "w2t/worker.h"

namespace w2t::worker {

// Puts in what stands for "empty" and 0: the server from the environment, the
// machine's name and cores.
void WithDefaults(WorkerOptions& options);

// INVALID_ARGUMENT, with the limit and the value, for what no worker may be.
absl::Status CheckOptions(const WorkerOptions& options);

// The first message of its sessions, under a new instance's name.
v1::Hello MakeHello(const WorkerOptions& options, const Handlers& handlers);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_OPTIONS_H_
