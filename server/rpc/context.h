// What all calls share.
#ifndef W2T_SERVER_RPC_CONTEXT_H_
#define W2T_SERVER_RPC_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/budget.h"
#include "server/limits.h"
#include "server/logs/log_store.h"
#include "server/loop/archive.h"
#include "server/loop/inbox.h"
#include "server/observe/watch_hub.h"

namespace w2t::server {

class SessionSet;

// A call that can be ended from outside.
class OpenCall {
 public:
  virtual ~OpenCall() = default;
  virtual void Abort(const absl::Status& status) = 0;
};

// The streams of clients that are open, at most `max_watchers`. Thread-safe.
class OpenCalls {
 public:
  explicit OpenCalls(const ServerLimits* limits) : limits_(limits) {}

  // RESOURCE_EXHAUSTED when there are too many, UNAVAILABLE after AbortAll.
  absl::Status Add(std::shared_ptr<OpenCall> call);
  void Remove(const OpenCall* call);
  // Ends all, and refuses new ones with the same status.
  void AbortAll(const absl::Status& status);

 private:
  const ServerLimits* const limits_;
  absl::Mutex mutex_;
  absl::flat_hash_map<const OpenCall*, std::shared_ptr<OpenCall>> calls_
      ABSL_GUARDED_BY(mutex_);
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
};

// All must outlive the calls.
struct CallContext {
  const ServerLimits* limits = nullptr;
  Inbox* inbox = nullptr;
  WatchHub* hub = nullptr;  // the loop's
  LogStore* logs = nullptr;
  Archive* archive = nullptr;
  OpenCalls* calls = nullptr;
  SessionSet* sessions = nullptr;
  const Budget* waiting = nullptr;  // for what waits for readers
  std::string version;
};

// NOT_FOUND.
absl::StatusOr<TaskIndex> FindTask(const Run& run, std::string_view name);

// Lets the hub let go of watchers of a run that are gone.
void SweepLater(const CallContext* context, std::string run_id);

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_CONTEXT_H_
