// SessionState: everything that a worker knows of its session with the daemon,
// without the stream that carries it. Messages from the daemon go in and say
// what to start and stop; reports and output go in and come out as messages to
// write. It reads no clock and knows no thread, so tests drive it with messages
// alone. Not thread-safe.
//
//   StreamOpened -> NextMessage: Hello -> OnMessage(Welcome) -> NextMessage:
//   ...
//
// An attempt is *held* from its offer until a DurableAck covers its outcome, or
// the daemon discards it. Streams come and go meanwhile.
#ifndef W2T_CLIENT_WORKER_SESSION_SESSION_STATE_H_
#define W2T_CLIENT_WORKER_SESSION_SESSION_STATE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/worker/session/lease.h"
#include "client/worker/session/log_queue.h"
#include "client/worker/session/report_queue.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::worker {

// The daemon has the first `bytes` of what the attempt printed.
struct OutputTaken {
  uint64_t fence = 0;
  uint64_t bytes = 0;
};

// What a message of the daemon asks for.
struct Todo {
  std::vector<Offer> start;
  std::vector<Lease> stop;     // in the way that their actions say; report it
  std::vector<Lease> discard;  // likewise; nobody waits for the report
  bool welcomed = false;
  bool acknowledged = false;
  // What the daemon said of attempts that were held: their ends are recorded
  // already; they are old ones.
  size_t recorded = 0;
  // Of services: output that the daemon has, and those that nobody asks about
  // any more, by fence.
  std::vector<OutputTaken> output_taken;
  std::vector<uint64_t> forgotten;
  size_t refused = 0;
  std::optional<std::string> drained;  // the reason
};

class SessionState {
 public:
  // `identity` is the Hello to open streams with, `held` apart. Its `stream` is
  // the last that was opened, and its `restarted` counts until the first
  // Welcome.
  explicit SessionState(v1::Hello identity);

  // A service that an earlier process of the worker was given. It has printed
  // `printed` bytes that need not be told again. Before the first stream. See
  // AttemptSink for `state`.
  void Adopt(const Lease& lease, v1::TaskState state, uint64_t printed);

  // A stream was dialled: Hello is next, and what is not acknowledged goes
  // again after the Welcome.
  void StreamOpened();

  // FAILED_PRECONDITION when the daemon may not send this now and
  // INVALID_ARGUMENT when it makes no sense: end the stream. `message` is
  // emptied; what `todo` holds is added to.
  absl::Status OnMessage(v1::SessionResponse& message, Todo& todo);

  // See AttemptSink. Held back: see Release.
  void Started(const Lease& lease);
  // False when this may be told a little later.
  bool Up(const Lease& lease);
  void Ended(const Lease& lease, Outcome outcome);
  // Held back until ReleaseProbes; not told on the next stream, and not to a
  // daemon that does not take it.
  void ProbeMissed(const Lease& lease, MissedProbe probe);
  void ReleaseProbes() { probes_released_ = true; }
  // False when there is no room for more; what was given is taken nevertheless.
  bool Printed(const Lease& lease, v1::LogStream stream, int64_t time_us,
               std::string_view data, uint64_t dropped_bytes = 0);
  // Reports that may be told a little later, and output, are held back until
  // Release. Reports go with the next that may not; output is held back never
  // longer than a batch of it takes to fill, or an outcome to come that it goes
  // before.
  void Release() {
    reports_released_ = true;
    output_released_ = logs_.waiting_bytes() > 0;
  }
  bool output_due() const;
  bool log_full() const { return logs_.full(); }
  bool log_has_room() const { return logs_.has_room(); }

  // Attempts whose conditions have come to hold since the last call: to be
  // started, and then to be named in HandedOver, which returns those that are
  // to be stopped again.
  std::vector<Offer> TakeStartable();
  std::vector<Lease> HandedOver(const std::vector<Lease>& leases);

  // The worker wants to go: says so on this stream and on each further one.
  void Leave(std::string reason);
  // Nobody waits for what it holds any more: it is forgotten, with all reports.
  void Abandon();

  // The next message for this stream. Null when there is none now. `more` says
  // that another one will be there right after it, whatever happens meanwhile.
  std::shared_ptr<const v1::SessionRequest> NextMessage(bool* more);

  bool welcomed() const { return welcomed_; }
  bool leaving() const { return leave_.has_value(); }
  // True once Leave has been handed out on this stream.
  bool leave_sent() const { return leave_sent_; }
  // Attempts given, and their end not acknowledged.
  size_t held() const { return held_.size(); }
  // Held attempts that have not ended.
  size_t running() const { return running_; }
  absl::Duration ping_interval() const { return ping_interval_; }
  absl::Duration reattach_window() const { return reattach_window_; }

