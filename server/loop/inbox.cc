#include "server/loop/inbox.h"

#include <algorithm>
#include <iterator>

#include "fmt/format.h"
#include "proto/wire/status_codec.h"
#include "server/loop/weight.h"

namespace w2t::server {
namespace {

// The inbox is emptied with each batch; a large one takes about this long.
constexpr absl::Duration kRetryAfter = absl::Milliseconds(100);

absl::Status Busy(std::string_view what, std::string_view limit_name,
                  uint64_t limit, uint64_t value) {
  Diagnostic fault;
  fault.code = DiagnosticCode::kLimitExceeded;
  fault.message = fmt::format(
      "the daemon is busy: {} {} would wait, and {} is {}; try again", value,
      what, limit_name, limit);
  fault.limit_name = limit_name;
  fault.limit = limit;
  fault.value = value;
  return wire::WithRetryAfter(
      wire::ToStatus(fault, absl::StatusCode::kResourceExhausted), kRetryAfter);
}

}  // namespace

absl::Status StoppingStatus() {
  return absl::UnavailableError("the daemon is stopping");
}

void Inbox::Batch::Clear() {
  early.clear();
  events.clear();
  replies.clear();
  queries.clear();
}

void Inbox::Batch::Add(Batch later) {
  for (auto& [position, reply] : later.replies) {
    replies.emplace_back(events.size() + position, std::move(reply));
  }
  std::ranges::move(later.early, std::back_inserter(early));
  std::ranges::move(later.events, std::back_inserter(events));
  std::ranges::move(later.queries, std::back_inserter(queries));
}

void Inbox::Batch::RefuseCalls(const absl::Status& why) {
  for (auto& [position, reply] : replies) reply({why}, nullptr);
  replies.clear();
  for (Query& query : queries) query(nullptr);
  queries.clear();
}

absl::Status Inbox::Admit(size_t bytes) {
  if (closed_) return StoppingStatus();
  if (refusing_) return refusal_;
  if (calls_ >= max_inbox_) {
    return Busy("calls", "max_inbox", max_inbox_, calls_ + 1);
  }
  if (calls_ > 0 && call_bytes_ + bytes > max_inbox_bytes_) {
    return Busy("bytes of calls", "max_inbox_bytes", max_inbox_bytes_,
                call_bytes_ + bytes);
  }
  ++calls_;
  call_bytes_ += bytes;
  return absl::OkStatus();
}

void Inbox::Wake() {
  if (!sleeping_) return;
  sleeping_ = false;
  came_.Signal();
}

absl::Status Inbox::TryCall(Event event, Reply reply) {
  const size_t bytes = WeightOf(event);
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Admit(bytes); !status.ok()) return status;
  waiting_.replies.emplace_back(waiting_.events.size(), std::move(reply));
  waiting_.events.push_back(std::move(event));
  Wake();
  return absl::OkStatus();
}

absl::Status Inbox::TryAsk(Query query) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Admit(0); !status.ok()) return status;
  waiting_.queries.push_back(std::move(query));
  Wake();
  return absl::OkStatus();
}

void Inbox::Post(Event event) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return;
  waiting_.events.push_back(std::move(event));
  Wake();
}

void Inbox::PostEarly(Query query) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return;
  waiting_.early.push_back(std::move(query));
  Wake();
}

void Inbox::PostQuery(Query query) {
  {
    absl::MutexLock lock(&mutex_);
    if (!closed_) {
      waiting_.queries.push_back(std::move(query));
      Wake();
      return;
    }
  }
  query(nullptr);
}

bool Inbox::Pop(absl::Time deadline, Batch* batch) {
  absl::MutexLock lock(&mutex_);
  while (waiting_.empty() && !closed_) {
    sleeping_ = true;
    if (came_.WaitWithDeadline(&mutex_, deadline)) break;
  }
  sleeping_ = false;
  std::swap(*batch, waiting_);
  calls_ = 0;
  call_bytes_ = 0;
  return !closed_ || !batch->empty();
}

void Inbox::Refuse(absl::Status why) {
  absl::MutexLock lock(&mutex_);
  refusing_ = true;
  refusal_ = std::move(why);
}

void Inbox::TakeAgain() {
  absl::MutexLock lock(&mutex_);
  refusing_ = false;
}

absl::Status Inbox::refusal() {
  absl::MutexLock lock(&mutex_);
  return refusing_ ? refusal_ : absl::OkStatus();
}

absl::Status Inbox::WhyRefused() {
  absl::MutexLock lock(&mutex_);
  return closed_ || refusal_.ok() ? StoppingStatus() : refusal_;
}

void Inbox::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  sleeping_ = true;
  Wake();
}

}  // namespace w2t::server
