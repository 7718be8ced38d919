// What the daemon gives a worker before it may be started.
#include <algorithm>
#include <utility>

#include "client/worker/session/session_state.h"

namespace w2t::worker {

void SessionState::StartOrWait(std::vector<Offer> offers,
                               const v1::OfferBatch& batch, Todo& todo) {
  absl::flat_hash_map<uint64_t, std::vector<v1::OfferCondition>> conditions;
  for (const v1::OfferCondition& condition : batch.conditions()) {
    const auto position = static_cast<int>(condition.position());
    if (position < 0 || position >= batch.leases().fence_size()) continue;
    conditions[batch.leases().fence(position)].push_back(condition);
  }
  for (Offer& offer : offers) {
    const Lease lease = offer.lease;
    Waiting waiting{std::move(offer), {}};
    const auto its = conditions.find(lease.fence);
    if (its != conditions.end()) waiting.conditions = std::move(its->second);
    for (const v1::OfferCondition& condition : waiting.conditions) {
      // That the awaited one runs is told before this one starts.
      const auto awaited = held_.find(condition.fence());
      if (awaited != held_.end()) awaited->second.running_report = {};
    }
    std::erase_if(waiting.conditions, [this](const auto& condition) {
      return HoldsForGood(condition);
    });
    if (MayStart(waiting)) {
      todo.start.push_back(std::move(waiting.offer));
      continue;
    }
    for (const v1::OfferCondition& condition : waiting.conditions) {
      std::vector<uint64_t>& waiters = awaited_[condition.fence()];
      if (waiters.empty() || waiters.back() != lease.fence) {
        waiters.push_back(lease.fence);
      }
    }
    waiting_.emplace(lease.fence, std::move(waiting));
    if (leaving()) GiveBack(lease);
  }
}

// The same as the daemon makes of what was reported so far: else what it takes
// for startable would wait here for ever.
bool SessionState::Holds(const v1::OfferCondition& condition) const {
  const auto it = held_.find(condition.fence());
  if (it == held_.end()) return false;
  const Held& held = it->second;
  if (held.service && held.ended) return false;
  switch (condition.state()) {
    case v1::TASK_STATE_RUNNING:
      return held.started || held.up;
    case v1::TASK_STATE_UP:
      return held.up;
    case v1::TASK_STATE_SUCCEEDED:
      return held.succeeded;
    default:
      return false;
  }
}

// What a task has come to stays true, also when its lease is forgotten.
bool SessionState::HoldsForGood(const v1::OfferCondition& condition) const {
  return Holds(condition) && !held_.at(condition.fence()).service;
}

bool SessionState::MayStart(const Waiting& waiting) const {
  return std::all_of(
      waiting.conditions.begin(), waiting.conditions.end(),
      [this](const v1::OfferCondition& each) { return Holds(each); });
}

void SessionState::Reached(uint64_t fence) {
  const auto awaited = awaited_.find(fence);
  if (awaited == awaited_.end()) return;
  const std::vector<uint64_t> waiters = awaited->second;
  for (const uint64_t waiter : waiters) {
    Waiting& waiting = waiting_.at(waiter);
    if (MayStart(waiting)) {
      startable_.push_back(std::move(waiting.offer));
      StopWaiting(waiter);
      continue;
    }
    std::erase_if(waiting.conditions, [&](const auto& condition) {
      return condition.fence() == fence && HoldsForGood(condition);
    });
    if (std::none_of(waiting.conditions.begin(), waiting.conditions.end(),
                     [fence](const v1::OfferCondition& condition) {
                       return condition.fence() == fence;
                     })) {
      Unawait(fence, waiter);
    }
  }
}

// `waiter` waits for `fence` no longer.
void SessionState::Unawait(uint64_t fence, uint64_t waiter) {
  const auto awaited = awaited_.find(fence);
  if (awaited == awaited_.end()) return;
  std::erase(awaited->second, waiter);
  if (awaited->second.empty()) awaited_.erase(awaited);
}

void SessionState::StopWaiting(uint64_t fence) {
  const auto it = waiting_.find(fence);
  if (it == waiting_.end()) return;
  for (const v1::OfferCondition& condition : it->second.conditions) {
    Unawait(condition.fence(), fence);
  }
  waiting_.erase(it);
}

void SessionState::GiveBack(const Lease& lease) {
  Ended(lease, {.state = v1::TASK_STATE_CANCELLED,
                .message = "cancelled before it might start"});
}

void SessionState::GiveBackAll() {
  while (!waiting_.empty()) {
    const Lease lease = waiting_.begin()->second.offer.lease;
    GiveBack(lease);
  }
}

std::vector<Offer> SessionState::TakeStartable() {
  for (const Offer& offer : startable_) on_the_way_[offer.lease.fence] = false;
  return std::exchange(startable_, {});
}

std::vector<Lease> SessionState::HandedOver(const std::vector<Lease>& leases) {
  std::vector<Lease> stop;
  for (const Lease& lease : leases) {
    const auto it = on_the_way_.find(lease.fence);
    if (it == on_the_way_.end()) continue;
    if (it->second) stop.push_back(lease);
    on_the_way_.erase(it);
  }
  return stop;
}

// Takes it back before it is started. False when it was started, or is on the
// way to that: then it is to be stopped.
bool SessionState::TakeBack(uint64_t fence) {
  const bool waited = waiting_.contains(fence);
  StopWaiting(fence);
  const auto startable = std::erase_if(startable_, [fence](const Offer& offer) {
    return offer.lease.fence == fence;
  });
  const auto it = on_the_way_.find(fence);
  if (it != on_the_way_.end()) it->second = true;
  return waited || startable > 0;
}

}  // namespace w2t::worker
