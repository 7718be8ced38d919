#include "tests/sim/oracle.h"

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

LeaseRef RefOf(const worker::Lease& lease) {
  return {{lease.run}, lease.task, lease.attempt, {lease.fence}};
}

std::string NameOf(const LeaseRef& lease) {
  return fmt::format("run {} task {} attempt {} fence {}", lease.run.value,
                     lease.task, lease.attempt, lease.fence.value);
}

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
  if (const absl::Status s = shadow_->Replay(batch); !s.ok()) {
    Fault(fmt::format("the facts do not fit: {}", s.ToString()));
  }
  for (const Fact& fact : batch.facts) {
    if (const auto* f = std::get_if<RunAccepted>(&fact)) {
      blueprints_[f->run.value] = f->blueprint;
      run_ids_[f->run.value] = f->run_id;
    } else if (const auto* f = std::get_if<RunEvicted>(&fact)) {
      forgotten_.insert(run_ids_[f->run.value]);
    } else if (const auto* f = std::get_if<Leased>(&fact)) {
      for (size_t i = 0; i < f->leases.size(); ++i) {
        const LeaseRef lease = f->leases.at(i);
        granted_[lease.fence.value] = {lease, {f->worker[i]}, {}};
        live_[f->worker[i]].insert(lease.fence.value);
      }
    } else if (const auto* f = std::get_if<Reported>(&fact)) {
      for (size_t i = 0; i < f->reports.leases.size(); ++i) {
        if (!IsOutcome(f->reports.state[i])) continue;
        EndLease(f->reports.leases.fence[i],
                 {f->reports.state[i], f->reports.exit_code[i]});
      }
    } else if (const auto* f = std::get_if<LeasesLost>(&fact)) {
      for (const uint64_t fence : f->leases.fence) {
        EndLease(fence, {TaskState::kLost, 0});
      }
    } else if (const auto* f = std::get_if<WorkerLeft>(&fact)) {
      FoldWorkerLeft(batch, f->worker);
    } else if (const auto* f = std::get_if<WorkerJoined>(&fact)) {
      attached_[f->worker.value] = {f->spec.name, batch.now};
    } else if (std::holds_alternative<EpochStarted>(fact)) {
      for (auto& [number, attached] : attached_) attached.last = batch.now;
    }
  }
  daemon_now_ = batch.now;
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
    if (joined != nullptr && joined->spec.name == attached.name) return;
  }
  Fault(fmt::format("worker {} was given up after {}", attached.name,
                    absl::FormatDuration(batch.now - attached.last)));
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

// Workers.

void Oracle::Says(const v1::ReportBatch& reports) {
  ReportColumns columns;
  for (int i = 0; i < reports.state_size(); ++i) {
    columns.leases.Add({{reports.leases().run(i)},
                        reports.leases().task(i),
                        reports.leases().attempt(i),
                        {reports.leases().fence(i)}});
    columns.state.push_back(static_cast<TaskState>(reports.state(i)));
    columns.exit_code.push_back(reports.exit_code(i));
  }
  referee_.Reporting(columns);
}

void Oracle::Starts(uint64_t process, const worker::Lease& lease) {
  const LeaseRef ref = RefOf(lease);
  Tell("worker {}: starts {}", process, NameOf(ref));
  if (!started_.insert(lease.fence).second) {
    return Fault("a lease was started twice: " + NameOf(ref));
  }
  const auto granted = granted_.find(lease.fence);
  if (granted == granted_.end() || granted->second.lease != ref) {
    return Fault("a start without a durable lease: " + NameOf(ref));
  }
  Truth& truth = truth_[{lease.run, lease.task}];
  for (const auto& [other, fence] : truth.running) {
    // An offer that came late, after the worker was given up, is live no more;
    // the worker learns of that when it dials.
    if (!granted_[fence].ending && !granted->second.ending) {
      Fault("a start beside " + NameOf(granted_[fence].lease) +
            ", which is live: " + NameOf(ref));
    }
  }
  if (truth.started && blueprints_[lease.run]->at_most_once(lease.task)) {
    Fault("a second start of what runs at most once: " + NameOf(ref));
  }
  CheckDependencies(ref);
  truth.started = true;
  truth.running.emplace(process, lease.fence);
}

void Oracle::CheckDependencies(const LeaseRef& lease) {
  const Blueprint& blueprint = *blueprints_[lease.run.value];
  uint32_t held = 0;
  std::string missing;
  for (const Blueprint::Edge& edge : blueprint.predecessors(lease.task)) {
    if (Held(edge, lease.run.value, blueprint.kind(edge.task))) {
      ++held;
    } else {
      missing += fmt::format(", not {} of task {}",
                             static_cast<int>(edge.condition), edge.task);
    }
  }
  if (held < blueprint.need(lease.task)) {
    Fault(fmt::format("a start with {} of {} dependencies held: {}{}", held,
                      blueprint.need(lease.task), NameOf(lease), missing));
  }
}

