#include "w2t/graph.h"

#include <utility>

namespace w2t {

TaskIndex Graph::Add(TaskSpec task) {
  tasks_.push_back(std::move(task));
  return static_cast<TaskIndex>(tasks_.size() - 1);
}

uint32_t Graph::AddDemand(const Demand& demand) {
  auto [it, added] = demand_numbers_.try_emplace(
      demand, static_cast<uint32_t>(demands_.size()));
  if (added) demands_.push_back(demand);
  return it->second;
}

uint32_t Graph::AddRetry(const RetryPolicy& retry) {
  auto [it, added] =
      retry_numbers_.try_emplace(retry, static_cast<uint32_t>(retries_.size()));
  if (added) retries_.push_back(retry);
  return it->second;
}

}  // namespace w2t
