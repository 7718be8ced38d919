#include "client/worker/exec/exec_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/time/clock.h"
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
  if (!start_posted_) StartSome();
}

void ExecRunner::Drop(const Offer& offer) {
  sink_->Ended(offer.lease, {.state = v1::TASK_STATE_CANCELLED,
                             .message = "cancelled before it started"});
}

std::unique_ptr<ExecAttempt> ExecRunner::Make(
    Offer offer, std::unique_ptr<KeptService> kept) {
  Host* const host = this;
  std::string mark =
      MarkOf(kept == nullptr ? options_.mark : options_.state->mark(),
             offer.lease.fence);
  SpawnSpec command =
      CommandOf(offer, options_.environment, options_.worker, mark);
  command.open_files = options_.open_files;
  command.guard = options_.guard;
  command.orphans = &orphans_;
  auto [cgroup, unkept] =
      CgroupFor(offer, mark, kept == nullptr ? "" : kept->kept().cgroup());
  auto attempt =
      std::make_unique<ExecAttempt>(host, std::move(offer), std::move(command),
                                    std::move(mark), std::move(kept));
  attempt->Use(std::move(cgroup), std::move(unkept));
  return attempt;
}

std::pair<std::unique_ptr<Cgroup>, std::string> ExecRunner::CgroupFor(
    const Offer& offer, const std::string& mark, const std::string& path) {
  const v1::ExecLimits& limits = offer.action->exec().limits();
  const bool limited = limits.memory_bytes() > 0 || limits.cpu_milli() > 0;
  std::unique_ptr<Cgroup> cgroup;
  absl::Status status;
  if (!path.empty()) {
    cgroup = std::make_unique<Cgroup>(path);
    if (cgroup->fd() < 0) cgroup.reset();
  } else if (options_.cgroups != nullptr && (limited || offer.service)) {
    auto made = options_.cgroups->Make(mark.substr(0, mark.find(';')));
    status = made.status();
    if (made.ok()) cgroup = *std::move(made);
  }
  if (!limited) return {std::move(cgroup), ""};
  if (options_.cgroups == nullptr) {
    status = absl::UnavailableError(options_.no_cgroups);
  } else if (cgroup != nullptr) {
    status = options_.cgroups->Limit(*cgroup, limits);
  }
  if (status.ok()) return {std::move(cgroup), ""};
  return {std::move(cgroup), fmt::format("its limits are not kept to here: {}",
                                         std::string(status.message()))};
}

std::unique_ptr<KeptService> ExecRunner::KeptFor(const Offer& offer) {
  if (!offer.service || options_.state == nullptr) return nullptr;
  absl::StatusOr<std::unique_ptr<KeptService>> kept =
      options_.state->Create(offer);
  if (kept.ok()) return *std::move(kept);
  const std::string line =
      fmt::format("this service will not outlive a worker that is killed: {}\n",
                  std::string(kept.status().message()));
  sink_->Printed(offer.lease, v1::LOG_STREAM_WORKER, line);
  return nullptr;
}

void ExecRunner::Adopt(std::vector<std::unique_ptr<KeptService>> services) {
  for (std::unique_ptr<KeptService>& service : services) {
    const kept::v1::KeptAttempt& kept = service->kept();
    Offer offer = service->offer();
    const Lease lease = offer.lease;
    const v1::TaskState state = kept.up()         ? v1::TASK_STATE_UP
                                : kept.pid() != 0 ? v1::TASK_STATE_RUNNING
                                                  : v1::TASK_STATE_LEASED;
    sink_->Adopted(lease, state, service->printed_before());
    if (kept.has_outcome()) {
      const kept::v1::KeptOutcome& outcome = kept.outcome();
      service->Replay([&](v1::LogStream stream, std::string_view data) {
        sink_->Printed(lease, stream, data);
      });
      sink_->Ended(lease, {.state = outcome.state(),
                           .exit_code = outcome.exit_code(),
                           .message = outcome.message(),
                           .signal = outcome.signal(),
                           .cpu_us = outcome.cpu_us(),
                           .max_rss_bytes = outcome.max_rss_bytes()});
      ended_[lease.fence] = std::move(service);
      continue;
    }
    if (offer.action->has_ready() && !kept.up()) EnterPlace(lease.fence);
    ExecAttempt& attempt =
        *(attempts_[lease.fence] = Make(std::move(offer), std::move(service)));
    attempt.Adopt();
  }
  if (options_.state != nullptr) options_.state->TakenOver();
}

