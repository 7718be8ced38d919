// Services that outlive a worker's process, and the next one that adopts them.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/sim_worker.h"

namespace w2t::sim {

SimWorker::Kept* SimWorker::FindKept(uint64_t fence) {
  const auto it = kept_.find(fence);
  return it == kept_.end() ? nullptr : &it->second;
}

void SimWorker::Abandon(absl::Duration down) {
  std::set<uint64_t> survivors;
  if (keeps_ && random_.Chance(20)) {
    oracle_->Tell("worker {}: its machine is gone", process_);
    kept_.clear();
    identity_.clear_instance();
  }
  for (auto& [fence, kept] : kept_) {
    if (kept.lives) survivors.insert(fence);
  }
  oracle_->Dies(process_, survivors);
  if (!keeps_ || identity_.instance().empty()) return;
  for (const auto& [fence, attempt] : attempts_) {
    const bool begins = attempt.service && !attempt.started;
    if (!begins || kept_.contains(fence) || !random_.Chance(80)) continue;
    kept_[fence] = {.offer = attempt.offer};
  }
  for (const uint64_t fence : survivors) {
    const auto die = [this, life = lives_, fence] {
      if (life == lives_) DieAlone(fence);
    };
    kept_[fence].ready = random_.Chance(50);
    if (random_.Chance(25)) {
      clock_->After(random_.Between(absl::ZeroDuration(), down), die);
    }
    // Nobody keeps them for longer than the daemon does.
    clock_->After(state_->reattach_window() +
                      random_.Between(absl::ZeroDuration(), absl::Seconds(2)),
                  die);
  }
}

void SimWorker::DieAlone(uint64_t fence) {
  Kept* kept = FindKept(fence);
  if (kept == nullptr || !kept->lives) return;
  kept->lives = false;
  oracle_->Ends(kept->offer.lease, v1::TASK_STATE_FAILED);
}

void SimWorker::Adopt() {
  std::vector<uint64_t> fences;
  for (const auto& [fence, kept] : kept_) fences.push_back(fence);
  for (const uint64_t fence : fences) AdoptOne(fence);
}

void SimWorker::AdoptOne(uint64_t fence) {
  Kept& kept = kept_[fence];
  const worker::Lease lease = kept.offer.lease;
  state_->Adopt(lease,
                kept.up        ? v1::TASK_STATE_UP
                : kept.started ? v1::TASK_STATE_RUNNING
                               : v1::TASK_STATE_LEASED,
                kept.taken);
  if (kept.printed > kept.taken) {
    state_->Printed(lease, v1::LOG_STREAM_STDOUT,
                    absl::ToUnixMicros(clock_->now()),
                    std::string(kept.printed - kept.taken, 'x'));
    FlushOutputLater();
  }
  if (kept.outcome) return state_->Ended(lease, *kept.outcome);
  Attempt& attempt = attempts_[fence];
  attempt = {.offer = kept.offer, .service = true, .started = kept.lives};
  if (!kept.lives) {
    const bool interrupted = !kept.started;
    // What was begun, if anything, is to be gone first.
    return After(
        Between(0, interrupted ? 1'000 : 50), [this, fence, interrupted] {
          End(fence, {.state = interrupted ? v1::TASK_STATE_CANCELLED
                                           : v1::TASK_STATE_FAILED,
                      .exit_code = 1,
                      .message = "it ended while no worker was there"});
        });
  }
  oracle_->Adopts(process_, lease);
  const v1::Action& action = *kept.offer.action;
  if (action.has_ready() && !kept.up) {
    WaitUntilReady(lease, kept.ready);
  } else if (action.has_live()) {
    WatchOver(lease);
  }
  if (calm_ || !random_.Chance(15)) return;
  After(Between(1, 2'000), [this, fence] {
    End(fence, {.state = v1::TASK_STATE_FAILED,
                .exit_code = 1,
                .message = "its exit code is unknown"});
  });
}

void SimWorker::NoteKept(const worker::Todo& todo) {
  for (const worker::OutputTaken& taken : todo.output_taken) {
    Kept* kept = FindKept(taken.fence);
    if (kept != nullptr) kept->taken = std::max(kept->taken, taken.bytes);
  }
  for (const uint64_t fence : todo.forgotten) {
    Kept* kept = FindKept(fence);
    if (kept == nullptr) continue;
    kept->forgotten = true;
    if (!attempts_.contains(fence)) kept_.erase(fence);
  }
}

}  // namespace w2t::sim
