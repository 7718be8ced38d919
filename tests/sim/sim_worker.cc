#include "tests/sim/sim_worker.h"

#include <algorithm>
#include <set>
#include <utility>

#include "client/worker/session/session.h"
#include "fmt/format.h"

namespace w2t::sim {
namespace {

constexpr size_t kMostSaid = 30;

std::string WordOf(const v1::SessionRequest& message) {
  if (message.has_hello()) {
    return fmt::format("hello, holds {}", message.hello().held().run_size());
  }
  if (message.has_reports()) {
    return fmt::format("reports {}", message.reports().seq());
  }
  if (message.has_logs()) return fmt::format("logs {}", message.logs().seq());
  return message.has_pong() ? "pong" : "leave";
}

}  // namespace

SimWorker::SimWorker(SimClock* clock, Oracle* oracle, SimDaemon* daemon,
                     Random random, v1::Hello identity, bool keeps)
    : clock_(clock),
      oracle_(oracle),
      daemon_(daemon),
      random_(random),
      identity_(std::move(identity)),
      keeps_(keeps) {}

void SimWorker::Start() {
  process_ = random_.Next() >> 16;
  ++lives_;
  const bool goes_on = keeps_ && !identity_.instance().empty();
  if (!goes_on) identity_.set_instance(fmt::format("{}", process_));
  identity_.set_restarted(goes_on);
  if (keeps_) identity_.set_stream(lives_ << 32);
  oracle_->Tell("worker {}: is {}", process_, name());
  state_ = std::make_unique<worker::SessionState>(identity_);
  Adopt();
  redial_ = kFirstRedial;
  leaving_ = false;
  Dial();
  CheckAlive();
}

void SimWorker::After(absl::Duration delay, absl::AnyInvocable<void()> what) {
  clock_->After(delay, [this, life = lives_, what = std::move(what)]() mutable {
    if (life == lives_ && state_ != nullptr) what();
  });
}

absl::Duration SimWorker::Between(int low_ms, int high_ms) {
  return slowness_ * random_.Between(absl::Milliseconds(low_ms),
                                     absl::Milliseconds(high_ms));
}

void SimWorker::Die(absl::Duration down) {
  if (state_ == nullptr) return;
  oracle_->Tell("worker {}: dies", process_);
  Abandon(down);
  state_ = nullptr;
  attempts_.clear();
  sent_.clear();
  said_.clear();
  hangs_until_ = absl::InfinitePast();
  if (stream_ != nullptr) {
    // The system closes the connection, or the machine is gone.
    stream_->Cancel(random_.Chance(70) ? absl::ZeroDuration()
                                       : absl::Seconds(60));
    stream_ = nullptr;
  }
  clock_->After(down, [this, life = lives_] {
    if (life == lives_) Start();
  });
}

void SimWorker::Hang(absl::Duration length) {
  if (state_ == nullptr) return;
  oracle_->Tell("worker {}: hangs", process_);
  hangs_until_ = clock_->now() + length;
  if (stream_ != nullptr) stream_->SetReading(false);
  After(length, [this] {
    if (clock_->now() < hangs_until_) return;
    if (stream_ != nullptr) stream_->SetReading(true);
    Flush();
  });
}

void SimWorker::BreakStream() {
  if (stream_ != nullptr) stream_->Break();
}

void SimWorker::DialAgain(absl::Duration linger) {
  if (stream_ == nullptr || state_ == nullptr) return;
  oracle_->Tell("worker {}: dials again", process_);
  std::exchange(stream_, nullptr)->Cancel(linger);
  Dial();
}

void SimWorker::Leave() {
  if (state_ == nullptr) return;
  oracle_->Tell("worker {}: leaves", process_);
  leaving_ = true;
  oracle_->Leaves(name());
  state_->Leave("sim");
  Flush();
}

void SimWorker::Calm() {
  calm_ = true;
  slowness_ = 1;
  hangs_until_ = absl::InfinitePast();
  wire_ = Wire();
  if (stream_ != nullptr) stream_->SetReading(true);
  std::vector<uint64_t> open;
  for (const auto& [fence, attempt] : attempts_) {
    if (attempt.started && !attempt.service) open.push_back(fence);
  }
  for (const uint64_t fence : open) {
    End(fence, {.state = v1::TASK_STATE_SUCCEEDED});
  }
  // It would wait for what may wait for it.
  if (leaving_) Die(absl::Seconds(1));
}

// Those that speak of an earlier attempt at what runs here now.
std::vector<v1::SessionRequest> SimWorker::StaleOf(
    const std::vector<v1::SessionRequest>& said) const {
  std::set<std::pair<uint64_t, uint32_t>> running;
  for (const auto& [fence, attempt] : attempts_) {
    running.emplace(attempt.offer.lease.run, attempt.offer.lease.task);
  }
  std::vector<v1::SessionRequest> stale;
  for (const v1::SessionRequest& one : said) {
    const v1::LeaseColumns& leases = one.reports().leases();
    for (int i = 0; i < leases.run_size(); ++i) {
      if (running.contains({leases.run(i), leases.task(i)}) &&
          !attempts_.contains(leases.fence(i))) {
        stale.push_back(one);
        break;
      }
    }
  }
  return stale;
}

void SimWorker::RepeatItself() {
  if (said_.empty() || stream_ == nullptr || !state_->welcomed()) return;
  const std::vector<v1::SessionRequest> stale = StaleOf(said_);
  const v1::SessionRequest& again =
      random_.OneOf(stale.empty() || random_.Chance(30) ? said_ : stale);
  // No stream overtakes itself: an acknowledgement covers all that is before.
  const uint64_t acked = sent_.empty() ? UINT64_MAX : sent_.begin()->first - 1;
  if (again.reports().seq() > std::max(acked, last_seq_)) return;
  oracle_->Tell("worker {}: repeats itself", process_);
  stream_->Send(again);
}

// The stream.

void SimWorker::Dial() {
  if (stream_ != nullptr || state_ == nullptr) return;
  last_heard_ = clock_->now();
  last_seq_ = 0;
  state_->StreamOpened();
  const auto token = std::make_shared<SimStream*>();
  const auto is_mine = [this, life = lives_, token] {
    return life == lives_ && stream_.get() == *token;
  };
  stream_ = SimStream::Dial(clock_, random_.Fork(), daemon_, &wire_,
                            {.on_message =
                                 [this, is_mine](v1::SessionResponse& message) {
                                   if (is_mine()) OnMessage(message);
                                 },
                             .on_writable =
                                 [this, is_mine] {
                                   if (is_mine()) FlushSoon();
                                 },
                             .on_closed =
                                 [this, is_mine](const absl::Status& status) {
                                   if (is_mine()) OnClosed(status);
                                 }});
  *token = stream_.get();
  if (clock_->now() < hangs_until_) stream_->SetReading(false);
  Flush();
}

void SimWorker::OnClosed(const absl::Status& status) {
  oracle_->Tell("worker {}: stream ended: {}", process_, status.ToString());
  stream_ = nullptr;
  if (leaving_ && idle()) return Die(absl::Seconds(1));
  After(Between(1, static_cast<int>(absl::ToInt64Milliseconds(redial_))),
        [this] { Dial(); });
  redial_ = std::min(2 * redial_, kLongestRedial);
}

void SimWorker::CheckAlive() {
  const absl::Duration bound = state_->welcomed() ? 3 * state_->ping_interval()
                                                  : worker::kWelcomeTimeout;
  const bool hangs = clock_->now() < hangs_until_;
  if (stream_ != nullptr && !hangs && clock_->now() - last_heard_ > bound) {
    std::exchange(stream_, nullptr)->Cancel(absl::ZeroDuration());
    OnClosed(absl::DeadlineExceededError("silence"));
    if (state_ == nullptr) return;
  }
  if (leaving_ && stream_ != nullptr && idle() && state_->leave_sent()) {
    return Die(absl::Seconds(1));
  }
  After(absl::Milliseconds(250), [this] { CheckAlive(); });
}

void SimWorker::OnMessage(v1::SessionResponse& message) {
  last_heard_ = clock_->now();
  if (message.has_ack()) {
    while (!sent_.empty() &&
           sent_.begin()->first <= message.ack().through_seq()) {
      oracle_->HearsAck(sent_.begin()->second);
      sent_.erase(sent_.begin());
    }
  }
  worker::Todo todo;
  if (const absl::Status s = state_->OnMessage(message, todo); !s.ok()) {
    return oracle_->Fault("a worker was confused: " + s.ToString());
  }
  if (todo.welcomed) {
    redial_ = kFirstRedial;
    oracle_->Tell("worker {}: is welcome", process_);
  }
  NoteKept(todo);
  for (const worker::Offer& offer : todo.start) Take(offer);
  for (const worker::Lease& lease : todo.stop) Stop(lease);
  for (const worker::Lease& lease : todo.discard) Stop(lease);
  FlushSoon();
}

void SimWorker::FlushSoon() {
  After(absl::Microseconds(10), [this] { Flush(); });
}

void SimWorker::TakeStartable() {
  std::vector<worker::Lease> leases;
  for (const worker::Offer& offer : state_->TakeStartable()) {
    leases.push_back(offer.lease);
    Take(offer);
  }
  for (const worker::Lease& lease : state_->HandedOver(leases)) Stop(lease);
}

void SimWorker::Flush() {
  if (state_ == nullptr || clock_->now() < hangs_until_) return;
  TakeStartable();
  while (stream_ != nullptr && stream_->writable()) {
    bool more = false;
    const auto message = state_->NextMessage(&more);
    TakeStartable();
    if (message == nullptr) return;
    oracle_->Tell("worker {}: says {}", process_, WordOf(*message));
    if (message->has_reports()) {
      oracle_->Says(message->reports());
      last_seq_ = message->reports().seq();
      sent_[last_seq_] = message->reports();
      if (said_.size() > kMostSaid) said_.erase(said_.begin());
      said_.push_back(*message);
    }
    stream_->Send(*message);
  }
}

}  // namespace w2t::sim
