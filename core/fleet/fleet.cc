#include "core/fleet/fleet.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/absl_view.h"

namespace w2t {
Worker& Fleet::Add(WorkerNumber number, WorkerSpec spec) {
  Worker& worker = workers_[number];
  worker.number = number;
  for (const Resource& resource : spec.resources) {
    const ResourceKind kind = Intern(resource.name);
    if (worker.total.size() <= kind) worker.total.resize(kind + 1);
    worker.total[kind] = resource.milli;
  }
  worker.free = worker.total;
  by_name_[spec.name] = number;
  worker.spec = std::move(spec);
  ++generation_;
  return worker;
}

void Fleet::Remove(WorkerNumber number) {
  const auto it = workers_.find(number);
  assert(it != workers_.end());
  Worker& worker = it->second;
  lease_count_ -= worker.leases.size();
  if (worker.session) by_session_.erase(worker.session);
  for (const Resource& resource : worker.spec.resources) Forget(resource.name);
  const auto named = by_name_.find(worker.spec.name);
  if (named != by_name_.end() && named->second == number) by_name_.erase(named);
  workers_.erase(it);
  ++generation_;
}

Worker* Fleet::Find(WorkerNumber number) {
  const auto it = workers_.find(number);
  return it == workers_.end() ? nullptr : &it->second;
}

const Worker* Fleet::Find(WorkerNumber number) const {
  const auto it = workers_.find(number);
  return it == workers_.end() ? nullptr : &it->second;
}

const Worker* Fleet::FindByName(std::string_view name) const {
  const auto it = by_name_.find(AbslView(name));
  return it == by_name_.end() ? nullptr : Find(it->second);
}

Worker* Fleet::FindBySession(SessionId session) {
  const auto it = by_session_.find(session);
  return it == by_session_.end() ? nullptr : Find(it->second);
}

void Fleet::Attach(Worker& worker, SessionId session, int64_t now_us) {
  if (worker.session) by_session_.erase(worker.session);
  worker.session = session;
  worker.leaving = false;
  if (session) {
    by_session_[session] = worker.number;
    worker.last_seen_us = worker.last_ping_us = now_us;
  } else {
    worker.detached_us = now_us;
  }
  ++generation_;
}

uint64_t Fleet::FreeOf(const Worker& worker, std::string_view resource) const {
  const auto it = kinds_.find(AbslView(resource));
  if (it == kinds_.end() || it->second.number >= worker.free.size()) return 0;
  return worker.free[it->second.number];
}

void Fleet::Take(Worker& worker, const LeaseRef& lease,
                 const std::vector<ResourceAmount>& amounts) {
  for (const ResourceAmount& amount : amounts) {
    assert(amount.kind < worker.free.size());
    assert(worker.free[amount.kind] >= amount.milli);
    worker.free[amount.kind] -= amount.milli;
  }
  worker.leases.emplace_hint(worker.leases.end(), lease.fence, lease);
  ++lease_count_;
}

void Fleet::Release(Worker& worker, Fence fence,
                    const std::vector<ResourceAmount>& amounts) {
  for (const ResourceAmount& amount : amounts) {
    worker.free[amount.kind] += amount.milli;
  }
  worker.leases.erase(fence);
  --lease_count_;
}

ResourceKind Fleet::Intern(std::string_view resource) {
  const auto [it, added] = kinds_.try_emplace(std::string(resource));
  Kind& kind = it->second;
  if (added && unused_kinds_.empty()) {
    kind.number = static_cast<ResourceKind>(kinds_.size() - 1);
  } else if (added) {
    kind.number = unused_kinds_.back();
    unused_kinds_.pop_back();
  }
  ++kind.users;
  return kind.number;
}

void Fleet::Forget(std::string_view resource) {
  const auto it = kinds_.find(AbslView(resource));
  assert(it != kinds_.end());
  if (--it->second.users > 0) return;
  unused_kinds_.push_back(it->second.number);
  kinds_.erase(it);
}

}  // namespace w2t