void ExecRunner::OutputTaken(absl::Span<const worker::OutputTaken> taken) {
  for (const worker::OutputTaken& piece : taken) {
    const auto it = attempts_.find(piece.fence);
    if (it != attempts_.end()) it->second->ReleaseOutput(piece.bytes);
  }
}

void ExecRunner::Forget(absl::Span<const uint64_t> fences) {
  for (const uint64_t fence : fences) {
    const auto ended = ended_.find(fence);
    if (ended != ended_.end()) {
      ended->second->Remove();
      ended_.erase(ended);
    } else if (const auto it = attempts_.find(fence); it != attempts_.end()) {
      it->second->Forget();
      forgotten_.insert(fence);
    }
  }
}

std::optional<Offer> ExecRunner::Next() {
  std::optional<Offer> next;
  if (!turn_.empty() && HasPlace()) {
    next = std::move(turn_.front());
    turn_.pop_front();
  }
  while (!next && !queue_.empty()) {
    Offer offer = std::move(queue_.front());
    queue_.pop_front();
    if (!offer.action->has_ready() || HasPlace()) {
      next = std::move(offer);
      continue;
    }
    sink_->ProbeMissed(
        offer.lease,
        {.message = fmt::format("waits for its turn on the worker: {} are "
                                "starting, and max_starting is {}",
                                starting_.size(), options_.max_starting)});
    turn_.push_back(std::move(offer));
  }
  return next;
}

void ExecRunner::EnterPlace(uint64_t fence) {
  starting_.emplace(fence, absl::Now() + options_.starting_patience);
}

void ExecRunner::LeavePlace(uint64_t fence) {
  if (starting_.erase(fence) > 0) StartSomeSoon();
}

void ExecRunner::LeaveOldPlaces() {
  const absl::Time now = absl::Now();
  absl::erase_if(starting_,
                 [now](const auto& entry) { return entry.second <= now; });
  StartSomeSoon();
}

void ExecRunner::StartSomeSoon() {
  const bool may = !queue_.empty() || (!turn_.empty() && HasPlace());
  if (!may || std::exchange(start_posted_, true)) return;
  loop_->Post([this] { StartSome(); });
}

void ExecRunner::StartSome() {
  start_posted_ = false;
  for (int i = 0; i < kStartsAtOnce; ++i) {
    std::optional<Offer> offer = Next();
    if (!offer) break;
    const uint64_t fence = offer->lease.fence;
    // It may be up before Start returns.
    if (offer->action->has_ready()) EnterPlace(fence);
    std::unique_ptr<KeptService> kept = KeptFor(*offer);
    auto attempt = Make(*std::move(offer), std::move(kept));
    if (attempt->Start()) {
      attempts_.emplace(fence, std::move(attempt));
    } else {
      starting_.erase(fence);
    }
  }
  if (sweep_timer_ == 0 && !attempts_.empty()) {
    sweep_timer_ = loop_->After(kSweepEvery, [this] { SweepNow(); });
  }
  StartSomeSoon();
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
  if (waiting.empty()) return;
  DropFrom(turn_, waiting);
  DropFrom(queue_, waiting);
}

void ExecRunner::DropFrom(std::deque<Offer>& queue,
                          const absl::flat_hash_set<uint64_t>& fences) {
  std::erase_if(queue, [&](const Offer& offer) {
    if (!fences.contains(offer.lease.fence)) return false;
    Drop(offer);
    return true;
  });
}

void ExecRunner::StopAll(absl::Duration longest_grace) {
  stopped_ = true;
  for (const Offer& offer : std::exchange(turn_, {})) Drop(offer);
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
  LeaveOldPlaces();
  if (attempts_.empty()) return;
  sweep_timer_ = loop_->After(kSweepEvery, [this] { SweepNow(); });
}

void ExecRunner::OnAttemptEnded(uint64_t fence,
                                std::unique_ptr<KeptService> kept) {
  if (kept != nullptr) {
    if (forgotten_.erase(fence) > 0) {
      kept->Remove();
    } else {
      ended_[fence] = std::move(kept);
    }
  }
  attempts_.erase(fence);
  LeavePlace(fence);
}

}  // namespace w2t::worker
