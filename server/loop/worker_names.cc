#include "server/loop/worker_names.h"

#include <utility>
#include <variant>

namespace w2t::server {

void WorkerNames::Learn(const FactBatch& batch) {
  for (const Fact& fact : batch.facts) {
    const auto* joined = std::get_if<WorkerJoined>(&fact);
    if (joined == nullptr) continue;
    Add(joined->worker, joined->spec.name);
  }
}

void WorkerNames::Add(WorkerNumber worker, std::string name) {
  names_[worker] = std::move(name);
  if (names_.size() > kMost) names_.erase(names_.begin());
}

std::string_view WorkerNames::Find(WorkerNumber worker) const {
  const auto it = names_.find(worker);
  return it == names_.end() ? std::string_view() : std::string_view(it->second);
}

}  // namespace w2t::server
