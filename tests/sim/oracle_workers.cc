// What workers do and hear, and whether it was theirs to do.
#include <algorithm>

#include "fmt/format.h"
#include "tests/sim/oracle.h"

namespace w2t::sim {
namespace {

LeaseRef RefOf(const worker::Lease& lease) {
  return {{lease.run}, lease.task, lease.attempt, {lease.fence}};
}

}  // namespace

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
  if (truth.ever_started &&
      granted->second.blueprint->at_most_once(lease.task)) {
    Fault("a second start of what runs at most once: " + NameOf(ref));
  }
  CheckDependencies(ref);
  truth.ever_started = true;
  truth.attempt = std::max(truth.attempt, lease.attempt);
  truth.started = truth.started || lease.fence > truth.forgotten_at;
  truth.running.emplace(process, lease.fence);
}

void Oracle::CheckDependencies(const LeaseRef& lease) {
  const Blueprint& blueprint = *granted_[lease.fence.value].blueprint;
  uint32_t held = 0;
  std::map<uint32_t, uint32_t> in_quorums;
  std::string missing;
  for (const Blueprint::Edge& edge : blueprint.predecessors(lease.task)) {
    if (!Held(edge, lease, blueprint.kind(edge.task))) {
      missing += fmt::format(", not {} of task {}",
                             static_cast<int>(edge.condition), edge.task);
      continue;
    }
    const bool counts =
        edge.quorum == 0 ||
        ++in_quorums[edge.quorum] == blueprint.quorums()[edge.quorum - 1].need;
    if (counts) ++held;
  }
  if (held < blueprint.need(lease.task)) {
    Fault(fmt::format("a start with {} of {} dependencies held: {}{}", held,
                      blueprint.need(lease.task), NameOf(lease), missing));
  }
}

bool Oracle::Held(const Blueprint::Edge& edge, const LeaseRef& lease,
                  TaskKind kind) {
  const TaskKey key(lease.run.value, edge.task);
  const auto it = truth_.find(key);
  const Truth truth = it == truth_.end() ? Truth() : it->second;
  if (truth.murky || lease.fence.value <= truth.forgotten_at) return true;
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
  Truth& truth = truth_[{lease.run, lease.task}];
  truth.up = truth.up || lease.fence > truth.forgotten_at;
  came_up_.insert(lease.fence);
}

void Oracle::Ends(const worker::Lease& lease, v1::TaskState state) {
  Tell("worker: {} ends as {}", NameOf(RefOf(lease)),
       Name(static_cast<TaskState>(state)));
  Truth& truth = truth_[{lease.run, lease.task}];
  if (lease.fence > truth.forgotten_at) {
    truth.succeeded |= state == v1::TASK_STATE_SUCCEEDED;
    truth.failed |= state != v1::TASK_STATE_SUCCEEDED;
  }
  std::erase_if(truth.running,
                [&](const auto& one) { return one.second == lease.fence; });
}

void Oracle::Dies(uint64_t process, const std::set<uint64_t>& survivors) {
  for (auto& [key, truth] : truth_) {
    std::erase_if(truth.running, [&](const auto& one) {
      return one.first == process && !survivors.contains(one.second);
    });
  }
}

void Oracle::CheckNothingRuns() {
  for (const auto& [key, truth] : truth_) {
    if (truth.running.empty()) continue;
    Fault(fmt::format("task {} of run {} runs, and nobody knows of it",
                      key.second, key.first));
  }
}

void Oracle::Adopts(uint64_t process, const worker::Lease& lease) {
  const LeaseRef ref = RefOf(lease);
  Tell("worker {}: adopts {}", process, NameOf(ref));
  const auto granted = granted_.find(lease.fence);
  if (granted == granted_.end() || granted->second.lease != ref) {
    return Fault("what is adopted was granted as another: " + NameOf(ref));
  }
  auto& running = truth_[{lease.run, lease.task}].running;
  const auto copies = std::erase_if(
      running, [&](const auto& one) { return one.second == lease.fence; });
  if (copies != 1) {
    Fault(fmt::format("{} copies of it run: {}", copies, NameOf(ref)));
  }
  running.emplace(process, lease.fence);
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

std::map<Oracle::TaskKey, uint8_t> Oracle::LossesOfWaiting(
    const FactBatch& batch) const {
  std::map<TaskKey, uint8_t> losses;
  std::set<uint64_t>
      moving;  // runs where more may hold by the end of the batch
  const auto add = [&](const LeaseRef& lease) {
    const Run* run = shadow_->FindRun(lease.run);
    if (run == nullptr || lease.task >= run->blueprint().size()) return;
    const TaskRecord& record = run->task(lease.task);
    if (record.ahead && record.fence == lease.fence &&
        record.satisfied < run->blueprint().need(lease.task)) {
      losses[{lease.run.value, lease.task}] = record.lost_attempts;
    }
  };
  for (const Fact& fact : batch.facts) {
    if (const auto* f = std::get_if<Reported>(&fact)) {
      for (size_t i = 0; i < f->reports.leases.size(); ++i) {
        if (f->reports.state[i] == TaskState::kCancelled) {
          add(f->reports.leases.at(i));
        } else {
          moving.insert(f->reports.leases.run[i]);
        }
      }
    } else if (const auto* f = std::get_if<LeasesLost>(&fact)) {
      for (size_t i = 0; i < f->leases.size(); ++i) add(f->leases.at(i));
    }
  }
  std::erase_if(losses, [&](const auto& loss) {
    return moving.contains(loss.first.first);
  });
  return losses;
}

void Oracle::CheckLossesOfWaiting(const std::map<TaskKey, uint8_t>& before) {
  for (const auto& [key, losses] : before) {
    const Run* run = shadow_->FindRun(RunNumber{key.first});
    if (run == nullptr || key.second >= run->blueprint().size()) continue;
    const TaskRecord& record = run->task(key.second);
    // Of one that has ended with its run, nobody counts them.
    if (!IsOutcome(record.state) && record.lost_attempts > losses) {
      Fault(fmt::format("what only waited counts as lost: run {} task {}",
                        key.first, key.second));
    }
  }
}

}  // namespace w2t::sim
