// What a worker runs, played.
#include <utility>

#include "client/worker/session/session.h"
#include "tests/sim/graphs.h"
#include "tests/sim/sim_worker.h"

namespace w2t::sim {
namespace {

bool IsService(const worker::Offer& offer) {
  const v1::ExecAction& exec = offer.action->exec();
  return exec.argv_size() > 0 && exec.argv(0) == kServiceProgram;
}

}  // namespace

void SimWorker::Take(const worker::Offer& offer) {
  if (offer.service != IsService(offer)) {
    oracle_->Fault("a worker is not told what is a service: " + offer.name);
  }
  attempts_[offer.lease.fence] = {.offer = offer, .service = IsService(offer)};
  if (keeps_ && offer.service && !calm_ && random_.Chance(15)) {
    After(absl::ZeroDuration(), [this] { Die(Between(1, 800)); });
  }
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
  if (keeps_ && attempt.service) {
    kept_[fence] = {.offer = attempt.offer, .started = true, .lives = true};
  }
  state_->Started(lease);
  const bool quick = !attempt.service && random_.Chance(30);
  const v1::Action& action = *attempt.offer.action;
  if (action.has_ready()) {
    WaitUntilReady(lease, /*is_ready=*/false);
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
  if (!attempt.service || (!calm_ && random_.Chance(15))) {
    const int most = random_.Chance(10) ? 8'000 : 800;
    After(quick ? absl::ZeroDuration() : Between(1, calm_ ? 50 : most),
          [this, fence, handler = action.has_handler()] {
            worker::Outcome outcome = AnyOutcome();
            if (handler) outcome.output.assign(random_.Below(2'000), 'o');
            End(fence, std::move(outcome));
          });
  }
  After(action.has_ready() ? worker::kOutputDelay : worker::kStartedDelay,
        [this] {
          state_->Release();
          Flush();
        });
}

void SimWorker::WaitUntilReady(const worker::Lease& lease, bool is_ready) {
  const bool passes = is_ready || calm_ || random_.Chance(95);
  if (!is_ready && random_.Chance(30)) MissProbe(lease, 1);
  const int most = is_ready ? 1 : passes ? 300 : 2'000;
  After(Between(1, most), [this, lease, passes] {
    const auto it = attempts_.find(lease.fence);
    if (it == attempts_.end()) return;
    if (!passes) {
      return End(lease.fence, {.state = v1::TASK_STATE_FAILED,
                               .exit_code = 1,
                               .message = "not ready in time"});
    }
    oracle_->ComesUp(lease);
    if (Kept* kept = FindKept(lease.fence)) kept->up = true;
    if (!state_->Up(lease)) FlushOutputLater();
    if (keeps_ && !calm_ && random_.Chance(5)) return Die(Between(1, 800));
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
  if (Kept* kept = FindKept(lease.fence)) kept->printed += text.size();
  state_->Printed(lease, v1::LOG_STREAM_STDOUT,
                  absl::ToUnixMicros(clock_->now()), text);
  FlushOutputLater();
}

void SimWorker::FlushOutputLater() {
  After(worker::kOutputDelay, [this] {
    state_->Release();
    Flush();
  });
}

void SimWorker::End(uint64_t fence, worker::Outcome outcome) {
  const auto it = attempts_.find(fence);
  if (it == attempts_.end()) return;
  const worker::Lease lease = it->second.offer.lease;
  if (it->second.started) oracle_->Ends(lease, outcome.state);
  attempts_.erase(it);
  if (random_.Chance(10)) Print(lease);
  if (Kept* kept = FindKept(fence)) {
    kept->lives = false;
    kept->outcome = outcome;
    if (kept->forgotten) kept_.erase(fence);
  }
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
