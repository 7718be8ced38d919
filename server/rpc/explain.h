// Answers to "what does it wait for?" and "what took so long?". On the loop's
// thread.
#ifndef W2T_SERVER_RPC_EXPLAIN_H_
#define W2T_SERVER_RPC_EXPLAIN_H_

#include "absl/time/time.h"
#include "server/loop/inbox.h"
#include "server/rpc/waiting.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::server {

// A task, and all that it waits for, directly or not, in depth-first order; at
// most kMaxExplained.
inline constexpr int kMaxExplained = 200;
void Explain(const View& view, const Run& run, TaskIndex task, absl::Time now,
             v1::ExplainTaskResponse* response,
             Waiting::FindProbe find_probe = nullptr);

void FillCriticalChain(const View& view, const Run& run, absl::Time now,
                       v1::GetCriticalChainResponse* response);

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_EXPLAIN_H_
