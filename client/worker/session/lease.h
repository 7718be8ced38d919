// What a worker is given and what it says of it.
#ifndef W2T_CLIENT_WORKER_SESSION_LEASE_H_
#define W2T_CLIENT_WORKER_SESSION_LEASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "w2t/v1/graph.pb.h"
#include "w2t/v1/run.pb.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::worker {

// The right to one attempt of one task. The fence alone tells it from every
// other one.
struct Lease {
  uint64_t run = 0;
  uint32_t task = 0;
  uint32_t attempt = 0;
  uint64_t fence = 0;

  bool operator==(const Lease&) const = default;
};

// An attempt to run.
struct Offer {
  Lease lease;
  std::string name;  // of the task
  std::shared_ptr<const v1::Action> action;
  std::shared_ptr<const std::string> run_id;
  bool service = false;
};

// How an attempt ended. `state` is SUCCEEDED, FAILED, TIMED_OUT or CANCELLED.
struct Outcome {
  v1::TaskState state = v1::TASK_STATE_FAILED;
  int32_t exit_code = 0;
  std::string message;
  uint32_t signal = 0;
  uint64_t cpu_us = 0;
  uint64_t max_rss_bytes = 0;
  std::string output;
};

// What the latest probe of an attempt found that has not passed; or why it has
// not started yet.
struct MissedProbe {
  uint32_t count = 0;  // of probes so far; 0: it has not started
  std::string message;
  absl::Duration took;
};

// Where executors say what became of attempts. Thread-safe. What is said of an
// attempt that has ended, or that nobody waits for any more, is ignored.
class AttemptSink {
 public:
  virtual ~AttemptSink() = default;

  // A service that an earlier process of the worker was given, and `printed`
  // bytes of whose output the daemon has. Before the session is opened.
  // It has come to `state`: UP, RUNNING, or LEASED when nobody knows whether it
  // began.
  virtual void Adopted(const Lease&, v1::TaskState /*state*/,
                       uint64_t /*printed*/) {}
  // It runs. May be held back for a moment, so that an end that follows at once
  // is all that is reported, and for longer when it `has_probe`: then more
  // depends on its being up.
  virtual void Started(absl::Span<const Lease> leases, bool has_probe) = 0;
  // Its probe has passed.
  virtual void Up(const Lease& lease) = 0;
  virtual void Ended(const Lease& lease, Outcome outcome) = 0;
  // For people to see. May be held back for a moment; then the latest counts.
  virtual void ProbeMissed(const Lease& lease, MissedProbe probe) = 0;
  // It printed `data`, which is always taken. False: read no more until there
  // is room again.
  virtual bool Printed(const Lease& lease, v1::LogStream stream,
                       std::string_view data) = 0;
  // The same for printers that cannot wait: false when there is no room, and
  // then `data` was not taken. `dropped_bytes` is what was refused since the
  // last that was taken.
  virtual bool TryPrint(const Lease& lease, v1::LogStream stream,
                        std::string_view data, uint64_t dropped_bytes) = 0;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_SESSION_LEASE_H_
