// Actions: what must now be done outside, the engine's output. They are
// performed only after the facts of the same step are durable.
#ifndef W2T_CORE_ENGINE_ACTION_H_
#define W2T_CORE_ENGINE_ACTION_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "core/base/ids.h"
#include "core/run/lease.h"
#include "w2t/diagnostic.h"

namespace w2t {

struct SubmitReply {
  ReplyToken token;
  absl::Status status;
  Diagnostics faults;  // the same in detail, when not OK
  RunNumber run;
  std::string run_id;
  bool existing = false;  // the request id had been used for the same graph
};

struct StatusReply {
  ReplyToken token;
  absl::Status status;
  Diagnostics faults;  // the same in detail, when not OK
};

// What becomes of a lease that a worker holds. The values are those of
// w2t.v1.HeldVerdict.
enum class HeldVerdict : uint8_t {
  kKeep = 1,
  kDiscard = 2,   // it is an old one
  kCancel = 3,    // kept, and to be stopped
  kRecorded = 4,  // its end is known
};

struct WelcomeWorker {
  SessionId session;
  WorkerNumber worker;
  LeaseColumns held;                  // HelloEvent::held
  std::vector<HeldVerdict> verdicts;  // one on each
};

struct OfferLeases {
  // One of `leases`, by its position, is not to be started before.
  struct Condition {
    uint32_t position = 0;
    Awaited awaited;
  };
  SessionId session;
  LeaseColumns leases;
  std::vector<Condition> conditions;  // in the order of positions
  // Leases of the worker whose start and readiness nobody else waits for; each
  // once.
  std::vector<Fence> unhurried;
};

struct CancelLeases {
  SessionId session;
  LeaseColumns leases;
};

struct AckReports {
  SessionId session;
  uint64_t seq = 0;
  WorkerNumber worker;
  LeaseColumns refused;  // reported on, and not the worker's any more
};

struct PingWorker {
  SessionId session;
};

// The worker gets no more offers.
struct DrainSession {
  SessionId session;
  std::string reason;
};

struct CloseSession {
  SessionId session;
  absl::Status status;
};

// A run has new events, or has ended.
struct RunChanged {
  RunNumber run;
};

// Attempts that will print nothing more.
struct AttemptsEnded {
  LeaseColumns leases;
};

// A run is no longer known.
struct RunForgotten {
  RunNumber run;
  std::string run_id;
};

using Action =
    std::variant<SubmitReply, StatusReply, WelcomeWorker, OfferLeases,
                 CancelLeases, AckReports, PingWorker, DrainSession,
                 CloseSession, RunChanged, AttemptsEnded, RunForgotten>;

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_ACTION_H_
