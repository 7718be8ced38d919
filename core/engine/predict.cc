#include "core/engine/predict.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "core/run/run.h"
#include "core/schedule/ready_queue.h"

namespace w2t {
namespace {

class Player {
 public:
  Player(std::shared_ptr<const Blueprint> blueprint, uint32_t slots)
      : blueprint_(*blueprint),
        slots_milli_(uint64_t{std::max<uint32_t>(slots, 1)} * 1000),
        free_milli_(slots_milli_),
        run_({.number = kRun,
              .run_id = "plan",
              .request_id = "",
              .hold = true,
              .blueprint = blueprint,
              .definition = nullptr},
             0, limits_) {
    prediction_.start.resize(blueprint_.size());
    prediction_.end.resize(blueprint_.size());
    for (const Demand& demand : blueprint_.demands()) {
      uint64_t cpus = 0;
      for (const Resource& resource : demand.resources) {
        if (resource.name == kCpus) cpus = resource.milli;
      }
      cpus_of_demand_.push_back(std::min(cpus, slots_milli_));
    }
    queues_.resize(cpus_of_demand_.size());
  }

  Prediction Play() {
    run_.Begin(0, &outbox_);
    TakeReady();
    StartWhatFits();
    while (!running_.empty()) {
      now_us_ = running_.top().at_us;
      while (!running_.empty() && running_.top().at_us == now_us_) {
        const TaskIndex task = running_.top().task;
        running_.pop();
        Complete(task);
      }
      StartWhatFits();
    }
    prediction_.length = absl::Microseconds(now_us_);
    return std::move(prediction_);
  }

 private:
  static constexpr RunNumber kRun{1};
  struct Completion {
    int64_t at_us;
    TaskIndex task;
    bool operator<(const Completion& other) const {
      if (at_us != other.at_us) return at_us > other.at_us;
      return task > other.task;
    }
  };

  uint64_t CpusOf(TaskIndex task) const {
    return cpus_of_demand_[blueprint_.demand(task)];
  }

  void TakeReady() {
    for (const TaskIndex task : outbox_.ready) {
      queues_[blueprint_.demand(task)].Push(
          {blueprint_.priority(task), blueprint_.remaining_us(task),
           next_ticket_++},
          {kRun, task});
    }
    outbox_.Clear();
  }

  void StartWhatFits() {
    while (ReadyQueue* queue = MostUrgentThatFits()) Start(queue->Pop().task);
  }

  ReadyQueue* MostUrgentThatFits() {
    ReadyQueue* best = nullptr;
    for (size_t demand = 0; demand < queues_.size(); ++demand) {
      ReadyQueue& queue = queues_[demand];
      if (queue.empty() || cpus_of_demand_[demand] > free_milli_) continue;
      if (best == nullptr || queue.top() < best->top()) best = &queue;
    }
    return best;
  }

  LeaseRef LeaseOf(TaskIndex task) const { return {kRun, task, 1, Fence{1}}; }

  void Start(TaskIndex task) {
    free_milli_ -= CpusOf(task);
    prediction_.start[task] = absl::Microseconds(now_us_);
    run_.Lease(LeaseOf(task), WorkerNumber{1}, now_us_);
    run_.Report(LeaseOf(task), TaskState::kRunning, 0, nullptr, now_us_,
                &outbox_);
    TakeReady();
    running_.push(
        {now_us_ + absl::ToInt64Microseconds(blueprint_.estimate(task)), task});
  }

  void Complete(TaskIndex task) {
    prediction_.end[task] = absl::Microseconds(now_us_);
    const bool service = blueprint_.kind(task) == TaskKind::kService;
    if (service || blueprint_.has_probe(task)) {
      run_.Report(LeaseOf(task), TaskState::kUp, 0, nullptr, now_us_, &outbox_);
    }
    if (!service) {
      free_milli_ += CpusOf(task);
      run_.Report(LeaseOf(task), TaskState::kSucceeded, 0, nullptr, now_us_,
                  &outbox_);
    }
    TakeReady();
  }

  const Blueprint& blueprint_;
  const Limits limits_;
  const uint64_t slots_milli_;
  uint64_t free_milli_;
  std::vector<uint64_t> cpus_of_demand_;
  Run run_;
  RunOutbox outbox_;
  std::vector<ReadyQueue> queues_;  // by demand
  std::priority_queue<Completion> running_;
  int64_t now_us_ = 0;
  uint64_t next_ticket_ = 1;
  Prediction prediction_;
};

}  // namespace

Prediction Predict(std::shared_ptr<const Blueprint> blueprint, uint32_t slots) {
  return Player(std::move(blueprint), slots).Play();
}

}  // namespace w2t
