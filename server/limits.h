// The daemon's bounds: those of the engine and those of its own.
#ifndef W2T_SERVER_LIMITS_H_
#define W2T_SERVER_LIMITS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "w2t/limits.h"

namespace w2t::server {

struct ServerLimits : Limits {
  uint64_t max_request_bytes = 64 << 20;   // one message from a peer
  uint64_t max_inbox = 8'192;              // calls that wait for the loop
  uint64_t max_inbox_bytes = 256 << 20;    // what they carry, about
  uint64_t max_sessions = 20'000;          // open streams of workers
  uint64_t max_session_window = 16;        // unprocessed messages of one worker
  uint64_t max_outbox_bytes = 64 << 20;    // that wait for one slow reader
  uint64_t max_waiting_bytes = 512 << 20;  // that wait for all of them
  uint64_t max_watchers = 10'000;          // open WatchRun, Read*Logs
  uint64_t max_log_bytes = 64 << 20;       // files of one attempt's output
  uint64_t max_log_queue_bytes = 16 << 20;  // output that waits for the disk
  uint64_t max_log_batches = 64;            // unacknowledged ones of one worker
  // Facts in the journal, from which on a snapshot takes their place; as many
  // as the latest one wrote, if that is more.
  uint64_t max_journal_tail_bytes = 4 << 20;
  uint64_t max_loads = 1'024;         // calls that wait for a run from the disk
  uint64_t max_kept_tasks = 200'000;  // of ended runs, kept for the next call
};

// One bound by name. A value lies in [1, most].
struct LimitEntry {
  std::string_view name;
  uint64_t most;
  uint64_t& (*at)(ServerLimits& limits);

  uint64_t Get(const ServerLimits& limits) const {
    return at(const_cast<ServerLimits&>(limits));
  }
};

// Every bound, by which the configuration, GetServerInfo and the documentation
// list them.
absl::Span<const LimitEntry> AllLimits();

// INVALID_ARGUMENT for an unknown name, with the one probably meant, or for a
// value out of range.
absl::Status SetLimit(std::string_view name, std::string_view value,
                      ServerLimits* limits);

}  // namespace w2t::server

#endif  // W2T_SERVER_LIMITS_H_
