// Session: what the daemon and one worker say to each other, without the stream
// that carries it.
//
// The stream's threads bring messages, which are checked and posted to the
// inbox; the loop says what to send. At most `max_session_window` messages are
// left unprocessed, and a worker is read no further while its output waits for
// the log store. One write is in flight at a time; what gathers behind it is
// merged, and when that exceeds `max_outbox_bytes`, or all of this kind exceeds
// `max_waiting_bytes` and this worker does not keep up, the stream ends with
// RESOURCE_EXHAUSTED. Thread-safe.
#ifndef W2T_SERVER_RPC_SESSION_H_
#define W2T_SERVER_RPC_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "server/budget.h"
#include "server/limits.h"
#include "server/logs/log_sink.h"
#include "server/loop/inbox.h"
#include "server/rpc/session_outbox.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::server {

// What carries a session's messages. Each call is answered later, never from
// inside: Read by OnRead, OnUnreadable or OnReadFailed, Write by OnWritten, and
// Finish, once all others are answered, by OnDone.
class SessionStream {
 public:
  virtual ~SessionStream() = default;
  virtual void Read() = 0;
  // `message` stays until it is written. `more` tells that another follows at
  // once.
  virtual void Write(const v1::SessionResponse& message, bool more) = 0;
  virtual void Finish(const absl::Status& status) = 0;
};

// What the latest probe of an attempt found that has not passed.
struct ProbeNews {
  uint32_t count = 0;  // of probes so far
  std::string message;
  absl::Duration took;
  absl::Time when;
};

class Session final : public std::enable_shared_from_this<Session> {
 public:
  struct Context {
    SessionId id;
    std::string peer;
    SessionStream* stream;  // outlives OnDone
    const ServerLimits* limits;
    Inbox* inbox;
    LogSink* logs;
    const Budget* waiting;  // null: no bound
    // Called once, when the stream is over.
    std::function<void()> on_done;
  };

  // Begins to read. The stream holds it until OnDone; others may hold it
  // longer.
  static std::shared_ptr<Session> Start(Context context);

  // Changes what is to be sent. Sent by the next Flush, or behind what is being
  // sent.
  void Change(absl::FunctionRef<void(SessionOutbox&)> change);
  void Flush();
  // A posted message has been processed.
  void Processed();
  // Ends the stream, once.
  void Close(const absl::Status& status);

  SessionId id() const { return context_.id; }
  // The latest that this worker said of the lease's probe.
  std::optional<ProbeNews> ProbeOf(uint64_t fence) const;

  // From the stream. `message` may be emptied.
  void OnRead(v1::SessionRequest& message);
  void OnReadFailed();
  // Instead of OnRead: what came is no message.
  void OnUnreadable();
  void OnWritten(bool ok);
  void OnCancelled();
  void OnDone();

 private:
  explicit Session(Context context)
      : context_(std::move(context)),
        outbox_(context_.limits->max_log_batches),
        charge_(context_.waiting, 0) {}

  // Handle what has been read. An error ends the stream.
  absl::Status Take(v1::SessionRequest& message);
  absl::Status TakeHello(const v1::Hello& hello);
  absl::Status TakeReports(const v1::ReportBatch& reports);
  absl::Status TakeLogs(v1::LogBatch& batch);
  absl::Status TakeProbes(v1::ProbeBatch& batch);
  void Post(Event event);
  // On the loop: finds out whose output it is.
  void Intake(const View* view, v1::LogBatch& batch);
  // Hands pieces to the store, now or once it has room.
  void Store(std::vector<LogPiece> pieces, uint64_t seq);

  void ReadOn() ABSL_LOCKS_EXCLUDED(mutex_);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Context context_;
  // Of the reading side, which is one thread at a time.
  bool greeted_ = false;
  std::string name_;
  uint64_t last_log_seq_ = 0;

  mutable absl::Mutex mutex_;
  // By fence; at most max_leases.
  absl::flat_hash_map<uint64_t, ProbeNews> probes_ ABSL_GUARDED_BY(mutex_);
  SessionOutbox outbox_ ABSL_GUARDED_BY(mutex_);
  Budget::Charge charge_ ABSL_GUARDED_BY(mutex_);  // for the outbox
  uint64_t unprocessed_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unstored_logs_ ABSL_GUARDED_BY(mutex_) = 0;
  bool logs_held_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool posted_hello_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_SESSION_H_
