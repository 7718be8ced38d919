#include "tests/sim/oracle.h"

#include <algorithm>
#include <cstdio>

#include "fmt/format.h"
#include "proto/wire/journal_codec.h"

namespace w2t::sim {
namespace {

void Mix(std::string_view bytes, uint64_t* hash) {
  for (const char c : bytes) {
    *hash = (*hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  }
}

// Of so many steps the snapshot of one is looked at.
constexpr uint64_t kStepsToASnapshot = 16;

}  // namespace

Oracle::Oracle(const SimClock* clock, const EngineOptions& options,
               bool verbose)
    : clock_(clock),
      options_(options),
      verbose_(verbose),
      shadow_(std::make_unique<Engine>(options_)),
      referee_(nullptr, [this](const std::string& fault) { Fault(fault); }) {
  referee_.TrustStreams();
}

void Oracle::Fault(std::string what) {
  Tell("FAULT {}", what);
  if (!fault_) {
    fault_ =
        fmt::format("at {}: {}", absl::FormatDuration(clock_->elapsed()), what);
  }
}

void Oracle::Say(const std::string& what) {
  std::printf("%10.4f %s\n", absl::ToDoubleSeconds(clock_->elapsed()),
              what.c_str());
}

std::string Oracle::NameOf(const LeaseRef& lease) {
  return fmt::format("run {} task {} attempt {} fence {}", lease.run.value,
                     lease.task, lease.attempt, lease.fence.value);
}

// The journal.

void Oracle::Appending(std::string_view bytes) { appending_ = bytes; }

void Oracle::Appended() {
  batches_.push_back(appending_);
  Mix(appending_, &trace_);
  trace_ ^= static_cast<uint64_t>(absl::ToUnixMicros(clock_->now()));
  absl::StatusOr<FactBatch> batch = wire::DecodeBatch(appending_);
  if (!batch.ok()) return Fault(batch.status().ToString());
  if (!facts_.facts.empty()) return Fault("a batch was never acted upon");
  Tell("journal: batch {}, {} facts", batches_.size(), batch->facts.size());
  Fold(*batch);
  facts_ = *std::move(batch);
}

void Oracle::Read(uint64_t number, std::string_view bytes) {
  if (number <= batches_.size()) {
    if (bytes != batches_[number - 1]) {
      Fault(fmt::format("batch {} of the journal has changed", number));
    }
    return;
  }
  if (number > batches_.size() + 1 || bytes != appending_) {
    return Fault(fmt::format("batch {} was invented", number));
  }
  // It was on its way when the daemon died. Now it is as good as any other.
  Appended();
  Tell("journal: batch {} made it", number);
}

void Oracle::ReadAll(uint64_t last) {
  if (last < batches_.size()) {
    Fault(fmt::format("{} durable batches are lost", batches_.size() - last));
  }
  // What was durable when the daemon died, and not acted upon.
  referee_.Missed(std::exchange(facts_, {}));
  engine_ = nullptr;
}

void Oracle::Fold(const FactBatch& batch) {
  const std::map<TaskKey, uint8_t> losses = LossesOfWaiting(batch);
  if (const absl::Status s = shadow_->Replay(batch); !s.ok()) {
    Fault(fmt::format("the facts do not fit: {}", s.ToString()));
  }
  CheckLossesOfWaiting(losses);
  for (const Fact& fact : batch.facts) {
    if (const auto* f = std::get_if<RunAccepted>(&fact)) {
      run_ids_[f->run.value] = f->run_id;
      if (f->keep) CheckUnique(*f);
    } else if (const auto* f = std::get_if<TasksRestarted>(&fact)) {
      if (!restarts_.insert(f->request_id).second) {
        Fault(fmt::format("a second restart under the id {}", f->request_id));
      }
    } else if (const auto* f = std::get_if<RunRevised>(&fact)) {
      ++revisions_[run_ids_[f->run.value]];
    } else if (const auto* f = std::get_if<RunEvicted>(&fact)) {
      forgotten_.insert(run_ids_[f->run.value]);
    } else if (const auto* f = std::get_if<Leased>(&fact)) {
      for (size_t i = 0; i < f->leases.size(); ++i) {
        const LeaseRef lease = f->leases.at(i);
        const Run* run = shadow_->FindRun(lease.run);
        granted_[lease.fence.value] = {
            lease, {f->worker[i]}, {}, run->spec().blueprint};
        last_fence_ = std::max(last_fence_, lease.fence.value);
        live_[f->worker[i]].insert(lease.fence.value);
      }
    } else if (const auto* f = std::get_if<Reported>(&fact)) {
      FoldReported(*f);
    } else if (const auto* f = std::get_if<LeasesLost>(&fact)) {
      CheckLost(*f);
      for (const uint64_t fence : f->leases.fence) {
        EndLease(fence, {TaskState::kLost, 0});
      }
    } else if (const auto* f = std::get_if<WorkerLeft>(&fact)) {
      FoldWorkerLeft(batch, f->worker);
    } else if (const auto* f = std::get_if<WorkerJoined>(&fact)) {
      attached_[f->worker.value] = {f->spec.name, f->spec.instance, batch.now};
    } else if (std::holds_alternative<EpochStarted>(fact)) {
      for (auto& [number, attached] : attached_) attached.last = batch.now;
    }
  }
  ForgetIncarnations();
  daemon_now_ = batch.now;
}

void Oracle::CheckUnique(const RunAccepted& fact) {
  for (const auto& [number, run] : shadow_->runs()) {
    if (number == fact.run || !run->spec().keep || IsEnded(run->state()) ||
        run->blueprint().name() != fact.blueprint->name()) {
      continue;
    }
    Fault(fmt::format("runs {} and {} have one name", fact.run_id,
                      run->spec().run_id));
  }
}

// What starts anew has not started, whatever its workers have said before: all
// leases from here on wait for it again.
void Oracle::ForgetIncarnations() {
  for (auto& [key, truth] : truth_) {
    const Run* run = shadow_->FindRun(RunNumber{key.first});
    if (run == nullptr || key.second >= run->blueprint().size()) continue;
    const TaskRecord& record = run->task(key.second);
    const bool waits = !IsHeld(record.state) && !IsOutcome(record.state);
    const bool anew = !record.has_started && !record.has_been_up &&
                      (waits || record.attempt > truth.attempt);
    if (!anew) continue;
    truth.started = truth.up = truth.succeeded = truth.failed = false;
    truth.forgotten_at = waits ? last_fence_ : record.fence.value - 1;
  }
}

void Oracle::FoldWorkerLeft(const FactBatch& batch, WorkerNumber worker) {
  const std::set<uint64_t> fences = live_[worker.value];
  for (const uint64_t fence : fences) EndLease(fence, {TaskState::kLost, 0});
  const Attached attached = attached_[worker.value];
  attached_.erase(worker.value);
  if (leaving_.contains(attached.name) ||
      batch.now - attached.last >= options_.reattach_window) {
    return;
  }
  for (const Fact& fact : batch.facts) {
    const auto* joined = std::get_if<WorkerJoined>(&fact);
    if (joined != nullptr && joined->spec.name == attached.name &&
        joined->spec.instance != attached.instance) {
      return;
    }
  }
  Fault(fmt::format("worker {} was given up after {}", attached.name,
                    absl::FormatDuration(batch.now - attached.last)));
}

void Oracle::FoldReported(const Reported& fact) {
  for (size_t i = 0; i < fact.reports.leases.size(); ++i) {
    const uint64_t fence = fact.reports.leases.fence[i];
    const TaskState state = fact.reports.state[i];
    if (state == TaskState::kUp) told_up_.insert(fence);
    if (!IsOutcome(state)) continue;
    if (came_up_.contains(fence) && !told_up_.contains(fence)) {
      Fault("it came up, which was never told: " +
            NameOf(fact.reports.leases.at(i)));
    }
    EndLease(fence, {state, fact.reports.exit_code[i]});
    // Of what its worker stopped by itself nobody knows more.
    const LeaseRef lease = fact.reports.leases.at(i);
    const Run* run = shadow_->FindRun(lease.run);
    if (run != nullptr && run->task(lease.task).state == TaskState::kLost) {
      lost_.emplace(lease.run.value, lease.task);
    }
  }
}

// A worker that is there says what it runs.
void Oracle::CheckLost(const LeasesLost& fact) {
  for (size_t i = 0; i < fact.leases.size(); ++i) {
    const LeaseRef lease = fact.leases.at(i);
    const Truth& truth = truth_[{lease.run.value, lease.task}];
    for (const auto& [process, fence] : truth.running) {
      if (fence != lease.fence.value || truth.murky) continue;
      Fault("taken for lost, and it runs: " + NameOf(lease));
    }
  }
}

void Oracle::EndLease(uint64_t fence, Ending ending) {
  Granted& granted = granted_[fence];
  if (granted.ending) Fault("two endings of " + NameOf(granted.lease));
  granted.ending = ending;
  live_[granted.worker.value].erase(fence);
  if (ending.state == TaskState::kLost) {
    lost_.emplace(granted.lease.run.value, granted.lease.task);
  }
}

// The loop.

void Oracle::Stepped(const server::View& view, std::vector<Action> actions) {
  if (engine_ != &view.engine) {
    engine_ = &view.engine;
    steps_ = 0;
    referee_.Restarted(engine_);
  }
  for (const Action& action : actions) {
    const auto* welcome = std::get_if<WelcomeWorker>(&action);
    if (welcome == nullptr) continue;
    const Worker* worker = view.engine.fleet().Find(welcome->worker);
    const bool stays = worker != nullptr && worker->session == welcome->session;
    if (stays) CheckVerdicts(*welcome);
  }
  for (const auto& [number, worker] : view.engine.fleet().workers()) {
    const auto it = attached_.find(number.value);
    if (worker.session && it != attached_.end()) it->second.last = daemon_now_;
  }
  StepResult step{std::exchange(facts_, {}), std::move(actions)};
  referee_.Judge(step);
  if (view.engine.Hash() != shadow_->Hash()) {
    Fault("the state is not what the journal says");
  }
  if (steps_++ % kStepsToASnapshot == 0) CheckSnapshot(view.engine);
}

// A worker goes on with what is its own, and with nothing else.
void Oracle::CheckVerdicts(const WelcomeWorker& welcome) {
  for (size_t i = 0; i < welcome.verdicts.size(); ++i) {
    const LeaseRef lease = welcome.held.at(i);
    const auto it = granted_.find(lease.fence.value);
    const bool live = it != granted_.end() && it->second.lease == lease &&
                      it->second.worker == welcome.worker && !it->second.ending;
    const HeldVerdict verdict = welcome.verdicts[i];
    const bool goes_on =
        verdict == HeldVerdict::kKeep || verdict == HeldVerdict::kCancel;
    if (!goes_on || live) continue;
    Fault(fmt::format("a worker may go on with {}, which is not live",
                      NameOf(lease)));
  }
}

}  // namespace w2t::sim
