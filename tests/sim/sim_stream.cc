#include "tests/sim/sim_stream.h"

#include <utility>

namespace w2t::sim {
namespace {

absl::Duration Moment(Random& random) {
  return random.Between(absl::Microseconds(1), absl::Milliseconds(1));
}

}  // namespace

SimStream::SimStream(SimClock* clock, Random random, SimDaemon* daemon,
                     const Wire* wire, Listener listener)
    : clock_(clock),
      random_(random),
      daemon_(daemon),
      wire_(wire),
      listener_(std::move(listener)) {}

std::shared_ptr<SimStream> SimStream::Dial(SimClock* clock, Random random,
                                           SimDaemon* daemon, const Wire* wire,
                                           Listener listener) {
  std::shared_ptr<SimStream> stream(
      new SimStream(clock, random, daemon, wire, std::move(listener)));
  const std::weak_ptr<SimStream> weak = stream;
  stream->up_.emplace(clock, stream->random_.Fork(), wire,
                      [weak](v1::SessionRequest& message) {
                        const auto self = weak.lock();
                        if (self == nullptr || self->finished_) return;
                        self->waiting_.push_back(std::move(message));
                        self->Offer();
                      });
  stream->down_.emplace(clock, stream->random_.Fork(), wire,
                        [weak](Down& down) {
                          const auto self = weak.lock();
                          if (self == nullptr || !self->worker_open_) return;
                          self->arrived_.push_back(std::move(down));
                          self->Hand();
                        });
  clock->After(stream->random_.Between(absl::Microseconds(50), wire->latency),
               [stream] { stream->Open(); });
  return stream;
}

void SimStream::Open() {
  if (!worker_open_) return;
  if (wire_->cut_until > clock_->now()) {
    clock_->At(wire_->cut_until, [self = shared_from_this()] { self->Open(); });
    return;
  }
  if (!daemon_->up()) {
    CloseWorkerSide(absl::UnavailableError("connection refused"));
    return;
  }
  process_ = daemon_->process();
  absl::StatusOr<std::shared_ptr<server::Session>> session =
      daemon_->sessions().Open("sim", this);
  if (!session.ok()) {
    finished_ = true;
    CloseWorkerSide(session.status());
    return;
  }
  session_ = *std::move(session);
  Offer();
}

bool SimStream::has_daemon() const {
  return session_ != nullptr && daemon_->up() && daemon_->process() == process_;
}

void SimStream::Later(absl::AnyInvocable<void(server::Session&)> call) {
  clock_->After(Moment(random_),
                [self = shared_from_this(), call = std::move(call)]() mutable {
                  if (!self->has_daemon()) return;
                  call(*self->session_);
                  self->daemon_->Poke();
                });
}

bool SimStream::writable() const {
  return worker_open_ && up_->on_way() + waiting_.size() < kWindow;
}

void SimStream::Send(const v1::SessionRequest& message) { up_->Send(message); }

void SimStream::Cancel(absl::Duration linger) {
  worker_open_ = false;
  arrived_.clear();
  // The daemon hears of it as soon as the connection is not cut.
  const absl::Time at =
      std::max(clock_->now() + linger, wire_->cut_until) + Moment(random_);
  clock_->At(at, [self = shared_from_this()] { self->EndDaemonSide(); });
}

void SimStream::Break() {
  if (worker_open_) {
    clock_->After(
        random_.Between(absl::ZeroDuration(), absl::Milliseconds(50)),
        [self = shared_from_this()] {
          self->CloseWorkerSide(absl::UnavailableError("connection reset"));
        });
  }
  // Nothing that is on its way arrives.
  up_->Break();
  down_->Break();
  waiting_.clear();
  clock_->After(random_.Between(absl::ZeroDuration(), absl::Milliseconds(50)),
                [self = shared_from_this()] { self->EndDaemonSide(); });
}

void SimStream::EndDaemonSide() {
  if (has_daemon() && !finished_) {
    session_->OnCancelled();
    daemon_->Poke();
  }
  if (!has_daemon()) session_ = nullptr;
}

void SimStream::CloseWorkerSide(const absl::Status& status) {
  if (!std::exchange(worker_open_, false)) return;
  listener_.on_closed(status);
}

// The daemon's side.

void SimStream::Read() {
  read_due_ = true;
  Offer();
}

void SimStream::Offer() {
  if (!read_due_ || waiting_.empty() || finished_) return;
  read_due_ = false;
  Later([this](server::Session& session) {
    if (finished_) return session.OnReadFailed();
    if (waiting_.empty()) {  // the connection broke
      read_due_ = true;
      return;
    }
    v1::SessionRequest message = std::move(waiting_.front());
    waiting_.pop_front();
    const bool posted = !message.has_logs() && !message.has_probes();
    if (posted) daemon_->Posted(session.id());
    session.OnRead(message);
    if (worker_open_) listener_.on_writable();
  });
}

void SimStream::Write(const v1::SessionResponse& message, bool) {
  write_due_ = true;
  if (!daemon_->Speaks()) return;
  down_->Send({message, {}});
  Acknowledge();
}

// A write is through when there is room for the next one.
void SimStream::Acknowledge() {
  if (!write_due_ || finished_) return;
  if (down_->on_way() + arrived_.size() >= kWindow) return;
  write_due_ = false;
  Later([](server::Session& session) { session.OnWritten(true); });
}

void SimStream::Finish(const absl::Status& status) {
  finished_ = true;
  waiting_.clear();
  if (daemon_->Speaks()) down_->Send({{}, status});
  if (read_due_) {
    Later([](server::Session& session) { session.OnReadFailed(); });
  }
  if (write_due_) {
    Later([](server::Session& session) { session.OnWritten(false); });
  }
  clock_->After(absl::Milliseconds(2), [self = shared_from_this()] {
    if (!self->has_daemon()) return;
    const std::shared_ptr<server::Session> session = std::move(self->session_);
    session->OnDone();
    self->daemon_->Poke();
  });
}

// The worker's side.

void SimStream::SetReading(bool reading) {
  reading_ = reading;
  Hand();
}

void SimStream::Hand() {
  while (reading_ && worker_open_ && !arrived_.empty()) {
    Down down = std::move(arrived_.front());
    arrived_.pop_front();
    if (down.end) return CloseWorkerSide(*down.end);
    listener_.on_message(down.message);
  }
  Acknowledge();
}

}  // namespace w2t::sim