bool Oracle::Held(const Blueprint::Edge& edge, uint64_t run, TaskKind kind) {
  const TaskKey key(run, edge.task);
  const auto it = truth_.find(key);
  const Truth truth = it == truth_.end() ? Truth() : it->second;
  if (truth.murky) return true;
  switch (edge.condition) {
    case Condition::kStarted:
      return truth.started;
    case Condition::kReady:
      return truth.up;
    case Condition::kFailed:
      // A service that ends by itself has failed.
      return truth.failed || lost_.contains(key) ||
             (truth.succeeded && kind == TaskKind::kService);
    case Condition::kFinished:
      // It may have been skipped or cancelled, of which no worker knows.
      return truth.succeeded || truth.failed || lost_.contains(key) ||
             !truth.started;
    case Condition::kDefault:
    case Condition::kSucceeded:
      return truth.succeeded || kind == TaskKind::kService;
  }
  return false;
}

void Oracle::ComesUp(const worker::Lease& lease) {
  truth_[{lease.run, lease.task}].up = true;
}

void Oracle::Ends(const worker::Lease& lease, v1::TaskState state) {
  Tell("worker: {} ends as {}", NameOf(RefOf(lease)),
       Name(static_cast<TaskState>(state)));
  Truth& truth = truth_[{lease.run, lease.task}];
  truth.succeeded |= state == v1::TASK_STATE_SUCCEEDED;
  truth.failed |= state != v1::TASK_STATE_SUCCEEDED;
  std::erase_if(truth.running,
                [&](const auto& one) { return one.second == lease.fence; });
}

void Oracle::Dies(uint64_t process) {
  for (auto& [key, truth] : truth_) {
    std::erase_if(truth.running,
                  [&](const auto& one) { return one.first == process; });
  }
}

std::optional<LeaseRef> Oracle::AnyLease(Random& random) const {
  if (granted_.empty()) return std::nullopt;
  auto it = granted_.begin();
  std::advance(it, random.Below(granted_.size()));
  return it->second.lease;
}

void Oracle::HearsAck(const v1::ReportBatch& reports) {
  for (int i = 0; i < reports.leases().fence_size(); ++i) {
    const auto state = static_cast<TaskState>(reports.state(i));
    if (!IsOutcome(state)) continue;
    const auto it = granted_.find(reports.leases().fence(i));
    if (it == granted_.end()) {
      Fault("a report on a lease that is not durable was acknowledged");
      continue;
    }
    const std::optional<Ending>& ending = it->second.ending;
    const std::string name = NameOf(it->second.lease);
    if (!ending) {
      Fault("an acknowledged report is not durable: " + name);
    } else if (ending->state != TaskState::kLost &&
               (ending->state != state ||
                ending->exit_code != reports.exit_code(i))) {
      Fault("an acknowledged report was changed: " + name);
    }
  }
}

// Clients.

void Oracle::HearsSubmitted(const std::string& request_id,
                            const std::string& run_id) {
  const auto [it, fresh] = submitted_.emplace(request_id, run_id);
  if (fresh || it->second == run_id) return;
  if (!forgotten_.contains(it->second)) {
    Fault(fmt::format("request {} is run {} and run {}", request_id, it->second,
                      run_id));
  }
  it->second = run_id;
}

void Oracle::HearsEvent(const std::string& run_id, uint64_t seq,
                        std::string event) {
  const auto [it, fresh] = events_[run_id].emplace(seq, event);
  if (fresh || it->second == event) return;
  Fault(fmt::format("event {} of run {} was told as {} and as {}", seq, run_id,
                    it->second, event));
}

void Oracle::HearsNoSuchRun(const std::string& run_id) {
  if (!forgotten_.contains(run_id)) {
    Fault(fmt::format("run {} is not known", run_id));
  }
}

void Oracle::CheckPromises(const server::View& view) {
  for (const auto& [request_id, run_id] : submitted_) {
    if (forgotten_.contains(run_id)) continue;
    if (!view.engine.FindId(run_id)) {
      Fault(fmt::format("run {} was acknowledged and is lost", run_id));
    }
    const Run* run = view.engine.FindRun(run_id);
    if (run != nullptr && cancelled_.contains(run_id) && !run->stopping() &&
        !IsEnded(run->state())) {
      Fault(fmt::format("run {} was cancelled and goes on", run_id));
    }
  }
}

// The journal's witness.

absl::Status JudgedJournal::Replay(Visitor visit) {
  uint64_t last = journal_->snapshot_batch();
  const absl::Status status =
      journal_->Replay([&](uint64_t number, std::string_view bytes) {
        if (number != ++last) oracle_->Fault("batches are out of order");
        oracle_->Read(number, bytes);
        return visit(number, bytes);
      });
  if (status.ok()) oracle_->ReadAll(last);
  return status;
}

absl::Status JudgedJournal::Append(uint64_t epoch, std::string_view bytes) {
  oracle_->Appending(bytes);
  absl::Status status = journal_->Append(epoch, bytes);
  if (status.ok()) oracle_->Appended();
  return status;
}

}  // namespace w2t::sim
