// Session: keeps a worker in touch with its daemon. It dials, dials again with
// growing, jittered gaps when the stream breaks or falls silent, and moves
// messages between the stream and SessionState.
//
// Reports and output may come from any thread; whoever brings them also writes
// them, when no write is under way. Offers are handed to the delegate by the
// thread that read them.
#ifndef W2T_CLIENT_WORKER_SESSION_SESSION_H_
#define W2T_CLIENT_WORKER_SESSION_SESSION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/lib/redial.h"
#include "client/worker/loop/loop.h"
#include "client/worker/session/lease.h"
#include "client/worker/session/session_state.h"
#include "client/worker/session/stream.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::worker {

// Words of probes are held back for this long, so that many go at once.
inline constexpr absl::Duration kProbesDelay = absl::Milliseconds(100);
// A stream without a welcome for this long is given up.
inline constexpr absl::Duration kWelcomeTimeout = absl::Seconds(10);
// Reports of starts are held back for this long: see AttemptSink::Started.
inline constexpr absl::Duration kStartedDelay = absl::Milliseconds(1);
// Output, and starts of what is soon up, are held back for this long, unless
// something else is sent: a service that is up at once takes one message.
inline constexpr absl::Duration kOutputDelay = absl::Milliseconds(30);
// Offers that crossed a Leave on their way have arrived after this long.
inline constexpr absl::Duration kLeaveQuiet = absl::Milliseconds(100);

class Session final : public AttemptSink, private Stream::Listener {
 public:
  class Delegate {
   public:
    virtual ~Delegate() = default;
    // On any thread.
    virtual void StartAttempts(std::vector<Offer> offers) = 0;
    virtual void StopAttempts(std::vector<Lease> leases) = 0;
    // There is room for output again, after Printed had returned false.
    virtual void OnRoomForOutput() = 0;
    // See Todo.
    virtual void OnOutputTaken(std::vector<OutputTaken> /*taken*/) {}
    virtual void OnForgotten(std::vector<uint64_t> /*fences*/) {}
    // On the loop's thread.
    // The daemon has taken this worker for the first time.
    virtual void OnWelcomed() {}
    // The worker has left: nothing is held any more, or nobody can be told.
    virtual void OnLeft() = 0;
    // The daemon will not have this worker, and would not next time.
    virtual void OnRefused(absl::Status status) = 0;
    // After Close: no callback will come any more.
    virtual void OnSessionClosed() = 0;
  };
  using StreamFactory = std::function<std::unique_ptr<Stream>(
      const std::string& server, Stream::Listener* listener)>;

  // `loop` and `delegate` must outlive the session, and the session the loop's
  // run.
  Session(Loop* loop, std::string server, v1::Hello identity,
          Delegate* delegate, StreamFactory factory = MakeStream);

  // Of the loop's thread, or before it runs.
  void Open();
  // How long the daemon waits for a worker that it does not hear of. As far as
  // is known.
  absl::Duration reattach_window();
  // Asks for no more offers; OnLeft follows once nothing is held.
  void Leave(std::string reason);
  // Whether the daemon is there and has not acknowledged all that was held.
  bool HasLastWords();
  // Ends the session at once. What is held is forgotten without a report.
  void Close();

  void Adopted(const Lease& lease, v1::TaskState state,
               uint64_t printed) override;
  void Started(absl::Span<const Lease> leases, bool has_probe) override;
  void Up(const Lease& lease) override;
  void Ended(const Lease& lease, Outcome outcome) override;
  void ProbeMissed(const Lease& lease, MissedProbe probe) override;
  bool Printed(const Lease& lease, v1::LogStream stream,
               std::string_view data) override;
  bool TryPrint(const Lease& lease, v1::LogStream stream, std::string_view data,
                uint64_t dropped_bytes) override;

 private:
  void OnMessage(v1::SessionResponse& message) override;
  void OnWritten(bool ok) override;
  void OnReadClosed() override;
  void OnClosed(absl::Status status) override;

  void Dial();
  void HandleClosed(const absl::Status& status);
  void HandleWelcome();
  void CheckAlive();
  void CheckLeft();
  // session_sink.cc: takes `data`, unless there is no room and it need not
  // `always`. False: there is none, or none any more.
  bool Print(const Lease& lease, v1::LogStream stream, std::string_view data,
             uint64_t dropped_bytes, bool always);
  // Starts what may start since then.
  void StartMore();
  // Writes what there is, unless a write is under way.
  void Flush();
  // The same after `delay`, with what `release` lets go until then; once for
  // all who ask before, which `due` tells.
  void FlushIn(absl::Duration delay, bool Session::*due,
               void (SessionState::*release)())
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same a little later, with all output.
  void FlushLater() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Loop* const loop_;
  const std::string server_;
  Delegate* const delegate_;
  const StreamFactory factory_;

  // Of the loop's thread.
  Redial redial_;
  bool ever_welcomed_ = false;
  bool unreachable_logged_ = false;
  bool closing_ = false;
  bool leaving_ = false;
  TimerId alive_timer_ = 0;
  std::optional<absl::Time> quiet_since_;
  std::optional<absl::Time> alone_since_;

  std::atomic<int64_t> last_heard_ns_ = 0;  // monotonic

  absl::Mutex mutex_;
  SessionState state_ ABSL_GUARDED_BY(mutex_);
  // Changed on the loop's thread only, and not while calls on it are possible.
  std::unique_ptr<Stream> stream_ ABSL_GUARDED_BY(mutex_);
  bool writable_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const v1::SessionRequest> writing_ ABSL_GUARDED_BY(mutex_);
  bool output_refused_ ABSL_GUARDED_BY(mutex_) = false;
  bool flush_due_ ABSL_GUARDED_BY(mutex_) = false;
  bool probes_due_ ABSL_GUARDED_BY(mutex_) = false;
  bool output_due_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_SESSION_SESSION_H_
