#include "client/worker/state/kept_service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

namespace w2t::worker {

absl::StatusOr<std::unique_ptr<KeptService>> KeptService::Create(
    const Place* place, const Offer& offer) {
  kept::v1::KeptAttempt kept;
  kept.set_run(offer.lease.run);
  kept.set_task(offer.lease.task);
  kept.set_attempt(offer.lease.attempt);
  kept.set_run_id(*offer.run_id);
  kept.set_name(offer.name);
  *kept.mutable_action() = *offer.action;
  auto service = std::make_unique<KeptService>(place, offer.lease.fence);
  if (absl::Status status = service->Add(std::move(kept)); !status.ok()) {
    return status;
  }
  return service;
}

KeptService::KeptService(const Place* place, uint64_t fence,
                         UniqueFd stdout_end, UniqueFd stderr_end)
    : place_(place),
      fence_(fence),
      stdout_end_(std::move(stdout_end)),
      stderr_end_(std::move(stderr_end)) {}

const kept::v1::KeptAttempt& KeptService::kept() const {
  return place_->records->at(fence_);
}

Offer KeptService::offer() const {
  const kept::v1::KeptAttempt& kept = this->kept();
  return {.lease = {kept.run(), kept.task(), kept.attempt(), kept.fence()},
          .name = kept.name(),
          .action = std::make_shared<const v1::Action>(kept.action()),
          .run_id = std::make_shared<const std::string>(kept.run_id()),
          .service = true};
}

absl::Status KeptService::Add(kept::v1::KeptAttempt news) {
  news.set_fence(fence_);
  return place_->records->Add(news);
}

std::string KeptService::notify_path() const {
  return fmt::format("{}/notify-{}", place_->folder, fence_);
}

void KeptService::Remove() {
  // That of a process that was killed.
  unlink(notify_path().c_str());
  place_->records->Forget(fence_);
  place_->spool->Forget(fence_);
}

}  // namespace w2t::worker
