#include "server/rpc/session.h"

#include <utility>

#include "server/observe/log.h"
#include "server/rpc/checks.h"

namespace w2t::server {

std::shared_ptr<Session> Session::Start(Context context) {
  std::shared_ptr<Session> session(new Session(std::move(context)));
  session->ReadOn();
  return session;
}

void Session::Change(absl::FunctionRef<void(SessionOutbox&)> change) {
  size_t bytes = 0;
  bool holds = false;  // it has not taken what came before
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    holds = writing_ && outbox_.bytes() > 0;
    change(outbox_);
    bytes = outbox_.bytes();
    charge_.Set(bytes);
  }
  const uint64_t limit = context_.limits->max_outbox_bytes;
  if (bytes > limit) {
    Close(OverLimit("what waits to be sent to this worker", "",
                    "max_outbox_bytes", limit, bytes,
                    absl::StatusCode::kResourceExhausted));
  } else if (holds && context_.waiting != nullptr &&
             context_.waiting->spent()) {
    Close(OverLimit("what waits to be sent to all readers", "",
                    "max_waiting_bytes", context_.waiting->max_bytes(),
                    context_.waiting->used(),
                    absl::StatusCode::kResourceExhausted));
  }
}

void Session::Flush() {
  absl::MutexLock lock(&mutex_);
  WriteNext();
}

void Session::WriteNext() {
  if (closed_ || writing_) return;
  bool more = false;
  const v1::SessionResponse* message = outbox_.Next(&more);
  charge_.Set(outbox_.bytes());
  if (message == nullptr) return;
  writing_ = true;
  context_.stream->Write(*message, more);
}

void Session::OnWritten(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  // A failed write is followed by a failed read, which ends the stream.
  if (ok) WriteNext();
}

void Session::ReadOn() {
  absl::MutexLock lock(&mutex_);
  if (closed_ || reading_ || logs_held_ ||
      unprocessed_ >= context_.limits->max_session_window) {
    return;
  }
  reading_ = true;
  context_.stream->Read();
}

void Session::OnReadFailed() {
  Close(greeted_ ? absl::OkStatus()
                 : MissingField("hello", "the stream ended without a hello"));
}

void Session::OnUnreadable() {
  Close(InvalidField("",
                     "a message of the session cannot be read: it is damaged, "
                     "or has a string that is not UTF-8"));
}

void Session::OnRead(v1::SessionRequest& message) {
  if (const absl::Status status = Take(message); !status.ok()) {
    Close(status);
    return;
  }
  {
    absl::MutexLock lock(&mutex_);
    reading_ = false;
  }
  ReadOn();
}

void Session::Processed() {
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    --unprocessed_;
    if (reading_) return;
  }
  ReadOn();
}

void Session::Close(const absl::Status& status) {
  bool tell = false;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    closed_ = true;
    tell = posted_hello_;
    outbox_.Clear();
    charge_.Set(0);
  }
  if (tell) {
    Log(log_event::kSessionClosed, {{"session", context_.id.value},
                                    {"worker", name_},
                                    {"reason", std::string(status.message())}});
    context_.inbox->Post(SessionClosedEvent{context_.id});
  }
  context_.stream->Finish(status);
}

void Session::OnCancelled() {
  Close(absl::CancelledError("the connection to the worker is gone"));
}

void Session::OnDone() { context_.on_done(); }

}  // namespace w2t::server