 private:
  struct Held {
    Lease lease;
    bool service = false;
    bool unhurried = false;   // see OfferBatch
    bool expects_up = false;  // and has neither come up nor ended
    bool started = false;
    bool up = false;
    bool ended = false;
    bool succeeded = false;             // and that is told, or on its way
    ReportQueue::Place running_report;  // may still be withdrawn
    LogQueue::Serial last_output = 0;   // batch that holds it; 0: no output
    uint64_t printed = 0;               // bytes, with what was left out
  };
  // Given ahead: it starts once all its conditions hold at once.
  struct Waiting {
    Offer offer;
    std::vector<v1::OfferCondition> conditions;
  };
  struct AfterOutput {
    LogQueue::Serial output;
    Lease lease;
    Outcome outcome;
  };

  std::shared_ptr<const v1::SessionRequest> Hello();
  absl::Status OnWelcome(const v1::Welcome& welcome, Todo& todo);
  absl::Status OnOffers(v1::OfferBatch& batch, Todo& todo);
  void MarkServices(const v1::OfferBatch& batch, std::vector<Offer>& offers);
  absl::Status OnCancels(const v1::CancelBatch& batch, Todo& todo);
  void Stop(const Lease& lease, Todo& todo);

  // session_attempts.cc: what becomes of attempts.
  void ExpectUp(Held& held, bool expects);
  void TellOutcome(const Lease& lease, Outcome outcome);
  // Tells the outcomes whose output is on its way now.
  void ReleaseAfterOutput();

  // session_waits.cc: what is not to be started yet.
  void StartOrWait(std::vector<Offer> offers, const v1::OfferBatch& batch,
                   Todo& todo);
  bool Holds(const v1::OfferCondition& condition) const;
  bool HoldsForGood(const v1::OfferCondition& condition) const;
  bool MayStart(const Waiting& waiting) const;
  // Something has become of this attempt that others may wait for.
  void Reached(uint64_t fence);
  void StopWaiting(uint64_t fence);
  void Unawait(uint64_t fence, uint64_t waiter);
  bool TakeBack(uint64_t fence);
  // What waits is reported as cancelled.
  void GiveBack(const Lease& lease);
  void GiveBackAll();

  void OnAck(const v1::DurableAck& ack, Todo& todo);
  void Forget(const absl::flat_hash_set<uint64_t>& fences, Todo& todo);
  Held* Find(const Lease& lease);
  std::shared_ptr<const v1::SessionRequest> NextBatch();
  bool TakeOutput();
  std::shared_ptr<const v1::SessionRequest> NextReports();
  bool reports_due() const;
  std::shared_ptr<const v1::SessionRequest> NextProbes();
  bool HasCertainNext() const;

  v1::Hello identity_;
  absl::flat_hash_map<uint64_t, Held> held_;  // by fence
  size_t running_ = 0;
  size_t expected_up_ = 0;
  ReportQueue reports_;
  LogQueue logs_;
  // Outcomes whose output is not on its way yet.
  std::deque<AfterOutput> after_output_;
  absl::btree_map<uint64_t, Waiting> waiting_;  // by fence
  // Those that wait for an attempt, by its fence.
  absl::flat_hash_map<uint64_t, std::vector<uint64_t>> awaited_;
  std::vector<Offer> startable_;
  // From TakeStartable to HandedOver, by fence: whether to stop it then.
  absl::flat_hash_map<uint64_t, bool> on_the_way_;

  uint64_t stream_ = 0;  // see Hello.stream
  // Of this stream.
  bool hello_due_ = false;
  bool welcomed_ = false;
  bool leave_sent_ = false;
  // While both are due: whether output was the last that went.
  std::optional<bool> output_went_;
  bool output_released_ = false;
  bool reports_released_ = false;
  std::vector<Lease> hello_held_;
  bool takes_probes_ = false;
  absl::flat_hash_map<uint64_t, MissedProbe> missed_probes_;  // by fence
  bool probes_released_ = false;
  std::optional<uint64_t> pong_;
  absl::flat_hash_map<uint32_t, std::shared_ptr<const v1::Action>> actions_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<const std::string>> runs_;

  std::optional<std::string> leave_;
  absl::Duration ping_interval_ = absl::Seconds(2);
  absl::Duration reattach_window_ = absl::Seconds(10);
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_SESSION_SESSION_STATE_H_
