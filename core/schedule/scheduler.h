// Scheduler: which ready task goes to which worker.
//
// Each shape has its queue of ready tasks. A pass takes the most urgent task of
// all shapes, gives it to the least loaded worker that fits, and goes on until
// every shape is empty or has no worker left. Its cost is O(shapes x eligible
// workers) to begin with, and O(log) for each task that is placed; tasks that
// cannot be placed cost nothing. Not thread-safe.
#ifndef W2T_CORE_SCHEDULE_SCHEDULER_H_
#define W2T_CORE_SCHEDULE_SCHEDULER_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/fleet/fleet.h"
#include "core/schedule/ready_queue.h"
#include "core/schedule/shapes.h"

namespace w2t {

class Scheduler {
 public:
  explicit Scheduler(Fleet* fleet)
      : fleet_(*fleet), cpus_(fleet->Intern(kCpus)), shapes_(fleet) {}

  // A run that has `demand` begins or ends; what is queued goes with the last.
  ShapeId AddShape(const Demand& demand);
  void RemoveShape(ShapeId id);
  const Shape& shape(ShapeId id) const { return shapes_.at(id); }

  void Push(ShapeId shape, int32_t priority, int64_t remaining_us,
            ReadyTask task);

  // One pass. `is_ready` tells whether a queued task still waits to be leased,
  // and has this shape: a task that was taken back stays in its queue until a
  // pass meets it. `lease` must take the shape's amounts from the worker.
  using IsReady = absl::FunctionRef<bool(ShapeId, ReadyTask)>;
  void Place(IsReady is_ready,
             absl::FunctionRef<void(Worker&, ReadyTask)> lease);
  // The worker that a pass would give a task of this shape to. Null: none.
  Worker* Best(ShapeId shape);

 private:
  // A worker as a candidate of one shape in one pass.
  struct Candidate {
    uint64_t load;
    Worker* worker;
    // std::push_heap keeps the greatest in front: the least loaded one.
    bool operator<(const Candidate& other) const {
      if (load != other.load) return load > other.load;
      return worker->number > other.worker->number;
    }
  };
  struct Lane {
    ShapeId shape;
    Rank top;
    std::vector<Candidate> candidates;
    // The most urgent lane in front.
    bool operator<(const Lane& other) const { return other.top < top; }
  };

  uint64_t LoadOf(const Worker& worker) const;
  std::vector<Candidate> CandidatesOf(ShapeId shape);
  // The least loaded worker that still fits, or null.
  Worker* Choose(const Shape& shape, std::vector<Candidate>* candidates);
  // Drops tasks from the front that are not ready any more.
  bool DropStale(ShapeId shape, IsReady is_ready);

  Fleet& fleet_;
  const ResourceKind cpus_;
  Shapes shapes_;
  std::vector<ReadyQueue> queues_;  // by ShapeId
  std::vector<ShapeId> active_;     // those that are not empty
  uint64_t next_ticket_ = 1;
};

}  // namespace w2t

#endif  // W2T_CORE_SCHEDULE_SCHEDULER_H_
