// The embedded library: dependent work inside one program.
//
//   Graph graph;
//   auto fetch = graph.Add("fetch", [] { return 20; });
//   auto parse = graph.Add("parse", After(fetch), [](int x) { return 2 * x; });
//   const Result result = Executor(2).Run(std::move(graph));
//   absl::StatusOr<int> answer = result[parse];
//
// All of it is in the namespace w2t::flow.
#ifndef W2T_FLOW_H_
#define W2T_FLOW_H_

#include "w2t/flow/async.h"        // IWYU pragma: export
#include "w2t/flow/executor.h"     // IWYU pragma: export
#include "w2t/flow/graph.h"        // IWYU pragma: export
#include "w2t/flow/host.h"         // IWYU pragma: export
#include "w2t/flow/manual_host.h"  // IWYU pragma: export
#include "w2t/flow/mistakes.h"     // IWYU pragma: export
#include "w2t/flow/picture.h"      // IWYU pragma: export
#include "w2t/flow/result.h"       // IWYU pragma: export
#include "w2t/flow/state.h"        // IWYU pragma: export
#include "w2t/flow/static.h"       // IWYU pragma: export
#include "w2t/flow/task.h"         // IWYU pragma: export
#include "w2t/flow/text.h"         // IWYU pragma: export
#include "w2t/flow/values.h"       // IWYU pragma: export

#endif  // W2T_FLOW_H_
