// Which tasks made a run as long as it was, or is so far.
#ifndef W2T_CORE_RUN_CRITICAL_CHAIN_H_
#define W2T_CORE_RUN_CRITICAL_CHAIN_H_

#include <cstdint>
#include <vector>

#include "core/run/run.h"

namespace w2t {

struct ChainLink {
  TaskIndex task = kNoTask;
  // When its dependencies held: the run's beginning, or when the link before it
  // let it go on.
  int64_t released_us = 0;
  int64_t start_us = 0;  // of its latest attempt
  // When the next link could go on; of the last one, when it had ended or, as a
  // service, was up. 0: it goes on.
  int64_t done_us = 0;
  // What the next link needs of it. kDefault for the last one.
  Condition condition = Condition::kDefault;
};

// From the task that was done last back to one that depended on nothing: each
// task's forerunner is the one that released it, the last of those that it
// needed. In order, and empty when nothing has started. When a service got
// ready is known as long as the run keeps that event; else its start counts.
// O(V + E + events).
std::vector<ChainLink> CriticalChain(const Run& run);

}  // namespace w2t

#endif  // W2T_CORE_RUN_CRITICAL_CHAIN_H_
