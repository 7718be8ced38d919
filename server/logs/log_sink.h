// LogSink: where output of attempts goes, as far as its senders see it.
#ifndef W2T_SERVER_LOGS_LOG_SINK_H_
#define W2T_SERVER_LOGS_LOG_SINK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t {

// Names the output of one attempt, or of a whole run.
struct LogName {
  static constexpr uint32_t kAllTasks = UINT32_MAX;

  static LogName OfRun(std::string run_id) {
    return {.run_id = std::move(run_id), .task = kAllTasks};
  }

  std::string run_id;
  uint32_t task = 0;     // index
  uint32_t attempt = 0;  // from 1

  bool operator==(const LogName&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const LogName& n) {
    return H::combine(std::move(h), n.run_id, n.task, n.attempt);
  }
};

// A piece of output on its way into the store.
struct LogPiece {
  LogName name;
  v1::LogChunk chunk;
  // What the attempt had printed before, in bytes; a part that the store has
  // already is not taken again. Not set: all of it is new.
  std::optional<uint64_t> offset;
};

class LogSink {
 public:
  virtual ~LogSink() = default;

  // Queues pieces, in order. Never waits: false, with both arguments left as
  // they are, when the queue is full. The caller then holds the pieces and
  // their acknowledgement back and tries again after WhenRoom. `done` may be
  // null; it is called in the writer's thread once readers see the pieces, in
  // the order of the calls, and must not wait.
  virtual bool Append(std::vector<LogPiece>&& pieces,
                      absl::AnyInvocable<void()>&& done) = 0;
  // Calls `room` once: in the writer's thread, when something was written and
  // the queue is at most half full, or at once when the queue is empty.
  virtual void WhenRoom(absl::AnyInvocable<void()> room) = 0;

  // The attempt, or the whole run, will print nothing more. Takes its place in
  // the queue, behind the pieces that were appended before, and is never
  // refused.
  virtual void MarkEnded(const LogName& name) = 0;
  // Removes all output of a run. Takes its place in the queue likewise.
  virtual void Forget(const std::string& run_id) = 0;
};

}  // namespace w2t

#endif  // W2T_SERVER_LOGS_LOG_SINK_H_
