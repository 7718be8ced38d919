// What a worker says, from its message to the inbox or the log store.
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "proto/wire/session_codec.h"
#include "server/observe/log.h"
#include "server/rpc/checks.h"
#include "server/rpc/session.h"

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

}  // namespace w2t::server
