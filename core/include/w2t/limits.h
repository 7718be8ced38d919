// The bounds of the system. Every one has a name, by which errors and
// GetServerInfo call it, and a default that a daemon's configuration may
// change.
#ifndef W2T_LIMITS_H_
#define W2T_LIMITS_H_

#include <cstdint>

namespace w2t {

struct Limits {
  // Graphs.
  uint64_t max_tasks = 1'000'000;          // in one graph
  uint64_t max_edges = 10'000'000;         // in one graph
  uint64_t max_name_bytes = 256;           // of a task, graph, worker, label
  uint64_t max_action_bytes = 256 * 1024;  // one action, serialized
  uint64_t max_demands = 10'000;           // distinct demands in one graph
  uint64_t max_resources = 16;             // kinds in one demand
  uint64_t max_labels = 32;                // in one host selector
  uint64_t max_retry_attempts = 1'000;     // of one task
  uint64_t max_exit_codes = 64;            // in one retry policy

  // Runs.
  uint64_t max_runs = 10'000;           // remembered, ended ones included
  uint64_t max_live_tasks = 4'000'000;  // in all runs that have not ended
  uint64_t max_lost_attempts = 5;       // of one task, before it is lost
  // Lost attempts of what may be tried without a bound do not count. Not for
  // anybody to set: it is false only where a journal is of an older daemon.
  bool forgives_losses = true;
  uint64_t max_ahead = 64;  // leases of one run before dependencies hold
  uint64_t max_run_events = 65'536;  // kept of one run for watchers
  uint64_t max_request_id_bytes = 128;
  uint64_t max_reason_bytes = 1'024;
  uint64_t max_message_bytes = 4 * 1024;  // of words in one report
  uint64_t max_output_bytes = 64 * 1024;  // that one handler returns

  // Workers.
  uint64_t max_workers = 10'000;
  uint64_t max_leases = 65'536;   // that one worker holds at once
  uint64_t max_handlers = 1'024;  // names that one worker serves
};

}  // namespace w2t

#endif  // W2T_LIMITS_H_
