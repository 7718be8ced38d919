#include "tests/sim/sim_worker.h"

#include <algorithm>
#include <utility>

#include "client/worker/session/session.h"
#include "fmt/format.h"

namespace w2t::sim {
namespace {

constexpr char kServiceWord[] = "service";
constexpr size_t kMostSaid = 30;

bool IsService(const worker::Offer& offer) {
  const v1::ExecAction& exec = offer.action->exec();
  return exec.argv_size() > 0 && exec.argv(0) == kServiceWord;
}

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
                     Random random, v1::Hello identity)
    : clock_(clock),
      oracle_(oracle),
      daemon_(daemon),
      random_(random),
      identity_(std::move(identity)) {}

void SimWorker::Start() {
  process_ = random_.Next() >> 16;
  ++lives_;
  identity_.set_instance(fmt::format("{}", process_));
  oracle_->Tell("worker {}: is {}", process_, name());
  state_ = std::make_unique<worker::SessionState>(identity_);
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
  oracle_->Dies(process_);
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
    if (attempt.started && !IsService(attempt.offer)) open.push_back(fence);
  }
  for (const uint64_t fence : open) {
    End(fence, {.state = v1::TASK_STATE_SUCCEEDED});
  }
  // It would wait for what may wait for it.
  if (leaving_) Die(absl::Seconds(1));
}

void SimWorker::RepeatItself() {
  if (said_.empty() || stream_ == nullptr || !state_->welcomed()) return;
  const v1::SessionRequest& again = random_.OneOf(said_);
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
  for (const worker::Offer& offer : todo.start) Take(offer);
  for (const worker::Lease& lease : todo.stop) Stop(lease);
  for (const worker::Lease& lease : todo.discard) Stop(lease);
  FlushSoon();
}

void SimWorker::FlushSoon() {
  After(absl::Microseconds(10), [this] { Flush(); });
}

void SimWorker::Flush() {
  if (clock_->now() < hangs_until_) return;
  while (stream_ != nullptr && stream_->writable()) {
    bool more = false;
    const auto message = state_->NextMessage(&more);
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

// Attempts.

void SimWorker::Take(const worker::Offer& offer) {
  attempts_[offer.lease.fence] = {.offer = offer};
  After(calm_ ? absl::ZeroDuration() : Between(0, 10),
        [this, fence = offer.lease.fence] { Run(fence); });
}

worker::Outcome SimWorker::AnyOutcome() {
  const uint64_t dice = random_.Below(100);
  if (calm_ || dice < 78) return {.state = v1::TASK_STATE_SUCCEEDED};
  if (dice < 80) return {.state = v1::TASK_STATE_SUCCEEDED, .exit_code = 3};
  if (dice < 84) return {.state = v1::TASK_STATE_TIMED_OUT, .exit_code = 124};
  return {.state = v1::TASK_STATE_FAILED,
          .exit_code = static_cast<int32_t>(random_.Between(1, 3)),
          .message = dice < 90 ? "it failed" : ""};
}

void SimWorker::Run(uint64_t fence) {
  const auto it = attempts_.find(fence);
  if (it == attempts_.end()) return;
  Attempt& attempt = it->second;
  const worker::Lease lease = attempt.offer.lease;
  attempt.started = true;
  oracle_->Starts(process_, lease);
  state_->Started(lease);
  const bool service = IsService(attempt.offer);
  const bool quick = !service && random_.Chance(30);
  const v1::Action& action = *attempt.offer.action;
  if (action.has_ready()) {
    WaitUntilReady(lease);
  } else if (action.has_live()) {
    WatchOver(lease);
  }
  if (action.has_timeout()) {
    After(absl::Seconds(action.timeout().seconds()), [this, fence] {
      End(fence, {.state = v1::TASK_STATE_TIMED_OUT,
                  .exit_code = 124,
                  .message = "too long"});
    });
  }
  if (random_.Chance(30)) Print(lease);
  if (!service || (!calm_ && random_.Chance(15))) {
    const int most = random_.Chance(10) ? 8'000 : 800;
    After(quick ? absl::ZeroDuration() : Between(1, calm_ ? 50 : most),
          [this, fence, handler = action.has_handler()] {
            worker::Outcome outcome = AnyOutcome();
            if (handler) outcome.output.assign(random_.Below(2'000), 'o');
            End(fence, std::move(outcome));
          });
  }
  After(worker::kStartedDelay, [this] { Flush(); });
}

void SimWorker::WaitUntilReady(const worker::Lease& lease) {
  const bool passes = calm_ || random_.Chance(95);
  if (random_.Chance(30)) MissProbe(lease, 1);
  After(Between(1, passes ? 300 : 2'000), [this, lease, passes] {
    const auto it = attempts_.find(lease.fence);
    if (it == attempts_.end()) return;
    if (!passes) {
      return End(lease.fence, {.state = v1::TASK_STATE_FAILED,
                               .exit_code = 1,
                               .message = "not ready in time"});
    }
    oracle_->ComesUp(lease);
    state_->Up(lease);
    if (it->second.offer.action->has_live()) WatchOver(lease);
    Flush();
  });
}

void SimWorker::WatchOver(const worker::Lease& lease) {
  if (calm_ || random_.Chance(60)) return;
  const absl::Duration well = Between(50, 4'000);
  After(well, [this, lease] { MissProbe(lease, 1); });
  After(well + Between(1, 500), [this, fence = lease.fence] {
    End(fence, {.state = v1::TASK_STATE_FAILED,
                .exit_code = 1,
                .message = "not well any more"});
  });
}

void SimWorker::MissProbe(const worker::Lease& lease, uint32_t count) {
  state_->ProbeMissed(
      lease, {.count = count, .message = "connection refused", .took = {}});
  state_->ReleaseProbes();
  FlushSoon();
}

void SimWorker::Print(const worker::Lease& lease) {
  const std::string text(1 + random_.Below(3'000), 'x');
  state_->Printed(lease, v1::LOG_STREAM_STDOUT,
                  absl::ToUnixMicros(clock_->now()), text);
}

void SimWorker::End(uint64_t fence, worker::Outcome outcome) {
  const auto it = attempts_.find(fence);
  if (it == attempts_.end()) return;
  const worker::Lease lease = it->second.offer.lease;
  if (it->second.started) oracle_->Ends(lease, outcome.state);
  attempts_.erase(it);
  if (random_.Chance(10)) Print(lease);
  state_->Ended(lease, std::move(outcome));
  Flush();
}

void SimWorker::Stop(const worker::Lease& lease) {
  oracle_->Tell("worker {}: stops fence {}", process_, lease.fence);
  const bool stubborn = !calm_ && random_.Chance(10);
  After(Between(0, stubborn ? 5'000 : 200), [this, fence = lease.fence] {
    End(fence, {.state = v1::TASK_STATE_CANCELLED, .exit_code = 143});
  });
}

}  // namespace w2t::sim
