#include "client/worker/session/session_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/worker/session/text.h"

namespace w2t::worker {

namespace {

// Of one message.
constexpr int kMaxProbes = 256;
constexpr size_t kMaxProbeBytes = 512;  // of the words of one

}  // namespace

SessionState::SessionState(v1::Hello identity)
    : identity_(std::move(identity)), stream_(identity_.stream()) {}

void SessionState::StreamOpened() {
  ++stream_;
  hello_due_ = true;
  welcomed_ = false;
  leave_sent_ = false;
  output_went_.reset();
  hello_held_.clear();
  missed_probes_.clear();
  pong_.reset();
  actions_.clear();
  runs_.clear();
  reports_.Rewind();
  logs_.Rewind();
}

absl::Status SessionState::OnMessage(v1::SessionResponse& message, Todo& todo) {
  if (message.has_welcome()) {
    const absl::Status status = OnWelcome(message.welcome(), todo);
    if (!status.ok()) return status;
  }
  if (!welcomed_) {
    return absl::FailedPreconditionError(
        "the daemon's first message was not a welcome");
  }
  if (message.has_offers()) {
    const absl::Status status = OnOffers(*message.mutable_offers(), todo);
    if (!status.ok()) return status;
  }
  if (message.has_cancels()) {
    const absl::Status status = OnCancels(message.cancels(), todo);
    if (!status.ok()) return status;
  }
  if (message.has_ack()) {
    OnAck(message.ack(), todo);
    todo.acknowledged = true;
  }
  if (message.has_ping()) pong_ = message.ping().nonce();
  if (message.has_drain()) {
    todo.drained = message.drain().reason();
    GiveBackAll();
  }
  return absl::OkStatus();
}

absl::Status SessionState::OnWelcome(const v1::Welcome& welcome, Todo& todo) {
  if (welcomed_ || hello_due_) {
    return absl::FailedPreconditionError("a welcome that answers no hello");
  }
  if (static_cast<size_t>(welcome.verdicts_size()) != hello_held_.size()) {
    return absl::InvalidArgumentError(
        fmt::format("the welcome has {} verdicts on {} held attempts",
                    welcome.verdicts_size(), hello_held_.size()));
  }
  welcomed_ = true;
  identity_.clear_restarted();
  todo.welcomed = true;
  const absl::Duration ping = FromProto(welcome.ping_interval());
  if (ping > absl::ZeroDuration()) ping_interval_ = ping;
  const absl::Duration window = FromProto(welcome.reattach_window());
  if (window > absl::ZeroDuration()) reattach_window_ = window;
  takes_probes_ = welcome.takes_probes();
  logs_.SetWindow(welcome.max_log_batches() > 0 ? welcome.max_log_batches()
                                                : LogQueue::kDefaultWindow);
  absl::flat_hash_set<uint64_t> forgotten;
  for (size_t i = 0; i < hello_held_.size(); ++i) {
    const uint64_t fence = hello_held_[i].fence;
    switch (welcome.verdicts(static_cast<int>(i))) {
      case v1::HELD_VERDICT_RECORDED:
        ++todo.recorded;
        forgotten.insert(fence);
        break;
      case v1::HELD_VERDICT_DISCARD:
        ++todo.refused;
        forgotten.insert(fence);
        break;
      case v1::HELD_VERDICT_CANCEL:
        Stop(hello_held_[i], todo);
        break;
      default:
        break;
    }
  }
  hello_held_.clear();
  Forget(forgotten, todo);
  return absl::OkStatus();
}

// Nobody waits for these any more, nor for what is to be said of them.
void SessionState::Forget(const absl::flat_hash_set<uint64_t>& fences,
                          Todo& todo) {
  if (fences.empty()) return;
  reports_.Forget(fences);
  absl::erase_if(held_, [&](const auto& entry) {
    if (!fences.contains(entry.first)) return false;
    TakeBack(entry.first);
    if (entry.second.expects_up) --expected_up_;
    if (entry.second.service) todo.forgotten.push_back(entry.first);
    if (!entry.second.ended) {
      todo.discard.push_back(entry.second.lease);
      --running_;
    }
    return true;
  });
}

void SessionState::OnAck(const v1::DurableAck& ack, Todo& todo) {
  logs_.Ack(ack.logs_through_seq(), [&](const v1::LogBatch& batch) {
    for (const v1::TaskLogChunk& chunk : batch.chunks()) {
      const auto it = held_.find(chunk.fence());
      if (it == held_.end() || !it->second.service) continue;
      todo.output_taken.push_back(
          {chunk.fence(), chunk.offset() + chunk.chunk().data().size()});
    }
  });
  reports_.Ack(ack.through_seq(), [&](uint64_t fence) {
    const auto it = held_.find(fence);
    if (it == held_.end() || !it->second.ended) return;
    if (it->second.service) todo.forgotten.push_back(fence);
    held_.erase(it);
  });
  const absl::flat_hash_set<uint64_t> refused(ack.refused().begin(),
                                              ack.refused().end());
  todo.refused += refused.size();
  Forget(refused, todo);
}

SessionState::Held* SessionState::Find(const Lease& lease) {
  const auto it = held_.find(lease.fence);
  return it == held_.end() ? nullptr : &it->second;
}

std::shared_ptr<const v1::SessionRequest> SessionState::NextProbes() {
  if (!probes_released_ || missed_probes_.empty()) return nullptr;
  auto message = std::make_shared<v1::SessionRequest>();
  v1::ProbeBatch& batch = *message->mutable_probes();
  for (auto it = missed_probes_.begin();
       it != missed_probes_.end() && batch.news_size() < kMaxProbes;) {
    v1::ProbeNews& news = *batch.add_news();
    news.set_fence(it->first);
    news.set_count(it->second.count);
    news.set_message(Shorten(std::move(it->second.message), kMaxProbeBytes));
    const int64_t took_us = absl::ToInt64Microseconds(it->second.took);
    news.mutable_took()->set_seconds(took_us / 1'000'000);
    news.mutable_took()->set_nanos(
        static_cast<int32_t>(took_us % 1'000'000 * 1'000));
    missed_probes_.erase(it++);
  }
  probes_released_ = !missed_probes_.empty();
  return message;
}

void SessionState::Leave(std::string reason) {
  if (!leave_) leave_ = std::move(reason);
  GiveBackAll();
}

void SessionState::Abandon() {
  held_.clear();
  running_ = expected_up_ = 0;
  waiting_.clear();
  awaited_.clear();
  startable_.clear();
  on_the_way_.clear();
  after_output_.clear();
  missed_probes_.clear();
  reports_ = ReportQueue();
}

std::shared_ptr<const v1::SessionRequest> SessionState::Hello() {
  auto message = std::make_shared<v1::SessionRequest>();
  v1::Hello& hello = *message->mutable_hello();
  hello = identity_;
  hello.set_stream(stream_);
  hello_held_.clear();
  hello_held_.reserve(held_.size());
  for (const auto& [fence, held] : held_) hello_held_.push_back(held.lease);
  std::sort(hello_held_.begin(), hello_held_.end(),
            [](const Lease& a, const Lease& b) { return a.fence < b.fence; });
  v1::LeaseColumns& columns = *hello.mutable_held();
  for (const Lease& lease : hello_held_) {
    columns.add_run(lease.run);
    columns.add_task(lease.task);
    columns.add_attempt(lease.attempt);
    columns.add_fence(lease.fence);
  }
  return message;
}

std::shared_ptr<const v1::SessionRequest> SessionState::NextMessage(
    bool* more) {
  *more = false;
  if (hello_due_) {
    hello_due_ = false;
    return Hello();
  }
  if (!welcomed_) return nullptr;
  std::shared_ptr<const v1::SessionRequest> next;
  if (pong_) {
    auto message = std::make_shared<v1::SessionRequest>();
    message->mutable_pong()->set_nonce(*pong_);
    pong_.reset();
    next = std::move(message);
  } else if (leave_ && !leave_sent_) {
    auto message = std::make_shared<v1::SessionRequest>();
    message->mutable_leave()->set_reason(*leave_);
    leave_sent_ = true;
    next = std::move(message);
  } else {
    next = NextBatch();
    if (next == nullptr) next = NextProbes();
  }
  *more = next != nullptr && HasCertainNext();
  return next;
}

std::shared_ptr<const v1::SessionRequest> SessionState::NextBatch() {
  // An outcome follows its output on each stream, so that whoever sees the end
  // has seen the output.
  if (!logs_.resending() && !TakeOutput()) return NextReports();
  std::shared_ptr<const v1::SessionRequest> batch = logs_.Next();
  if (logs_.waiting_bytes() == 0) output_released_ = false;
  ReleaseAfterOutput();
  return batch;
}

// Whether output is next. What is reported goes before output that merely
// waits, and after output that holds up an outcome, since that outcome then
// goes with it. While both go on they take turns.
bool SessionState::TakeOutput() {
  const bool output = output_due();
  if (!output || !reports_due()) {
    output_went_.reset();
    return output;
  }
  output_went_ = output_went_ ? !*output_went_ : !after_output_.empty();
  return *output_went_;
}

std::shared_ptr<const v1::SessionRequest> SessionState::NextReports() {
  std::shared_ptr<const v1::SessionRequest> batch;
  if (reports_due()) batch = reports_.Next();
  if (!reports_.HasNext()) reports_released_ = false;
  return batch;
}

bool SessionState::reports_due() const {
  return reports_.HasNext() && (reports_released_ || reports_.resending());
}

bool SessionState::output_due() const {
  if (!logs_.HasNext()) return false;
  return output_released_ || !after_output_.empty() ||
         logs_.waiting_bytes() >= LogQueue::kBatchBytes;
}

bool SessionState::HasCertainNext() const {
  return pong_ || (logs_.HasNext() && (logs_.resending() || output_due())) ||
         (!logs_.resending() && reports_.HasCertainNext());
}

}  // namespace w2t::worker
