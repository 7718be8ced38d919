// Dispatcher: carries what the loop does to sessions, watchers, the log store
// and the log. On the loop's thread.
#ifndef W2T_SERVER_RPC_DISPATCHER_H_
#define W2T_SERVER_RPC_DISPATCHER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "server/logs/log_sink.h"
#include "server/loop/loop.h"
#include "server/observe/observer.h"
#include "server/observe/watch_hub.h"
#include "server/rpc/session_set.h"

namespace w2t::server {

class Dispatcher : public LoopEffects {
 public:
  // All must outlive it.
  Dispatcher(const ServerLimits* limits, SessionSet* sessions, WatchHub* hub,
             LogSink* logs)
      : limits_(limits), sessions_(sessions), hub_(hub), logs_(logs) {}

  // After a replay.
  void Begin(const View& view) { observer_.Begin(view); }

  void Committed(const View& view, const FactBatch& facts) override;
  void Perform(const View& view, Action& action) override;
  void Flush(const View& view) override;
  void Processed(SessionId session) override;

 private:
  void Do(const View& view, WelcomeWorker& action);
  void Do(const View& view, OfferLeases& action);
  void Do(const View& view, CancelLeases& action);
  void Do(const View& view, AckReports& action);
  void Do(const View& view, PingWorker& action);
  void Do(const View& view, DrainSession& action);
  void Do(const View& view, CloseSession& action);
  void Do(const View& view, RunChanged& action);
  void Do(const View& view, AttemptsEnded& action);
  void Do(const View& view, RunForgotten& action);
  // Answered by the loop itself.
  void Do(const View&, SubmitReply&) {}
  void Do(const View&, StatusReply&) {}

  void Change(SessionId id, absl::FunctionRef<void(SessionOutbox&)> change);

  const ServerLimits* const limits_;
  SessionSet* const sessions_;
  WatchHub* const hub_;
  LogSink* const logs_;
  Observer observer_;
  // Sessions that something was put into since the last Flush.
  std::vector<std::shared_ptr<Session>> touched_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_DISPATCHER_H_
