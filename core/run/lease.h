// Names of attempts in columns, and what workers report about them.
#ifndef W2T_CORE_RUN_LEASE_H_
#define W2T_CORE_RUN_LEASE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/run/task_state.h"
#include "w2t/graph.h"

namespace w2t {

// One attempt of one task under one lease. (run, task, attempt, fence) names it
// everywhere; an old one is refused.
struct LeaseRef {
  RunNumber run;
  TaskIndex task = kNoTask;
  uint32_t attempt = 0;
  Fence fence;

  bool operator==(const LeaseRef&) const = default;
};

// Many of them; entry i of each column belongs to the same attempt.
struct LeaseColumns {
  std::vector<uint64_t> run;
  std::vector<uint32_t> task;
  std::vector<uint32_t> attempt;
  std::vector<uint64_t> fence;

  size_t size() const { return run.size(); }
  bool empty() const { return run.empty(); }
  void Add(const LeaseRef& lease) {
    run.push_back(lease.run.value);
    task.push_back(lease.task);
    attempt.push_back(lease.attempt);
    fence.push_back(lease.fence.value);
  }
  LeaseRef at(size_t i) const {
    return {{run[i]}, task[i], attempt[i], {fence[i]}};
  }
  bool operator==(const LeaseColumns&) const = default;
};

// What a worker waits for before it starts an attempt that it was given ahead:
// another one that it has, to be in `state`, kRunning, kUp or kSucceeded.
struct Awaited {
  TaskIndex task = kNoTask;
  Fence fence;
  TaskState state = TaskState::kUnspecified;

  bool operator==(const Awaited&) const = default;
};

// Numbers and words about one report of a batch.
struct ReportDetail {
  uint32_t position = 0;
  std::string message;
  uint32_t signal = 0;
  uint64_t cpu_us = 0;
  uint64_t max_rss_bytes = 0;
  std::string output;

  bool operator==(const ReportDetail&) const = default;
};

// What became of attempts, in the order in which it happened: kRunning, kUp,
// kSucceeded, kFailed, kTimedOut or kCancelled.
struct ReportColumns {
  LeaseColumns leases;
  std::vector<TaskState> state;
  std::vector<int32_t> exit_code;
  std::vector<ReportDetail> details;  // sorted by position

  bool operator==(const ReportColumns&) const = default;
};

}  // namespace w2t

#endif  // W2T_CORE_RUN_LEASE_H_
