#include "client/worker/session/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/worker/log.h"

namespace w2t::worker {

namespace {

int64_t MonotonicNanos() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

// An answer to Hello that would be the same next time.
bool IsRefusal(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return true;
    default:
      return false;
  }
}

}  // namespace

Session::Session(Loop* loop, std::string server, v1::Hello identity,
                 Delegate* delegate, StreamFactory factory)
    : loop_(loop),
      server_(std::move(server)),
      delegate_(delegate),
      factory_(std::move(factory)),
      state_(std::move(identity)) {}

void Session::Open() { Dial(); }

absl::Duration Session::reattach_window() {
  absl::MutexLock lock(&mutex_);
  return state_.reattach_window();
}

void Session::Dial() {
  if (closing_) return;
  last_heard_ns_ = MonotonicNanos();
  Stream* stream = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    stream_ = factory_(server_, this);
    stream = stream_.get();
    read_closed_ = false;
    state_.StreamOpened();
  }
  stream->Open();
  {
    absl::MutexLock lock(&mutex_);
    writable_ = !read_closed_;
  }
  Flush();
  CheckAlive();
}

void Session::CheckAlive() {
  loop_->Cancel(alive_timer_);
  alive_timer_ = 0;
  absl::MutexLock lock(&mutex_);
  if (!stream_) return;
  const absl::Duration silence =
      absl::Nanoseconds(MonotonicNanos() - last_heard_ns_);
  const absl::Duration bound =
      state_.welcomed() ? 3 * state_.ping_interval() : kWelcomeTimeout;
  if (silence > bound) {
    Log(LogLevel::kWarn, "session.silent server={} for_ms={}", server_,
        absl::ToInt64Milliseconds(silence));
    stream_->Cancel();
    return;
  }
  alive_timer_ = loop_->After(bound - silence + absl::Milliseconds(1),
                              [this] { CheckAlive(); });
}

void Session::OnMessage(v1::SessionResponse& message) {
  last_heard_ns_.store(MonotonicNanos(), std::memory_order_relaxed);
  Todo todo;
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    status = state_.OnMessage(message, todo);
    if (!status.ok()) stream_->Cancel();
  }
  if (!status.ok()) {
    Log(LogLevel::kError, "session.confused server={} error={}", server_,
        Quoted(std::string(status.message())));
    return;
  }
  const size_t stopped = todo.discard.size();
  if (!todo.start.empty()) delegate_->StartAttempts(std::move(todo.start));
  if (!todo.stop.empty()) delegate_->StopAttempts(std::move(todo.stop));
  if (!todo.discard.empty()) delegate_->StopAttempts(std::move(todo.discard));
  if (!todo.output_taken.empty()) {
    delegate_->OnOutputTaken(std::move(todo.output_taken));
  }
  if (!todo.forgotten.empty())
    delegate_->OnForgotten(std::move(todo.forgotten));
  if (todo.welcomed) loop_->Post([this] { HandleWelcome(); });
  if (todo.recorded > 0 || todo.refused > 0) {
    Log(LogLevel::kWarn,
        "session.forgot server={} recorded={} refused={} stopped={}", server_,
        todo.recorded, todo.refused, stopped);
  }
  if (todo.drained) {
    Log(LogLevel::kInfo, "session.drained server={} reason={}", server_,
        Quoted(*todo.drained));
  }
  Flush();
}

void Session::HandleWelcome() {
  Log(LogLevel::kInfo, "session.opened server={}", server_);
  redial_.Reset();
  if (!std::exchange(ever_welcomed_, true)) delegate_->OnWelcomed();
  unreachable_logged_ = false;
  CheckAlive();
}

void Session::OnWritten(bool ok) {
  bool release = false;
  {
    absl::MutexLock lock(&mutex_);
    writing_.reset();
    if (!ok) writable_ = false;
    release = read_closed_;
    if (release) stream_->Release();
  }
  if (!release && ok) Flush();
}

void Session::OnReadClosed() {
  absl::MutexLock lock(&mutex_);
  read_closed_ = true;
  writable_ = false;
  if (writing_ == nullptr) stream_->Release();
}

void Session::OnClosed(absl::Status status) {
  loop_->Post([this, status] { HandleClosed(status); });
}

