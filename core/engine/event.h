// Events: what happened outside, the engine's input.
#ifndef W2T_CORE_ENGINE_EVENT_H_
#define W2T_CORE_ENGINE_EVENT_H_

#include <memory>
#include <string>
#include <variant>
#include <vector>

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
  // Refused while another such run of the same name has not ended. Implies
  // `hold`, and that failures leave the rest up (Run::Spec::keep).
  bool unique_name = false;
  std::shared_ptr<const Blueprint> blueprint;
  std::shared_ptr<const Definition> definition;
};

// A client wants a run to end. Answered with StatusReply.
struct CancelEvent {
  ReplyToken token;
  std::string run_id;
  std::string reason;
};

// A client wants tasks of a run to be stopped and started again, and with them
// those that follow (Run::RestartSet). Answered with StatusReply: NOT_FOUND for
// a name that is no task's, FAILED_PRECONDITION when the run stops or has
// ended, or a task runs at most once and has started. A request id that the run
// knows changes nothing, and is ALREADY_EXISTS when it was for other tasks.
struct RestartEvent {
  ReplyToken token;
  std::string run_id;
  std::vector<std::string> tasks;
  std::string request_id;  // empty: none
};

// A client wants a run to go on under another graph. Each old task keeps its
// position and name; those that are not named as changed keep their kind and
// demand. Answered with StatusReply: ABORTED when `base_revision` is not the
// run's, or another revision is being carried out; FAILED_PRECONDITION when the
// run stops or has ended, or a worker has a changed task that runs at most
// once; RESOURCE_EXHAUSTED; INVALID_ARGUMENT when the graphs do not fit each
// other.
struct ReviseEvent {
  ReplyToken token;
  std::string run_id;
  uint64_t base_revision = 0;
  std::shared_ptr<const Blueprint> blueprint;
  std::shared_ptr<const Definition> definition;
  std::vector<TaskIndex> changed;  // beside those that come or go
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
  // An earlier process of the worker may have started what is not held.
  bool restarted = false;
  // The worker takes leases ahead, and waits until it may start them.
  bool waits = false;
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

using Event =
    std::variant<SubmitEvent, CancelEvent, RestartEvent, ReviseEvent,
                 DrainWorkerEvent, DrainServerEvent, HelloEvent, AliveEvent,
                 ReportsEvent, LeaveEvent, SessionClosedEvent>;

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_EVENT_H_
