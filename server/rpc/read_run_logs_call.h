// One ReadRunLogs call: what all tasks of a run print.
#ifndef W2T_SERVER_RPC_READ_RUN_LOGS_CALL_H_
#define W2T_SERVER_RPC_READ_RUN_LOGS_CALL_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/budget.h"
#include "server/rpc/log_call.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::server {

// Remembers one place for each task that had an attempt, and holds no more than
// one message of output. Reads no file in which there is nothing new.
class ReadRunLogsCall final : public LogCall<v1::ReadRunLogsResponse> {
 public:
  static grpc::ServerWriteReactor<v1::ReadRunLogsResponse>* Start(
      const CallContext* context, const v1::ReadRunLogsRequest& request);

  void RunEnded() override;

 private:
  // Where the reader stands with a task.
  struct Place {
    uint32_t attempt = 1;
    uint32_t latest = 0;  // attempt that is known of
    uint32_t ended = 0;   // attempt up to which all have ended
    bool fresh = false;   // there may be new output
    bool queued = false;
    LogCursor cursor = LogCursor(0);
  };
  // An attempt that there was before the call.
  struct Earlier {
    uint32_t task;
    uint32_t attempt;
    bool ended;
  };

  ReadRunLogsCall(const CallContext* context,
                  const v1::ReadRunLogsRequest& request);

  absl::Status Begin(const v1::ReadRunLogsRequest& request);
  absl::Status Resolve(const Run& run) override;
  absl::StatusOr<LogStep> Fill(v1::ReadRunLogsResponse* response) override;

  // Charges for the places. RESOURCE_EXHAUSTED when these are many, and all
  // readers together hold too much.
  absl::Status Charge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(places_mutex_);
  void Tell(const LogName& name, bool ended);
  void Note(uint32_t task, uint32_t attempt, bool fresh, bool ended)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(places_mutex_);
  // Reads on for one task, at most `max_bytes`; how many it were.
  uint64_t ReadTask(uint32_t task, uint64_t max_bytes,
                    v1::ReadRunLogsResponse* response)
      ABSL_LOCKS_EXCLUDED(places_mutex_);

  uint64_t most_tasks_ = 0;  // of those that the request names
  absl::Mutex places_mutex_;
  std::vector<Earlier> earlier_ ABSL_GUARDED_BY(places_mutex_);
  absl::flat_hash_map<uint32_t, Place> places_ ABSL_GUARDED_BY(places_mutex_);
  Budget::Charge charge_ ABSL_GUARDED_BY(places_mutex_);
  std::deque<uint32_t> queue_ ABSL_GUARDED_BY(places_mutex_);  // of tasks
  bool run_ended_ ABSL_GUARDED_BY(places_mutex_) = false;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_READ_RUN_LOGS_CALL_H_
