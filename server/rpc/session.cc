#include "server/rpc/session.h"

#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/wire/session_codec.h"
#include "server/observe/log.h"
#include "server/rpc/checks.h"

namespace w2t::server {
namespace {

constexpr uint32_t kProtocol = 1;
constexpr size_t kMaxChunkBytes = 64 * 1024;

// Those pieces of a batch that belong to live attempts.
std::vector<LogPiece> LivePieces(const Engine& engine, v1::LogBatch& batch) {
  std::vector<LogPiece> pieces;
  pieces.reserve(batch.chunks_size());
  for (v1::TaskLogChunk& chunk : *batch.mutable_chunks()) {
    const Run* run = engine.FindRun(RunNumber{chunk.run()});
    if (run == nullptr || chunk.task() >= run->blueprint().size()) continue;
    const TaskRecord& record = run->task(chunk.task());
    if (record.attempt != chunk.attempt() ||
        record.fence.value != chunk.fence() || !IsHeld(record.state)) {
      continue;
    }
    std::optional<uint64_t> offset;
    if (chunk.has_offset()) offset = chunk.offset();
    pieces.push_back({{run->spec().run_id, chunk.task(), chunk.attempt()},
                      std::move(*chunk.mutable_chunk()),
                      offset});
  }
  return pieces;
}

}  // namespace

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

absl::Status Session::Take(v1::SessionRequest& message) {
  using Kind = v1::SessionRequest::MessageCase;
  const Kind kind = message.message_case();
  if (!greeted_ && kind != Kind::kHello) {
    return MissingField("hello", "the first message of a session must be hello",
                        absl::StatusCode::kFailedPrecondition);
  }
  switch (kind) {
    case Kind::kHello:
      return TakeHello(message.hello());
    case Kind::kReports:
      return TakeReports(message.reports());
    case Kind::kLogs:
      return TakeLogs(*message.mutable_logs());
    case Kind::kPong:
      Post(AliveEvent{context_.id});
      return absl::OkStatus();
    case Kind::kLeave:
      Post(LeaveEvent{context_.id});
      return absl::OkStatus();
    case Kind::kProbes:
      return TakeProbes(*message.mutable_probes());
    case Kind::MESSAGE_NOT_SET:
      break;
  }
  return MissingField("message", "a session message must not be empty");
}

absl::Status Session::TakeHello(const v1::Hello& hello) {
  if (greeted_) {
    return InvalidField("hello", "a session says hello only once",
                        absl::StatusCode::kFailedPrecondition);
  }
  if (hello.protocol() != kProtocol) {
    return InvalidField(
        "hello.protocol",
        fmt::format("this daemon speaks version {} of the worker protocol, "
                    "the worker speaks {}",
                    kProtocol, hello.protocol()),
        absl::StatusCode::kFailedPrecondition);
  }
  absl::StatusOr<HelloEvent> event = wire::FromProto(hello, *context_.limits);
  if (!event.ok()) return event.status();
  greeted_ = true;
  name_ = event->spec.name;
  event->session = context_.id;
  Log(log_event::kSessionOpened, {{"session", context_.id.value},
                                  {"worker", name_},
                                  {"peer", context_.peer}});
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return absl::OkStatus();
    posted_hello_ = true;
  }
  Post(*std::move(event));
  return absl::OkStatus();
}

absl::Status Session::TakeReports(const v1::ReportBatch& reports) {
  absl::StatusOr<ReportsEvent> event =
      wire::FromProto(reports, *context_.limits);
  if (!event.ok()) return event.status();
  event->session = context_.id;
  {
    // Who is up, or has ended, is not asked any more; who has started waits for
    // its start no more.
    absl::MutexLock lock(&mutex_);
    for (int i = 0; !probes_.empty() && i < reports.state_size(); ++i) {
      const auto it = probes_.find(reports.leases().fence(i));
      if (it == probes_.end()) continue;
      if (reports.state(i) == v1::TASK_STATE_RUNNING && it->second.count > 0) {
        continue;
      }
      probes_.erase(it);
    }
  }
  Post(*std::move(event));
  return absl::OkStatus();
}

