#include "server/loop/inbox.h"

#include "fmt/format.h"
#include "proto/wire/status_codec.h"

namespace w2t::server {

absl::Status StoppingStatus() {
  return absl::UnavailableError("the daemon is stopping");
}

void Inbox::Batch::Clear() {
  early.clear();
  events.clear();
  replies.clear();
  queries.clear();
}

absl::Status Inbox::Admit() {
  if (closed_) return StoppingStatus();
  if (calls_ >= max_inbox_) {
    Diagnostic fault;
    fault.code = DiagnosticCode::kLimitExceeded;
    fault.message = fmt::format(
        "the daemon is busy: {} calls wait, and max_inbox is {}; try again",
        calls_, max_inbox_);
    fault.limit_name = "max_inbox";
    fault.limit = max_inbox_;
    fault.value = calls_ + 1;
    return wire::ToStatus(fault, absl::StatusCode::kResourceExhausted);
  }
  ++calls_;
  return absl::OkStatus();
}

void Inbox::Wake() {
  if (!sleeping_) return;
  sleeping_ = false;
  came_.Signal();
}

absl::Status Inbox::TryCall(Event event, Reply reply) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Admit(); !status.ok()) return status;
  waiting_.replies.emplace_back(waiting_.events.size(), std::move(reply));
  waiting_.events.push_back(std::move(event));
  Wake();
  return absl::OkStatus();
}

absl::Status Inbox::TryAsk(Query query) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = Admit(); !status.ok()) return status;
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
  absl::MutexLock lock(&mutex_);
  if (closed_) return;
  waiting_.queries.push_back(std::move(query));
  Wake();
}

bool Inbox::HasAny() const {
  return !waiting_.early.empty() || !waiting_.events.empty() ||
         !waiting_.queries.empty();
}

bool Inbox::Pop(absl::Time deadline, Batch* batch) {
  absl::MutexLock lock(&mutex_);
  while (!HasAny() && !closed_) {
    sleeping_ = true;
    if (came_.WaitWithDeadline(&mutex_, deadline)) break;
  }
  sleeping_ = false;
  std::swap(*batch, waiting_);
  calls_ = 0;
  return !closed_ || !batch->early.empty() || !batch->events.empty() ||
         !batch->queries.empty();
}

void Inbox::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  sleeping_ = true;
  Wake();
}

}  // namespace w2t::server
