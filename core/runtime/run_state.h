// RunState: one execution of a flow graph.
//
// It has as many slots as its host has threads. A slot is a queue of tasks that
// are ready, and is served by one job on the host at a time: the job runs tasks
// from its own queue, then those that were resumed, then what it can take from
// other slots, and gives the slot back when there is nothing. Whoever has more
// than it can run at once posts a job for a slot that is idle. So no task that
// is ready waits while a thread is free, whoever is busy with something long.
//
// A task is ready when its count of open dependencies reaches zero, which one
// slot alone sees. The end of a task that fails, or is skipped, also closes
// edges; what can no longer become ready is skipped at once, without recursion.
#ifndef W2T_CORE_RUNTIME_RUN_STATE_H_
#define W2T_CORE_RUNTIME_RUN_STATE_H_

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "core/runtime/work_queue.h"
#include "w2t/flow/executor.h"
#include "w2t/flow/host.h"
#include "w2t/flow/internal/fiber.h"
#include "w2t/flow/internal/graph_data.h"
#include "w2t/flow/internal/outcome.h"

namespace w2t::flow::internal {

class RunState final : public Runner {
 public:
  static constexpr int kMostSlots = 64;

  // `outcome` has the blueprint and the nodes, or faults.
  RunState(Outcome outcome, RunOptions options, Host* host, bool one_at_a_time);

  // Starts the run, unless there are faults. Once.
  void Begin();
  bool done() const { return done_.load(std::memory_order_acquire); }
  void AwaitEnd();
  // After the end; once.
  Outcome TakeOutcome();
  void Stop(absl::Status why);

  void Resume(uint32_t task, uint64_t wait) override;
  void ResumeAfter(uint32_t task, uint64_t wait, absl::Duration delay) override;
  bool stopped() const override {
    return stopping_.load(std::memory_order_acquire);
  }
  absl::Status FailureOf(uint32_t task) const override;

 private:
  using Clock = std::chrono::steady_clock;
  struct alignas(64) Slot {
    WorkQueue queue;
    size_t finished = 0;  // not yet told
    std::array<size_t, 5> counts = {};
    std::vector<TaskIndex> ready;  // by the task that has just ended
    std::vector<std::pair<TaskIndex, TaskState>> ended;
  };

  // One job: serves a slot.
  void Work(int index);
  // A task for this slot, or kNoTask.
  TaskIndex Next(Slot& slot);
  TaskIndex TakeResumed();
  // A slice is over before this one: it is the next to be taken, even when it
  // is one that has the thread to itself.
  void PutBack(TaskIndex task);
  TaskIndex Steal(Slot& slot);
  // Gives the slot back. False when there is more to do after all.
  bool Leave(int index);
  bool HasWork();
  void PostJob(int index);
  // Posts a job for an idle slot, if there is one.
  void WakeOne();
  // The same for the holder of the mutex, which posts a job for what it returns
  // once it has let go. -1: none.
  int ClaimIdleSlot();

  // Runs a task, or goes on with it. Returns one to run next, or kNoTask.
  TaskIndex Execute(Slot& slot, TaskIndex task);
  // That its body has not begun yet.
  bool IsFresh(TaskIndex task) const;
  bool IsTakenByOne() const { return one_at_a_time_ && lone_ != kNoTask; }
  // What an attempt that failed leads to: a repetition, or the task's end.
  TaskIndex Fail(Slot& slot, TaskIndex task, absl::Status status);
  // True when the task is to be repeated.
  bool KeepFailure(TaskIndex task, absl::Status status, absl::Duration* delay);
  void Requeue(TaskIndex task);
  TaskIndex Finish(Slot& slot, TaskIndex task, TaskState state);
  void End(Slot& slot, TaskIndex task, TaskState state);
  void Release(Slot& slot, TaskIndex task, TaskState state);
  // An edge to `task` can no longer hold.
  void Miss(Slot& slot, TaskIndex task, TaskState cause);
  TaskIndex Hand(Slot& slot);
  int64_t NowNs() const;

  Outcome outcome_;
  const RunOptions options_;
  Host* const host_;
  const bool one_at_a_time_;
  const int threads_;
  Clock::time_point began_;
  std::stop_source stop_;
  const std::stop_token stop_token_ = stop_.get_token();
  std::optional<std::stop_callback<std::function<void()>>> outer_stop_;

  // Dependencies of each task that have yet to hold.
  std::unique_ptr<std::atomic<uint32_t>[]> open_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> done_ = false;
  std::atomic<int> idle_count_ = 0;
  std::atomic<size_t> resumed_count_ = 0;
  // The one that runs or waits, when they run one at a time.
  TaskIndex lone_ = kNoTask;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable ended_;
  std::vector<int> idle_;
  int active_ = 0;  // slots with a job
  size_t unfinished_ = 0;
  bool over_ = false;
  std::deque<TaskIndex> resumed_;
  absl::flat_hash_map<TaskIndex, uint64_t> sleepers_;  // waits to end on a stop
  absl::flat_hash_map<TaskIndex, uint32_t> attempts_;  // of those that failed
  absl::flat_hash_set<TaskIndex> backing_off_;
  absl::flat_hash_map<TaskIndex, uint32_t> missed_;  // edges
  absl::Status stop_status_;
  TaskIndex first_failure_ = kNoTask;
};

}  // namespace w2t::flow::internal

#endif  // W2T_CORE_RUNTIME_RUN_STATE_H_