void Session::HandleClosed(const absl::Status& status) {
  std::unique_ptr<Stream> stream;
  bool welcomed = false;
  {
    absl::MutexLock lock(&mutex_);
    stream = std::move(stream_);
    writable_ = false;
    welcomed = state_.welcomed();
  }
  stream.reset();
  loop_->Cancel(alive_timer_);
  alive_timer_ = 0;
  if (closing_) {
    delegate_->OnSessionClosed();
    return;
  }
  const std::string words(status.message());
  if (!ever_welcomed_ && IsRefusal(status.code())) {
    delegate_->OnRefused(status);
    return;
  }
  if (welcomed || !unreachable_logged_) {
    Log(LogLevel::kWarn, "session.{} server={} code={} error={}",
        welcomed                      ? "lost"
        : absl::IsUnavailable(status) ? "unreachable"
                                      : "refused",
        server_, absl::StatusCodeToString(status.code()), Quoted(words));
    unreachable_logged_ = true;
  }
  loop_->After(redial_.Next(), [this] { Dial(); });
}

void Session::Leave(std::string reason) {
  {
    absl::MutexLock lock(&mutex_);
    state_.Leave(std::move(reason));
  }
  Flush();
  if (!std::exchange(leaving_, true)) CheckLeft();
}

void Session::CheckLeft() {
  if (closing_) return;
  const absl::Time now = absl::Now();
  bool attached = false, nothing_held = false, nothing_runs = false;
  absl::Duration window;
  {
    absl::MutexLock lock(&mutex_);
    attached = stream_ != nullptr && state_.welcomed();
    nothing_held = state_.held() == 0 && (!attached || state_.leave_sent());
    nothing_runs = state_.running() == 0;
    window = state_.reattach_window();
  }
  if (!nothing_held) quiet_since_.reset();
  if (nothing_held && !quiet_since_) quiet_since_ = now;
  const bool alone = !attached && nothing_runs;
  if (!alone) alone_since_.reset();
  if (alone && !alone_since_) alone_since_ = now;

  const bool left =
      quiet_since_ && (!attached || now - *quiet_since_ > kLeaveQuiet);
  const bool given_up = alone_since_ && now - *alone_since_ > window;
  if (left || given_up) {
    delegate_->OnLeft();
    return;
  }
  loop_->After(kLeaveQuiet / 4, [this] { CheckLeft(); });
}

bool Session::HasLastWords() {
  absl::MutexLock lock(&mutex_);
  return stream_ != nullptr && state_.welcomed() && state_.held() > 0;
}

void Session::Close() {
  closing_ = true;
  bool closed = false;
  {
    absl::MutexLock lock(&mutex_);
    state_.Abandon();
    closed = stream_ == nullptr;
    if (!closed) stream_->Cancel();
  }
  if (closed) delegate_->OnSessionClosed();
}

void Session::StartMore() {
  std::vector<Offer> offers;
  {
    absl::MutexLock lock(&mutex_);
    offers = state_.TakeStartable();
  }
  if (offers.empty()) return;
  std::vector<Lease> leases;
  leases.reserve(offers.size());
  for (const Offer& offer : offers) leases.push_back(offer.lease);
  delegate_->StartAttempts(std::move(offers));
  // What came meanwhile has found nothing to stop.
  std::vector<Lease> stop;
  {
    absl::MutexLock lock(&mutex_);
    stop = state_.HandedOver(leases);
  }
  if (!stop.empty()) delegate_->StopAttempts(std::move(stop));
}

void Session::FlushLater() {
  FlushIn(kOutputDelay, &Session::output_due_, &SessionState::Release);
}

void Session::FlushIn(absl::Duration delay, bool Session::*due,
                      void (SessionState::*release)()) {
  if (std::exchange(this->*due, true)) return;
  loop_->After(delay, [this, due, release] {
    {
      absl::MutexLock lock(&mutex_);
      this->*due = false;
      (state_.*release)();
    }
    Flush();
  });
}

void Session::Flush() {
  std::shared_ptr<const v1::SessionRequest> message;
  Stream* stream = nullptr;
  bool more = false;
  bool room = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!writable_ || writing_ != nullptr) return;
    message = state_.NextMessage(&more);
    if (message == nullptr) return;
    writing_ = message;
    // It stays until OnWritten, which only this write brings about.
    stream = stream_.get();
    room = output_refused_ && state_.log_has_room();
    if (room) output_refused_ = false;
  }
  StartMore();
  stream->Write(*message, more);
  if (room) delegate_->OnRoomForOutput();
}

}  // namespace w2t::worker
