#include "server/observe/watch_feed.h"

#include <utility>

#include "fmt/format.h"
#include "proto/wire/status_codec.h"

namespace w2t::server {
namespace {

absl::Status TooSlow(std::string_view whom, std::string_view limit_name,
                     uint64_t limit, uint64_t bytes) {
  Diagnostic fault;
  fault.code = DiagnosticCode::kLimitExceeded;
  fault.message = fmt::format(
      "the watcher reads too slowly: {} bytes wait for {}, and {} is {}; "
      "resume with after_seq",
      bytes, whom, limit_name, limit);
  fault.limit_name = limit_name;
  fault.limit = limit;
  fault.value = bytes;
  return wire::ToStatus(fault, absl::StatusCode::kResourceExhausted);
}

}  // namespace

SharedBytes Share(std::string bytes, const Budget* budget) {
  struct Charged {
    std::string bytes;
    Budget::Charge charge;
  };
  auto charged = std::make_shared<Charged>();
  charged->charge = Budget::Charge(budget, bytes.size());
  charged->bytes = std::move(bytes);
  return SharedBytes(charged, &charged->bytes);
}

WatchFeed::WatchFeed(uint64_t max_bytes, absl::AnyInvocable<void()> wake,
                     const Budget* budget)
    : max_bytes_(max_bytes), budget_(budget), wake_(std::move(wake)) {}

size_t WatchFeed::SizeOf(const Entry& entry) {
  if (const auto* bytes = std::get_if<SharedBytes>(&entry)) {
    return (*bytes)->size();
  }
  return std::get<Snapshot>(entry).tasks.bytes();
}

void WatchFeed::PutSnapshot(v1::Run run, uint64_t seq,
                            wire::TaskColumns tasks) {
  Snapshot snapshot{std::move(run), seq, std::move(tasks), {}};
  const size_t bytes = snapshot.tasks.bytes();
  snapshot.charge = Budget::Charge(budget_, bytes);
  Entry entry(std::move(snapshot));
  Add(std::move(entry), bytes);
}

void WatchFeed::Put(SharedBytes message) {
  const size_t bytes = message->size();
  Add(std::move(message), bytes);
}

void WatchFeed::Add(Entry entry, size_t bytes) {
  {
    absl::MutexLock lock(&mutex_);
    if (end_.has_value() || abandoned_) return;
    bytes_ += bytes;
    // A snapshot is the feed's own; other messages are shared, and held only
    // by those that have not kept up.
    const bool holds =
        !entries_.empty() || std::holds_alternative<Snapshot>(entry);
    if (bytes_ > max_bytes_ && !entries_.empty()) {
      entries_.resize(1);
      end_ = TooSlow("it", "max_outbox_bytes", max_bytes_, bytes_);
    } else if (holds && budget_ != nullptr && budget_->spent()) {
      EndLocked(TooSlow("all readers", "max_waiting_bytes",
                        budget_->max_bytes(), budget_->used()));
    } else {
      entries_.push_back(std::move(entry));
    }
  }
  wake_();
}

void WatchFeed::EndLocked(absl::Status status) {
  if (!status.ok()) entries_.clear();
  end_ = std::move(status);
}

void WatchFeed::End(absl::Status status) {
  {
    absl::MutexLock lock(&mutex_);
    if (end_.has_value() || abandoned_) return;
    EndLocked(std::move(status));
  }
  wake_();
}

SharedBytes WatchFeed::EncodePart(Snapshot* snapshot) const {
  v1::WatchRunResponse response;
  v1::RunSnapshot* part = response.mutable_snapshot();
  if (snapshot->next == 0) *part->mutable_run() = std::move(snapshot->run);
  part->set_seq(snapshot->seq);
  wire::FillSnapshot(snapshot->tasks, snapshot->next, kPartTasks, part);
  snapshot->next += kPartTasks;
  part->set_last(snapshot->next >= snapshot->tasks.size());
  return Share(response.SerializeAsString(), budget_);
}

std::optional<WatchFeed::Item> WatchFeed::Take() {
  absl::MutexLock lock(&mutex_);
  if (abandoned_ || ended_) return std::nullopt;
  if (entries_.empty()) {
    if (!end_.has_value()) return std::nullopt;
    ended_ = true;
    return Item{nullptr, *end_, false};
  }
  Item item;
  Entry& front = entries_.front();
  bool through = true;
  if (auto* bytes = std::get_if<SharedBytes>(&front)) {
    item.message = *bytes;
  } else {
    auto& snapshot = std::get<Snapshot>(front);
    item.message = EncodePart(&snapshot);
    through = snapshot.next >= snapshot.tasks.size();
  }
  if (through) {
    bytes_ -= SizeOf(front);
    entries_.pop_front();
  }
  item.more = !entries_.empty();
  return item;
}

void WatchFeed::Abandon() {
  absl::MutexLock lock(&mutex_);
  abandoned_ = true;
  entries_.clear();
}

bool WatchFeed::over() const {
  absl::MutexLock lock(&mutex_);
  return end_.has_value() || abandoned_;
}

}  // namespace w2t::server
