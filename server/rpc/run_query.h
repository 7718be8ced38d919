// Questions about one run, which may have to be read from the disk.
#ifndef W2T_SERVER_RPC_RUN_QUERY_H_
#define W2T_SERVER_RPC_RUN_QUERY_H_

#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/context.h"
#include "server/rpc/unary.h"

namespace w2t::server {

// A run and what else the loop owns.
struct RunInView {
  const Run* run;
  const View* view;
};

// Looks at the run on the loop, or is told why that cannot be, on any thread.
using RunLook = absl::AnyInvocable<void(const absl::StatusOr<RunInView>&)>;

// On the loop, in a query. Calls `look` once: at once when the run is in
// memory, else when the archive has read it. NOT_FOUND when there is none.
void LookAtRun(const CallContext* context, const View* view,
               const std::string& run_id, RunLook look);

// Answers with what `look` (const View&, const Run& -> absl::Status) returns on
// the loop. Request, with `run_id`, and response stay valid until then.
template <typename Look>
RunLook AnswerWith(grpc::ServerUnaryReactor* reactor, Look look) {
  return [reactor, look = std::move(look)](
             const absl::StatusOr<RunInView>& found) mutable {
    Answered(reactor,
             found.ok() ? look(*found->view, *found->run) : found.status());
  };
}

template <typename Look>
grpc::ServerUnaryReactor* AskAboutRun(const CallContext* context,
                                      grpc::ServerUnaryReactor* reactor,
                                      const std::string* run_id, Look look) {
  const absl::Status asked =
      context->inbox->TryAsk([=, look = AnswerWith(reactor, std::move(look))](
                                 const View* view) mutable {
        LookAtRun(context, view, *run_id, std::move(look));
      });
  return asked.ok() ? reactor : Answered(reactor, asked);
}

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_RUN_QUERY_H_
