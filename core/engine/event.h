// Events: what happened outside, the engine's input.
#ifndef W2T_CORE_ENGINE_EVENT_H_
#define W2T_CORE_ENGINE_EVENT_H_

#include <memory>
#include <string>
#include <variant>

#include "core/base/definition.h"
#include "core/base/ids.h"
#include "core/fleet/worker_spec.h"
#include "core/run/lease.h"
#include "w2t/blueprint.h"

namespace w2t {

// A client wants a graph to be run. Answered with SubmitReply.
struct SubmitEvent {
  ReplyToken token;
  std::string request_id;  // empty: none
  bool hold = false;
  std::shared_ptr<const Blueprint> blueprint;
  std::shared_ptr<const Definition> definition;
};

// A client wants a run to end. Answered with StatusReply.
struct CancelEvent {
  ReplyToken token;
  std::string run_id;
  std::string reason;
};

// An operator wants a worker to drain, or takes that back. Answered with
// StatusReply.
struct DrainWorkerEvent {
  ReplyToken token;
  std::string worker;
  bool undo = false;
};

// The daemon is to stop: no run is accepted, no lease granted any more.
struct DrainServerEvent {};

// A worker dialled. Answered with WelcomeWorker or CloseSession.
struct HelloEvent {
  SessionId session;
  WorkerSpec spec;
  LeaseColumns held;  // given earlier, and their end not acknowledged
};

// Any sign of life from a worker.
struct AliveEvent {
  SessionId session;
};

// A worker reports. Answered with AckReports.
struct ReportsEvent {
  SessionId session;
  uint64_t seq = 0;
  ReportColumns reports;
};

// A worker wants to leave: it gets no offers any more.
struct LeaveEvent {
  SessionId session;
};

// A worker's stream is broken.
struct SessionClosedEvent {
  SessionId session;
};

using Event = std::variant<SubmitEvent, CancelEvent, DrainWorkerEvent,
                           DrainServerEvent, HelloEvent, AliveEvent,
                           ReportsEvent, LeaveEvent, SessionClosedEvent>;

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_EVENT_H_
