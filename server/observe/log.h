// The daemon's log: one line for each thing that happened, with a name from a
// closed list and typed fields.
//
//   Log(log_event::kRunAccepted, {{"run", run_id}, {"tasks", size}});
//   2026-01-02T03:04:05.678901Z info run.accepted run=shop-7 tasks=3
//
// Lines go to stderr from a thread of their own, through a bounded queue that
// drops the oldest lines when stderr is too slow: logging never waits.
// Thread-safe. Says nothing before StartLogging and after StopLogging.
#ifndef W2T_SERVER_OBSERVE_LOG_H_
#define W2T_SERVER_OBSERVE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/status/status.h"

namespace w2t::server {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError, kOff };

// Whether `word` is debug, info, warn, error or off.
bool ParseLogLevel(std::string_view word, LogLevel* level);

struct LogEvent {
  std::string_view name;
  LogLevel level;
};

// All there are.
namespace log_event {
inline constexpr LogEvent kServerStarted{"server.started", LogLevel::kInfo};
inline constexpr LogEvent kServerExposed{"server.exposed", LogLevel::kWarn};
inline constexpr LogEvent kServerStopping{"server.stopping", LogLevel::kInfo};
inline constexpr LogEvent kServerStopped{"server.stopped", LogLevel::kInfo};
inline constexpr LogEvent kJournalReplayed{"journal.replayed", LogLevel::kInfo};
inline constexpr LogEvent kJournalFailed{"journal.failed", LogLevel::kError};
inline constexpr LogEvent kJournalStalled{"journal.stalled", LogLevel::kError};
inline constexpr LogEvent kJournalResumed{"journal.resumed", LogLevel::kInfo};
inline constexpr LogEvent kSnapshotMade{"snapshot.made", LogLevel::kInfo};
inline constexpr LogEvent kSnapshotFailed{"snapshot.failed", LogLevel::kError};
inline constexpr LogEvent kLogsFailed{"logs.failed", LogLevel::kError};
inline constexpr LogEvent kRunAccepted{"run.accepted", LogLevel::kInfo};
inline constexpr LogEvent kRunCancelled{"run.cancelled", LogLevel::kInfo};
inline constexpr LogEvent kRunEnded{"run.ended", LogLevel::kInfo};
inline constexpr LogEvent kRunForgotten{"run.forgotten", LogLevel::kDebug};
inline constexpr LogEvent kRunUnreadable{"run.unreadable", LogLevel::kError};
inline constexpr LogEvent kAttemptFinished{"attempt.finished",
                                           LogLevel::kDebug};
inline constexpr LogEvent kAttemptLost{"attempt.lost", LogLevel::kWarn};
inline constexpr LogEvent kLeaseRefused{"lease.refused", LogLevel::kWarn};
inline constexpr LogEvent kWorkerJoined{"worker.joined", LogLevel::kInfo};
inline constexpr LogEvent kWorkerLost{"worker.lost", LogLevel::kWarn};
inline constexpr LogEvent kWorkerDrained{"worker.drained", LogLevel::kInfo};
inline constexpr LogEvent kSessionOpened{"session.opened", LogLevel::kDebug};
inline constexpr LogEvent kSessionClosed{"session.closed", LogLevel::kInfo};
inline constexpr LogEvent kGrpcSaid{"grpc.said", LogLevel::kDebug};
inline constexpr LogEvent kProtobufSaid{"protobuf.said", LogLevel::kDebug};
}  // namespace log_event

// A named value. Strings are only looked at during the call.
struct LogField {
  template <typename T>
  LogField(std::string_view k, const T& v) : key(k) {
    if constexpr (std::is_same_v<T, bool>) {
      value = v;
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      value = static_cast<int64_t>(v);
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<uint64_t>(v);
    } else {
      value = std::string_view(v);
    }
  }

  std::string_view key;
  std::variant<std::string_view, int64_t, uint64_t, bool> value;
};

void StartLogging(LogLevel level);
// Writes what is queued.
void StopLogging();

bool LogsAt(LogLevel level);
void Log(const LogEvent& event, std::initializer_list<LogField> fields);

}  // namespace w2t::server

#endif  // W2T_SERVER_OBSERVE_LOG_H_
