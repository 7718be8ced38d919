// How a unary call is answered.
#ifndef W2T_SERVER_RPC_UNARY_H_
#define W2T_SERVER_RPC_UNARY_H_

#include <utility>

#include "absl/status/status.h"
#include "grpcpp/support/server_callback.h"
#include "proto/wire/status_codec.h"
#include "server/loop/inbox.h"

namespace w2t::server {

inline grpc::ServerUnaryReactor* Answered(grpc::ServerUnaryReactor* reactor,
                                          const absl::Status& status) {
  reactor->Finish(wire::ToGrpc(status));
  return reactor;
}

// Answers with what `look` (const View& -> absl::Status) returns on the loop.
// Request and response stay valid until then.
template <typename Look>
grpc::ServerUnaryReactor* Ask(Inbox* inbox, grpc::ServerUnaryReactor* reactor,
                              Look look) {
  const absl::Status asked = inbox->TryAsk(
      [inbox, reactor, look = std::move(look)](const View* view) mutable {
        Answered(reactor, view == nullptr ? inbox->WhyRefused() : look(*view));
      });
  return asked.ok() ? reactor : Answered(reactor, asked);
}

// Posts `event`; answers with the error that the engine gives, else with what
// `look` (const Answer&, const View& -> absl::Status) returns.
template <typename Look>
grpc::ServerUnaryReactor* Call(Inbox* inbox, grpc::ServerUnaryReactor* reactor,
                               Event event, Look look) {
  const absl::Status called = inbox->TryCall(
      std::move(event), [reactor, look = std::move(look)](
                            const Answer& answer, const View* view) mutable {
        Answered(reactor,
                 answer.status.ok() ? look(answer, *view) : answer.status);
      });
  return called.ok() ? reactor : Answered(reactor, called);
}

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_UNARY_H_
