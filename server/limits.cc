#include "server/limits.h"

#include <charconv>

#include "fmt/format.h"

namespace w2t::server {
namespace {

// Counts of things that have 32-bit indices, and sizes in bytes.
constexpr uint64_t kMostCount = 4'000'000'000;
constexpr uint64_t kMostBytes = uint64_t{1} << 40;
// A message must fit into a batch of the journal.
constexpr uint64_t kMostMessage = 256 << 20;

#define W2T_LIMIT(member, most)                                           \
  {                                                                       \
#member, most, [](ServerLimits & l) -> uint64_t& { return l.member; } \
  }

constexpr LimitEntry kLimits[] = {
    W2T_LIMIT(max_tasks, kMostCount),
    W2T_LIMIT(max_edges, kMostCount),
    W2T_LIMIT(max_name_bytes, 64 << 10),
    W2T_LIMIT(max_action_bytes, 1 << 20),
    W2T_LIMIT(max_demands, kMostCount),
    W2T_LIMIT(max_resources, 1 << 10),
    W2T_LIMIT(max_labels, 1 << 10),
    W2T_LIMIT(max_retry_attempts, 1'000'000),
    W2T_LIMIT(max_exit_codes, 1 << 16),
    W2T_LIMIT(max_runs, kMostCount),
    W2T_LIMIT(max_live_tasks, kMostCount),
    W2T_LIMIT(max_lost_attempts, 255),
    W2T_LIMIT(max_ahead, kMostCount),
    W2T_LIMIT(max_run_events, kMostCount),
    W2T_LIMIT(max_request_id_bytes, 64 << 10),
    W2T_LIMIT(max_reason_bytes, 64 << 10),
    W2T_LIMIT(max_message_bytes, 1 << 20),
    W2T_LIMIT(max_output_bytes, 16 << 20),
    W2T_LIMIT(max_workers, kMostCount),
    W2T_LIMIT(max_leases, kMostCount),
    W2T_LIMIT(max_handlers, 1 << 20),
    W2T_LIMIT(max_request_bytes, kMostMessage),
    W2T_LIMIT(max_inbox, kMostCount),
    W2T_LIMIT(max_inbox_bytes, kMostBytes),
    W2T_LIMIT(max_sessions, kMostCount),
    W2T_LIMIT(max_session_window, 1 << 20),
    W2T_LIMIT(max_outbox_bytes, kMostBytes),
    W2T_LIMIT(max_waiting_bytes, kMostBytes),
    W2T_LIMIT(max_watchers, kMostCount),
    W2T_LIMIT(max_log_bytes, kMostBytes),
    W2T_LIMIT(max_log_queue_bytes, kMostBytes),
    W2T_LIMIT(max_log_batches, 1 << 20),
    W2T_LIMIT(max_journal_tail_bytes, kMostBytes),
    W2T_LIMIT(max_loads, kMostCount),
    W2T_LIMIT(max_kept_tasks, kMostCount),
};

#undef W2T_LIMIT

// Length of the longest common prefix, as a cheap measure of likeness.
size_t CommonPrefix(std::string_view a, std::string_view b) {
  size_t n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
  return n;
}

absl::Status UnknownLimit(std::string_view name) {
  const LimitEntry* best = kLimits;
  for (const LimitEntry& entry : kLimits) {
    if (CommonPrefix(entry.name, name) > CommonPrefix(best->name, name)) {
      best = &entry;
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("unknown limit '{}'; did you mean '{}'?", name, best->name));
}

}  // namespace

absl::Span<const LimitEntry> AllLimits() { return kLimits; }

absl::Status SetLimit(std::string_view name, std::string_view value,
                      ServerLimits* limits) {
  for (const LimitEntry& entry : kLimits) {
    if (entry.name != name) continue;
    uint64_t number = 0;
    const char* end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc() || rest != end || number < 1 ||
        number > entry.most) {
      return absl::InvalidArgumentError(
          fmt::format("limit {} must be a number from 1 to {}, not '{}'", name,
                      entry.most, value));
    }
    entry.at(*limits) = number;
    return absl::OkStatus();
  }
  return UnknownLimit(name);
}

}  // namespace w2t::server
