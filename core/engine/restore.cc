// Taking a State apart and putting it together.
#include <algorithm>
#include <utility>

#include "core/base/state_hash.h"
#include "core/engine/state.h"
#include "fmt/format.h"

namespace w2t {
namespace {

template <typename... Args>
absl::Status Unfit(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InternalError("snapshot does not fit the state: " +
                             fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

EngineData State::Data() const {
  EngineData data;
  data.epoch = epoch_;
  data.max_lost_attempts = limits_.max_lost_attempts;
  data.forgives_losses = limits_.forgives_losses;
  data.next_run = next_run_;
  data.next_worker = next_worker_;
  data.next_fence = next_fence_;
  for (const auto& [number, worker] : fleet_.workers()) {
    data.workers.push_back({number, worker.spec, worker.draining});
  }
  for (const auto& [number, summary] : archived_) data.ended.push_back(number);
  for (const auto& [number, run] : runs_) {
    (IsEnded(run->state()) ? data.ended : data.runs).push_back(number);
  }
  std::sort(data.ended.begin(), data.ended.end());
  return data;
}

absl::Status State::Restore(const EngineData& data) {
  epoch_ = data.epoch;
  limits_.max_lost_attempts = data.max_lost_attempts;
  limits_.forgives_losses = data.forgives_losses;
  next_run_ = data.next_run;
  next_worker_ = data.next_worker;
  next_fence_ = data.next_fence;
  for (const WorkerData& worker : data.workers) {
    if (fleet_.Find(worker.number) != nullptr ||
        fleet_.FindByName(worker.spec.name) != nullptr) {
      return Unfit("worker {} again", worker.number.value);
    }
    fleet_.Add(worker.number, worker.spec).draining = worker.draining;
  }
  return absl::OkStatus();
}

absl::Status State::Restore(Run::Spec spec, RunData data) {
  absl::StatusOr<std::unique_ptr<Run>> restored =
      Run::Restore(std::move(spec), std::move(data), limits_);
  if (!restored.ok()) return restored.status();
  const RunNumber number = (*restored)->spec().number;
  if (IsEnded((*restored)->state())) {
    return Unfit("run {} has ended", number.value);
  }
  if (absl::Status status = AddName(number, (*restored)->spec().run_id,
                                    (*restored)->spec().request_id);
      !status.ok()) {
    return status;
  }
  Run& run = *(runs_[number] = *std::move(restored));
  live_tasks_ += run.blueprint().size();
  AddShapes(run);
  for (TaskIndex task = 0; task < run.blueprint().size(); ++task) {
    const TaskRecord& record = run.task(task);
    if (!IsHeld(record.state)) continue;
    Worker* worker = fleet_.Find(record.worker);
    if (worker == nullptr || !Shapes::Fits(ShapeOf(run, task), *worker)) {
      return Unfit("worker {} cannot hold task {} of run {}",
                   record.worker.value, task, number.value);
    }
    fleet_.Take(*worker, {number, task, record.attempt, record.fence},
                ShapeOf(run, task).amounts);
  }
  return absl::OkStatus();
}

absl::Status State::Restore(RunSummary summary) {
  if (!IsEnded(summary.state) ||
      Name(summary.state) == Name(RunState::kUnspecified)) {
    return Unfit("run {} has not ended", summary.number.value);
  }
  if (absl::Status status =
          AddName(summary.number, summary.run_id, summary.request_id);
      !status.ok()) {
    return status;
  }
  const RunNumber number = summary.number;
  archived_.emplace(number, std::move(summary));
  return absl::OkStatus();
}

absl::Status State::AddName(RunNumber number, const std::string& run_id,
                            const std::string& request_id) {
  if (number >= next_run_ || runs_.contains(number) ||
      archived_.contains(number) || !by_id_.emplace(run_id, number).second) {
    return Unfit("run {} again", number.value);
  }
  if (!request_id.empty()) by_request_[request_id] = number;
  return absl::OkStatus();
}

void State::Archive() {
  for (auto it = runs_.begin(); it != runs_.end();) {
    const Run& run = *it->second;
    if (!IsEnded(run.state())) {
      ++it;
      continue;
    }
    archived_.emplace(it->first, SummaryOf(run));
    it = runs_.erase(it);
  }
  last_run_ = nullptr;
}

RunSummary State::SummaryOf(const Run& run) {
  RunSummary summary = run.Summary();
  summary.content = run.data().content;
  if (summary.content == 0) {
    summary.content = ContentHash(run.spec().definition->encoded());
  }
  summary.hash = run.Hash();
  return summary;
}

uint64_t State::Hash() const {
  StateHash hash;
  hash.Add(epoch_);
  hash.Add(limits_.max_lost_attempts);
  hash.Add(limits_.forgives_losses);
  hash.Add(next_run_.value);
  hash.Add(next_worker_.value);
  hash.Add(next_fence_.value);
  hash.Add(live_tasks_);
  // In the order of their numbers, wherever they are.
  auto archived = archived_.begin();
  for (const auto& [number, run] : runs_) {
    for (; archived != archived_.end() && archived->first < number;
         ++archived) {
      hash.Add(archived->second.hash);
    }
    hash.Add(run->Hash());
  }
  for (; archived != archived_.end(); ++archived) {
    hash.Add(archived->second.hash);
  }
  for (const auto& [number, worker] : fleet_.workers()) {
    hash.Add(number.value);
    hash.Add(worker.spec.name);
    hash.Add(worker.spec.instance);
    hash.Add(worker.spec.stream);
    hash.Add(worker.draining);
    for (const Resource& resource : worker.spec.resources) {
      hash.Add(fleet_.FreeOf(worker, resource.name));
    }
    for (const auto& [fence, lease] : worker.leases) {
      hash.Add(fence.value);
      hash.Add(lease.run.value);
      hash.Add(lease.task);
    }
  }
  return hash.value();
}

}  // namespace w2t