absl::Status Session::TakeProbes(v1::ProbeBatch& batch) {
  const absl::Time now = absl::Now();
  absl::MutexLock lock(&mutex_);
  for (v1::ProbeNews& news : *batch.mutable_news()) {
    const uint64_t most = context_.limits->max_message_bytes;
    if (news.message().size() > most) {
      return OverLimit("the message of a probe", "probes.news.message",
                       "max_message_bytes", most, news.message().size());
    }
    // A worker that does not tell of their ends has leases to spare.
    if (probes_.size() >= context_.limits->max_leases) probes_.clear();
    probes_[news.fence()] = {.count = news.count(),
                             .message = std::move(*news.mutable_message()),
                             .took = absl::Seconds(news.took().seconds()) +
                                     absl::Nanoseconds(news.took().nanos()),
                             .when = now};
  }
  return absl::OkStatus();
}

std::optional<ProbeNews> Session::ProbeOf(uint64_t fence) const {
  absl::MutexLock lock(&mutex_);
  const auto it = probes_.find(fence);
  if (it == probes_.end()) return std::nullopt;
  return it->second;
}

absl::Status Session::TakeLogs(v1::LogBatch& batch) {
  if (batch.seq() <= last_log_seq_) {
    return InvalidField("logs.seq",
                        fmt::format("log batches count up: {} came after {}",
                                    batch.seq(), last_log_seq_));
  }
  last_log_seq_ = batch.seq();
  for (const v1::TaskLogChunk& chunk : batch.chunks()) {
    if (chunk.chunk().data().size() > kMaxChunkBytes) {
      return InvalidField(
          "logs.chunks.chunk.data",
          fmt::format("a piece of output has {} bytes; at most "
                      "{} are allowed",
                      chunk.chunk().data().size(), kMaxChunkBytes));
    }
  }
  {
    absl::MutexLock lock(&mutex_);
    const uint64_t limit = context_.limits->max_log_batches;
    if (++unstored_logs_ > limit) {
      return OverLimit("the number of unacknowledged log batches", "logs",
                       "max_log_batches", limit, unstored_logs_,
                       absl::StatusCode::kResourceExhausted);
    }
    logs_held_ = true;
  }
  // The loop knows whose output it is, and so output stays ahead of the report
  // that ends its attempt.
  auto held = std::make_unique<v1::LogBatch>(std::move(batch));
  context_.inbox->PostEarly(
      [self = shared_from_this(), held = std::move(held)](const View* view) {
        self->Intake(view, *held);
      });
  return absl::OkStatus();
}

void Session::Post(Event event) {
  {
    absl::MutexLock lock(&mutex_);
    ++unprocessed_;
  }
  context_.inbox->Post(std::move(event));
}

void Session::Intake(const View* view, v1::LogBatch& batch) {
  if (view == nullptr) return;
  Store(LivePieces(view->engine, batch), batch.seq());
}

void Session::Store(std::vector<LogPiece> pieces, uint64_t seq) {
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
  }
  const std::shared_ptr<Session> self = shared_from_this();
  absl::AnyInvocable<void()> stored = [self, seq] {
    {
      absl::MutexLock lock(&self->mutex_);
      --self->unstored_logs_;
    }
    self->Change([seq](SessionOutbox& outbox) { outbox.AckLogs(seq); });
    self->Flush();
  };
  if (!context_.logs->Append(std::move(pieces), std::move(stored))) {
    // Append has left them as they were.
    // NOLINTNEXTLINE(bugprone-use-after-move)
    context_.logs->WhenRoom([self, seq, held = std::move(pieces)]() mutable {
      self->Store(std::move(held), seq);
    });
    return;
  }
  {
    absl::MutexLock lock(&mutex_);
    logs_held_ = false;
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
