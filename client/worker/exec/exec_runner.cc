#include "client/worker/exec/exec_runner.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "client/worker/exec/command.h"

namespace w2t::worker {

namespace {

// A start takes about half a millisecond; ends, timers and cancels are looked
// after in between.
constexpr int kStartsAtOnce = 4;
constexpr absl::Duration kSweepEvery = absl::Seconds(1);

}  // namespace

ExecRunner::ExecRunner(Loop* loop, AttemptSink* sink, ExecOptions options)
    : loop_(loop),
      sink_(sink),
      options_(std::move(options)),
      reaper_(loop),
      resolver_(loop),
      http_(loop),
      grpc_(loop) {
  if (options_.guard != nullptr) {
    guard_started_ = orphans_.Start(options_.guard->pid());
  }
}

ExecRunner::~ExecRunner() { loop_->Cancel(sweep_timer_); }

void ExecRunner::Start(std::vector<Offer> offers) {
  if (stopped_) {
    for (const Offer& offer : offers) Drop(offer);
    return;
  }
  for (Offer& offer : offers) queue_.push_back(std::move(offer));
  if (!starting_) StartSome();
}

void ExecRunner::Drop(const Offer& offer) {
  sink_->Ended(offer.lease, {.state = v1::TASK_STATE_CANCELLED,
                             .message = "cancelled before it started"});
}

void ExecRunner::StartSome() {
  starting_ = false;
  Host* const host = this;
  for (int i = 0; i < kStartsAtOnce && !queue_.empty(); ++i) {
    Offer offer = std::move(queue_.front());
    queue_.pop_front();
    const uint64_t fence = offer.lease.fence;
    std::string mark = MarkOf(options_.mark, fence);
    SpawnSpec command =
        CommandOf(offer, options_.environment, options_.worker, mark);
    command.open_files = options_.open_files;
    command.guard = options_.guard;
    command.orphans = &orphans_;
    auto attempt = std::make_unique<ExecAttempt>(
        host, std::move(offer), std::move(command), std::move(mark));
    if (attempt->Start()) attempts_.emplace(fence, std::move(attempt));
  }
  if (sweep_timer_ == 0 && !attempts_.empty()) {
    sweep_timer_ = loop_->After(kSweepEvery, [this] { SweepNow(); });
  }
  if (!queue_.empty()) {
    starting_ = true;
    loop_->Post([this] { StartSome(); });
  }
}

void ExecRunner::Cancel(absl::Span<const Lease> leases) {
  absl::flat_hash_set<uint64_t> waiting;
  for (const Lease& lease : leases) {
    const auto it = attempts_.find(lease.fence);
    if (it != attempts_.end()) {
      it->second->Cancel();
    } else {
      waiting.insert(lease.fence);
    }
  }
  if (waiting.empty() || queue_.empty()) return;
  std::erase_if(queue_, [&](const Offer& offer) {
    if (!waiting.contains(offer.lease.fence)) return false;
    Drop(offer);
    return true;
  });
}

void ExecRunner::StopAll(absl::Duration longest_grace) {
  stopped_ = true;
  for (const Offer& offer : std::exchange(queue_, {})) Drop(offer);
  for (auto& [fence, attempt] : attempts_) attempt->Cancel(longest_grace);
}

void ExecRunner::ResumeOutput() {
  for (auto& [fence, attempt] : attempts_) attempt->ResumeOutput();
}

// What daemonises and ends while its attempt goes on.
void ExecRunner::SweepNow() {
  sweep_timer_ = 0;
  orphans_.Sweep();
  if (attempts_.empty()) return;
  sweep_timer_ = loop_->After(kSweepEvery, [this] { SweepNow(); });
}

void ExecRunner::OnAttemptEnded(uint64_t fence) { attempts_.erase(fence); }

}  // namespace w2t::worker
