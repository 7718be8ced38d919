#include "client/worker/session/report_queue.h"

#include <algorithm>
#include <utility>

#include "client/worker/session/text.h"
#include "w2t/limits.h"

namespace w2t::worker {

namespace {

constexpr size_t kMaxSpare = 8;

// Takes the reports at `withdrawn` (sorted) out of `batch`.
void Compact(const std::vector<uint32_t>& withdrawn, v1::ReportBatch& batch) {
  v1::LeaseColumns& leases = *batch.mutable_leases();
  const int size = batch.state_size();
  size_t next = 0;
  int to = 0;
  std::vector<uint32_t> moved(size);
  for (int from = 0; from < size; ++from) {
    moved[from] = static_cast<uint32_t>(to);
    if (next < withdrawn.size() &&
        withdrawn[next] == static_cast<uint32_t>(from)) {
      ++next;
      continue;
    }
    leases.set_run(to, leases.run(from));
    leases.set_task(to, leases.task(from));
    leases.set_attempt(to, leases.attempt(from));
    leases.set_fence(to, leases.fence(from));
    batch.set_state(to, batch.state(from));
    batch.set_exit_code(to, batch.exit_code(from));
    ++to;
  }
  leases.mutable_run()->Truncate(to);
  leases.mutable_task()->Truncate(to);
  leases.mutable_attempt()->Truncate(to);
  leases.mutable_fence()->Truncate(to);
  batch.mutable_state()->Truncate(to);
  batch.mutable_exit_code()->Truncate(to);
  auto& details = *batch.mutable_details();
  const auto kept = std::remove_if(
      details.begin(), details.end(), [&](const v1::ReportDetail& detail) {
        return std::binary_search(withdrawn.begin(), withdrawn.end(),
                                  detail.position());
      });
  details.erase(kept, details.end());
  for (v1::ReportDetail& detail : details) {
    detail.set_position(moved[detail.position()]);
  }
}

void AddRow(const Lease& lease, v1::TaskState state, int32_t exit_code,
            v1::ReportBatch& batch) {
  v1::LeaseColumns& leases = *batch.mutable_leases();
  leases.add_run(lease.run);
  leases.add_task(lease.task);
  leases.add_attempt(lease.attempt);
  leases.add_fence(lease.fence);
  batch.add_state(state);
  batch.add_exit_code(exit_code);
}

bool HasDetail(const Outcome& outcome) {
  return !outcome.message.empty() || outcome.signal != 0 ||
         outcome.cpu_us != 0 || outcome.max_rss_bytes != 0 ||
         !outcome.output.empty();
}

}  // namespace

ReportQueue::Place ReportQueue::Add(const Lease& lease, v1::TaskState state) {
  v1::ReportBatch& batch = *Back().message->mutable_reports();
  const auto position = static_cast<uint32_t>(batch.state_size());
  AddRow(lease, state, 0, batch);
  return {first_open_ + open_.size() - 1, position};
}

void ReportQueue::AddOutcome(const Lease& lease, Outcome outcome) {
  Open& open = Back();
  v1::ReportBatch& batch = *open.message->mutable_reports();
  const int position = batch.state_size();
  AddRow(lease, outcome.state, outcome.exit_code, batch);
  ++open.outcomes;
  if (!HasDetail(outcome)) return;
  v1::ReportDetail& detail = *batch.add_details();
  detail.set_position(static_cast<uint32_t>(position));
  detail.set_message(
      Shorten(std::move(outcome.message), Limits().max_message_bytes));
  detail.set_signal(outcome.signal);
  detail.set_cpu_us(outcome.cpu_us);
  detail.set_max_rss_bytes(outcome.max_rss_bytes);
  detail.set_output(std::move(outcome.output));
  open.detail_bytes += detail.message().size() + detail.output().size() + 32;
}

bool ReportQueue::Withdraw(Place place) {
  if (place.batch < first_open_) return false;
  open_[place.batch - first_open_].withdrawn.push_back(place.position);
  return true;
}

void ReportQueue::Forget(const absl::flat_hash_set<uint64_t>& fences) {
  const auto positions = [&fences](const v1::ReportBatch& batch) {
    std::vector<uint32_t> found;
    for (int i = 0; i < batch.state_size(); ++i) {
      if (fences.contains(batch.leases().fence(i))) {
        found.push_back(static_cast<uint32_t>(i));
      }
    }
    return found;
  };
  for (Message& message : sealed_) {
    const std::vector<uint32_t> found = positions(message->reports());
    if (found.empty()) continue;
    // The stream may still be writing the old one.
    message = std::make_shared<v1::SessionRequest>(*message);
    Compact(found, *message->mutable_reports());
  }
  for (Open& open : open_) {
    const v1::ReportBatch& batch = open.message->reports();
    std::vector<uint32_t>& withdrawn = open.withdrawn;
    std::sort(withdrawn.begin(), withdrawn.end());
    const auto known = static_cast<std::ptrdiff_t>(withdrawn.size());
    for (const uint32_t position : positions(batch)) {
      // One fence may be forgotten twice.
      if (std::binary_search(withdrawn.begin(), withdrawn.begin() + known,
                             position)) {
        continue;
      }
      withdrawn.push_back(position);
      if (batch.state(static_cast<int>(position)) >= v1::TASK_STATE_SUCCEEDED) {
        --open.outcomes;
      }
    }
  }
}

std::shared_ptr<const v1::SessionRequest> ReportQueue::Next() {
  if (sent_ < sealed_.size()) return sealed_[sent_++];
  while (!open_.empty()) {
    Open open = std::move(open_.front());
    open_.pop_front();
    ++first_open_;
    v1::ReportBatch& batch = *open.message->mutable_reports();
    if (!open.withdrawn.empty()) {
      std::sort(open.withdrawn.begin(), open.withdrawn.end());
      Compact(open.withdrawn, batch);
    }
    if (batch.state_size() == 0) {
      Recycle(std::move(open.message));
      continue;
    }
    batch.set_seq(++last_seq_);
    sealed_.push_back(std::move(open.message));
    ++sent_;
    return sealed_.back();
  }
  return nullptr;
}

bool ReportQueue::HasNext() const {
  if (sent_ < sealed_.size()) return true;
  return std::any_of(open_.begin(), open_.end(), [](const Open& open) {
    return open.withdrawn.size() <
           static_cast<size_t>(open.message->reports().state_size());
  });
}

bool ReportQueue::HasCertainNext() const {
  if (sent_ < sealed_.size()) return true;
  return std::any_of(open_.begin(), open_.end(),
                     [](const Open& open) { return open.outcomes > 0; });
}

void ReportQueue::Ack(uint64_t through_seq,
                      absl::FunctionRef<void(uint64_t fence)> ended) {
  while (!sealed_.empty() && sealed_.front()->reports().seq() <= through_seq) {
    const v1::ReportBatch& batch = sealed_.front()->reports();
    for (int i = 0; i < batch.state_size(); ++i) {
      if (batch.state(i) >= v1::TASK_STATE_SUCCEEDED) {
        ended(batch.leases().fence(i));
      }
    }
    Recycle(std::move(sealed_.front()));
    sealed_.pop_front();
    if (sent_ > 0) --sent_;
  }
}

ReportQueue::Open& ReportQueue::Back() {
  if (open_.empty() ||
      static_cast<size_t>(open_.back().message->reports().state_size()) >=
          kMaxReports ||
      open_.back().detail_bytes >= kMaxDetailBytes) {
    open_.push_back(Open{.message = NewMessage()});
  }
  return open_.back();
}

ReportQueue::Message ReportQueue::NewMessage() {
  if (spare_.empty()) return std::make_shared<v1::SessionRequest>();
  Message message = std::move(spare_.back());
  spare_.pop_back();
  return message;
}

void ReportQueue::Recycle(Message message) {
  // A stream that still writes it holds it too.
  if (message.use_count() > 1 || spare_.size() >= kMaxSpare) return;
  message->mutable_reports()->Clear();
  spare_.push_back(std::move(message));
}

}  // namespace w2t::worker
