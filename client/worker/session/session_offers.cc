// What the daemon gives a worker to do, and takes back.
#include <fmt/format.h>

#include <utility>

#include "client/worker/session/session_state.h"

namespace w2t::worker {

namespace {

bool SameLength(const v1::LeaseColumns& leases) {
  const int size = leases.run_size();
  return leases.task_size() == size && leases.attempt_size() == size &&
         leases.fence_size() == size;
}

Lease At(const v1::LeaseColumns& leases, int i) {
  return {leases.run(i), leases.task(i), leases.attempt(i), leases.fence(i)};
}

Outcome Refused(std::string message) {
  return {.state = v1::TASK_STATE_FAILED,
          .exit_code = 1,
          .message = std::move(message)};
}

}  // namespace

absl::Status SessionState::OnOffers(v1::OfferBatch& batch, Todo& todo) {
  const v1::LeaseColumns& leases = batch.leases();
  const int size = leases.run_size();
  if (!SameLength(leases) || batch.action_size() != size ||
      batch.name_size() != size) {
    return absl::InvalidArgumentError("an offer has columns of two lengths");
  }
  const uint64_t most = identity_.max_leases();
  if (most > 0 && running_ + static_cast<size_t>(size) > most) {
    return absl::InvalidArgumentError(
        fmt::format("{} attempts were offered beside {} that run; max_leases "
                    "is {}",
                    size, running_, most));
  }
  for (const uint32_t id : batch.ended_actions()) actions_.erase(id);
  for (const uint64_t run : batch.ended_runs()) runs_.erase(run);
  for (v1::OfferedAction& offered : *batch.mutable_new_actions()) {
    actions_[offered.id()] = std::make_shared<const v1::Action>(
        std::move(*offered.mutable_action()));
  }
  for (v1::OfferedRun& run : *batch.mutable_new_runs()) {
    runs_[run.run()] =
        std::make_shared<const std::string>(std::move(*run.mutable_run_id()));
  }
  std::vector<Offer> offers;
  offers.reserve(static_cast<size_t>(size));
  for (int i = 0; i < size; ++i) {
    const Lease lease = At(leases, i);
    const auto [held, fresh] =
        held_.try_emplace(lease.fence, Held{.lease = lease});
    if (!fresh) continue;
    ++running_;
    const auto action = actions_.find(batch.action(i));
    const auto run = runs_.find(lease.run);
    if (action == actions_.end() || run == runs_.end()) {
      Ended(lease,
            Refused(fmt::format(
                "the daemon offered {} {} without sending it",
                action == actions_.end() ? "action" : "run",
                action == actions_.end() ? batch.action(i) : lease.run)));
      continue;
    }
    if (action->second->has_ready()) ExpectUp(held->second, true);
    offers.push_back({lease, std::move(*batch.mutable_name(i)), action->second,
                      run->second});
  }
  MarkServices(batch, offers);
  StartOrWait(std::move(offers), batch, todo);
  for (const uint64_t fence : batch.unhurried()) {
    const auto held = held_.find(fence);
    if (held != held_.end()) held->second.unhurried = true;
  }
  return absl::OkStatus();
}

void SessionState::MarkServices(const v1::OfferBatch& batch,
                                std::vector<Offer>& offers) {
  absl::flat_hash_set<uint64_t> services;
  for (const uint32_t position : batch.services()) {
    if (position >= static_cast<uint32_t>(batch.leases().fence_size()))
      continue;
    const uint64_t fence = batch.leases().fence(static_cast<int>(position));
    services.insert(fence);
    const auto held = held_.find(fence);
    if (held != held_.end()) held->second.service = true;
  }
  if (services.empty()) return;
  for (Offer& offer : offers) {
    if (services.contains(offer.lease.fence)) offer.service = true;
  }
}

absl::Status SessionState::OnCancels(const v1::CancelBatch& batch, Todo& todo) {
  if (!SameLength(batch.leases())) {
    return absl::InvalidArgumentError("a cancel has columns of two lengths");
  }
  for (int i = 0; i < batch.leases().run_size(); ++i) {
    Stop(At(batch.leases(), i), todo);
  }
  return absl::OkStatus();
}

void SessionState::Stop(const Lease& lease, Todo& todo) {
  const Held* held = Find(lease);
  if (held == nullptr || held->ended) return;
  if (TakeBack(lease.fence)) return GiveBack(lease);
  todo.stop.push_back(lease);
}

}  // namespace w2t::worker
