#include "core/schedule/scheduler.h"

#include <algorithm>
#include <utility>

namespace w2t {

ShapeId Scheduler::AddShape(const Demand& demand) {
  const ShapeId id = shapes_.Intern(demand);
  if (id >= queues_.size()) queues_.resize(id + 1);
  return id;
}

void Scheduler::RemoveShape(ShapeId id) {
  if (!shapes_.Release(id)) return;
  queues_[id] = ReadyQueue();
  std::erase(active_, id);
}

void Scheduler::Push(ShapeId shape, int32_t priority, int64_t remaining_us,
                     ReadyTask task) {
  if (queues_[shape].empty()) active_.push_back(shape);
  queues_[shape].Push({priority, remaining_us, next_ticket_++}, task);
}

void Scheduler::Place(IsReady is_ready,
                      absl::FunctionRef<void(Worker&, ReadyTask)> lease) {
  std::vector<Lane> lanes;
  for (const ShapeId shape : active_) {
    std::vector<Candidate> candidates = CandidatesOf(shape);
    if (candidates.empty()) continue;
    lanes.push_back({shape, queues_[shape].top(), std::move(candidates)});
  }
  std::make_heap(lanes.begin(), lanes.end());
  while (!lanes.empty()) {
    std::pop_heap(lanes.begin(), lanes.end());
    Lane& lane = lanes.back();
    ReadyQueue& queue = queues_[lane.shape];
    Worker* worker = nullptr;
    if (DropStale(lane.shape, is_ready)) {
      if (queue.top() != lane.top) {
        // What gave the lane its place is gone; the next task may rank lower.
        lane.top = queue.top();
        std::push_heap(lanes.begin(), lanes.end());
        continue;
      }
      worker = Choose(shapes_.at(lane.shape), &lane.candidates);
      if (worker != nullptr) lease(*worker, queue.Pop());
    }
    if (worker == nullptr || queue.empty()) {
      lanes.pop_back();
      continue;
    }
    lane.top = queue.top();
    std::push_heap(lanes.begin(), lanes.end());
  }
  std::erase_if(active_, [this](ShapeId id) { return queues_[id].empty(); });
}

Worker* Scheduler::Best(ShapeId id) {
  const std::vector<Candidate> candidates = CandidatesOf(id);
  return candidates.empty() ? nullptr : candidates.front().worker;
}

bool Scheduler::DropStale(ShapeId shape, IsReady is_ready) {
  ReadyQueue& queue = queues_[shape];
  while (!queue.empty()) {
    if (is_ready(shape, queue.front())) return true;
    queue.Pop();
  }
  return false;
}

std::vector<Scheduler::Candidate> Scheduler::CandidatesOf(ShapeId id) {
  std::vector<Candidate> candidates;
  const std::vector<WorkerNumber>& eligible = shapes_.Eligible(id);
  const Shape& shape = shapes_.at(id);
  for (const WorkerNumber number : eligible) {
    Worker* worker = fleet_.Find(number);
    if (!worker->accepting() || !Shapes::Fits(shape, *worker)) continue;
    candidates.push_back({LoadOf(*worker), worker});
  }
  std::make_heap(candidates.begin(), candidates.end());
  return candidates;
}

Worker* Scheduler::Choose(const Shape& shape,
                          std::vector<Candidate>* candidates) {
  while (!candidates->empty()) {
    std::pop_heap(candidates->begin(), candidates->end());
    Candidate& best = candidates->back();
    if (!best.worker->accepting() || !Shapes::Fits(shape, *best.worker)) {
      candidates->pop_back();
      continue;
    }
    // Other lanes and earlier choices have changed loads since it was queued.
    const uint64_t load = LoadOf(*best.worker);
    const bool current = load == best.load;
    best.load = load;
    Worker* worker = best.worker;
    std::push_heap(candidates->begin(), candidates->end());
    if (current) return worker;
  }
  return nullptr;
}

// The taken share of a worker's cpus, where each lease counts a little too, so
// that tasks which take nothing are spread as well.
uint64_t Scheduler::LoadOf(const Worker& worker) const {
  constexpr uint64_t kLeaseMilli = 10;
  const ResourceKind cpus = cpus_;
  const uint64_t total = cpus < worker.total.size() ? worker.total[cpus] : 0;
  const uint64_t used =
      cpus < worker.free.size() ? total - worker.free[cpus] : 0;
  return (used + kLeaseMilli * worker.leases.size()) * 1'000'000 /
         std::max<uint64_t>(total, 1);
}

}  // namespace w2t
