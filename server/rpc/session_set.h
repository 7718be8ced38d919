// All open sessions. Thread-safe.
#ifndef W2T_SERVER_RPC_SESSION_SET_H_
#define W2T_SERVER_RPC_SESSION_SET_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/ids.h"
#include "server/limits.h"
#include "server/rpc/session.h"

namespace w2t::server {

class SessionSet {
 public:
  // All must outlive the sessions. What waits for workers is charged to
  // `waiting`, which may be null.
  SessionSet(const ServerLimits* limits, Inbox* inbox, LogSink* logs,
             const Budget* waiting = nullptr)
      : limits_(limits), inbox_(inbox), logs_(logs), waiting_(waiting) {}

  // Begins a session with `peer` over `stream`, which outlives its OnDone.
  // RESOURCE_EXHAUSTED when there are `max_sessions`, UNAVAILABLE after
  // CloseAll.
  absl::StatusOr<std::shared_ptr<Session>> Open(std::string peer,
                                                SessionStream* stream);
  // Null when it is over.
  std::shared_ptr<Session> Find(SessionId id);
  // What a session, if it goes on, knows of the probe of a lease.
  std::optional<ProbeNews> ProbeOf(SessionId id, uint64_t fence);
  std::vector<std::shared_ptr<Session>> All();
  // Ends all, and refuses new ones with the same status.
  void CloseAll(const absl::Status& status);

 private:
  const ServerLimits* const limits_;
  Inbox* const inbox_;
  LogSink* const logs_;
  const Budget* const waiting_;

  absl::Mutex mutex_;
  absl::flat_hash_map<SessionId, std::shared_ptr<Session>> sessions_
      ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_SESSION_SET_H_
