#include "core/engine/steps.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/base/state_hash.h"
#include "fmt/format.h"

namespace w2t {
namespace {

// Runs that end one after the other are forgotten in groups.
constexpr int64_t kExpiryStepUs = 1'000'000;

// Whether `run` was submitted with it.
bool HasContent(const Run& run, std::string_view content) {
  const uint64_t first = run.data().content;
  return first == 0 ? run.spec().definition->encoded() == content
                    : first == ContentHash(content);
}

}  // namespace

absl::Status Steps::Replay(const FactBatch& batch) {
  now_us_ = std::max(now_us_, absl::ToUnixMicros(batch.now));
  for (const Fact& fact : batch.facts) {
    if (absl::Status s = state_.Apply(fact, now_us_); !s.ok()) return s;
  }
  state_.TakeEffects();
  return absl::OkStatus();
}

EngineData Steps::Data() const {
  EngineData data = state_.Data();
  data.now_us = now_us_;
  return data;
}

absl::Status Steps::Restore(const EngineData& data) {
  now_us_ = data.now_us;
  return state_.Restore(data);
}

StepResult Steps::Start(absl::Time now) {
  now_us_ = std::max(now_us_, absl::ToUnixMicros(now));
  Record(EpochStarted{state_.epoch() + 1, options_.limits.max_lost_attempts,
                      options_.limits.forgives_losses});
  for (auto& [number, worker] : state_.fleet().workers()) {
    worker.detached_us = now_us_;
  }
  if (!state_.fleet().workers().empty()) {
    next_liveness_us_ =
        now_us_ + absl::ToInt64Microseconds(options_.reattach_window);
  }
  state_.FillQueues();
  next_expiry_us_ = NextExpiryUs();
  return Finish();
}

StepResult Steps::Step(absl::Span<Event> events, absl::Time now) {
  now_us_ = std::max(now_us_, absl::ToUnixMicros(now));
  for (Event& event : events) {
    std::visit([this](auto& e) { Handle(e); }, event);
  }
  RetriesDue due = state_.TakeDue(now_us_);
  if (!due.run.empty()) Record(std::move(due));
  if (now_us_ >= next_liveness_us_) CheckLiveness();
  if (now_us_ >= next_expiry_us_) EvictExpired();
  if (!draining_) Place();
  CollectEffects();
  return Finish();
}

absl::Time Steps::NextWakeup() const {
  const int64_t next =
      std::min({next_liveness_us_, next_expiry_us_, state_.next_due_us()});
  return next == INT64_MAX ? absl::InfiniteFuture()
                           : absl::FromUnixMicros(next);
}

void Steps::Record(Fact fact) {
  const absl::Status status = state_.Apply(fact, now_us_);
  assert(status.ok());  // facts are made from what the state allows
  static_cast<void>(status);
  result_.facts.facts.push_back(std::move(fact));
}

int64_t Steps::ExpiryUs(int64_t end_us) const {
  const int64_t retention_us = absl::ToInt64Microseconds(options_.retention);
  return end_us > INT64_MAX - retention_us ? INT64_MAX : end_us + retention_us;
}

int64_t Steps::NextExpiryUs() const {
  int64_t next = INT64_MAX;
  state_.VisitEnded([&](RunNumber, int64_t end_us) {
    next = std::min(next, ExpiryUs(end_us));
  });
  return next;
}

void Steps::EvictExpired() {
  std::vector<RunNumber> expired;
  state_.VisitEnded([&](RunNumber number, int64_t end_us) {
    if (ExpiryUs(end_us) <= now_us_) expired.push_back(number);
  });
  for (const RunNumber number : expired) Record(RunEvicted{number});
  next_expiry_us_ = std::max(NextExpiryUs(), now_us_ + kExpiryStepUs);
}

StepResult Steps::Finish() {
  result_.facts.now = absl::FromUnixMicros(now_us_);
  return std::exchange(result_, StepResult());
}

void Steps::Handle(SubmitEvent& event) {
  SubmitReply reply{.token = event.token};
  event.hold = event.hold || event.unique_name;
  const RunNumber known = event.request_id.empty()
                              ? RunNumber()
                              : state_.FindRequest(event.request_id);
  if (known) {
    Repeat(event, known, &reply);
  } else if (const Run* namesake = Namesake(event)) {
    reply.run = namesake->spec().number;
    reply.run_id = namesake->spec().run_id;
    reply.status = absl::AlreadyExistsError(
        fmt::format("run {} has the name \"{}\" and has not ended",
                    reply.run_id, event.blueprint->name()));
    reply.faults.Add({.code = DiagnosticCode::kConflict,
                      .message = std::string(reply.status.message()),
                      .field = "unique_name"});
  } else {
    reply.status = Admit(event, &reply.faults);
    if (reply.status.ok()) {
      reply.run = state_.next_run();
      reply.run_id =
          fmt::format("{}-{}", event.blueprint->name(), reply.run.value);
      Record(RunAccepted{reply.run, reply.run_id, std::move(event.request_id),
                         event.hold, event.unique_name,
                         std::move(event.blueprint),
                         std::move(event.definition)});
    }
  }
  result_.actions.push_back(std::move(reply));
}

// A request that was made before: the same run, or a fault.
void Steps::Repeat(const SubmitEvent& event, RunNumber known,
                   SubmitReply* reply) {
  const Run* run = state_.FindRun(known);
  const auto archived = state_.archived().find(known);
  const std::string_view content = event.definition->encoded();
  reply->run = known;
  reply->run_id = run ? run->spec().run_id : archived->second.run_id;
  reply->existing = true;
  const bool same = run ? run->spec().hold == event.hold &&
                              run->spec().keep == event.unique_name &&
                              HasContent(*run, content)
                        : archived->second.hold == event.hold &&
                              archived->second.keep == event.unique_name &&
                              archived->second.content == ContentHash(content);
  if (same) return;
  reply->status = absl::AlreadyExistsError(
      fmt::format("request id \"{}\" was used for run {} with other content",
                  event.request_id, reply->run_id));
  reply->faults.Add({.code = DiagnosticCode::kConflict,
                     .message = std::string(reply->status.message()),
                     .field = "request_id"});
}

const Run* Steps::Namesake(const SubmitEvent& event) const {
  if (!event.unique_name) return nullptr;
  for (const auto& [number, run] : state_.runs()) {
    if (run->spec().keep && !IsEnded(run->state()) &&
        run->blueprint().name() == event.blueprint->name()) {
      return run.get();
    }
  }
  return nullptr;
}

absl::Status Steps::Admit(const SubmitEvent& event, Diagnostics* faults) {
  if (draining_) {
    return absl::UnavailableError("the daemon is stopping; submit again later");
  }
  const Limits& limits = options_.limits;
  const uint64_t tasks = state_.live_tasks() + event.blueprint->size();
  if (tasks > limits.max_live_tasks) {
    faults->AddLimit("the number of tasks in runs that have not ended",
                     "graph.tasks", "max_live_tasks", limits.max_live_tasks,
                     tasks);
    return absl::ResourceExhaustedError(faults->Summary());
  }
  const size_t runs = state_.runs().size() + state_.archived().size();
  if (runs < limits.max_runs) return absl::OkStatus();
  if (const RunNumber oldest = state_.OldestEnded()) {
    Record(RunEvicted{oldest});
    return absl::OkStatus();
  }
  faults->AddLimit("the number of runs that have not ended", "graph",
                   "max_runs", limits.max_runs, runs + 1);
  return absl::ResourceExhaustedError(faults->Summary());
}

void Steps::Handle(DrainServerEvent&) { draining_ = true; }

void Steps::Place() {
  Leased leased = state_.Place(now_us_);
  if (leased.leases.empty()) return;
  absl::btree_map<WorkerNumber, OfferLeases> offers;
  for (size_t i = 0; i < leased.leases.size(); ++i) {
    const LeaseRef lease = leased.leases.at(i);
    OfferLeases& offer = offers[WorkerNumber{leased.worker[i]}];
    const Run& run = *state_.FindRun(lease.run);
    if (run.blueprint().has_probe(lease.task) &&
        run.blueprint().successors(lease.task).empty()) {
      offer.unhurried.push_back(lease.fence);
    }
    if (run.task(lease.task).ahead) {
      const auto position = static_cast<uint32_t>(offer.leases.size());
      for (const Awaited& awaited : run.AwaitedBy(lease.task)) {
        offer.conditions.push_back({position, awaited});
        if (run.IsAwaitedOnlyBy(awaited.task, run.task(lease.task).worker)) {
          offer.unhurried.push_back(awaited.fence);
        }
      }
    }
    offer.leases.Add(lease);
  }
  for (auto& [number, offer] : offers) {
    // Each of those that wait for one has said so.
    std::sort(offer.unhurried.begin(), offer.unhurried.end());
    offer.unhurried.erase(
        std::unique(offer.unhurried.begin(), offer.unhurried.end()),
        offer.unhurried.end());
    offer.session = state_.fleet().Find(number)->session;
    result_.actions.push_back(std::move(offer));
  }
  result_.facts.facts.push_back(std::move(leased));  // folded already
}

// What must be stopped, for each stream; each attempt once.
void Steps::CollectStops(const LeaseColumns& stops) {
  absl::btree_map<SessionId, LeaseColumns> by_session;
  for (size_t i = 0; i < stops.size(); ++i) {
    const LeaseRef lease = stops.at(i);
    const Run* run = state_.FindRun(lease.run);
    if (run == nullptr) continue;
    const Worker* worker = state_.fleet().Find(run->task(lease.task).worker);
    // A worker without a stream is told when it dials again.
    if (worker == nullptr || !worker->session ||
        !run->Holds(lease, worker->number) ||
        !told_stops_.insert(lease.fence.value).second) {
      continue;
    }
    by_session[worker->session].Add(lease);
  }
  told_stops_.clear();
  for (auto& [session, leases] : by_session) {
    result_.actions.push_back(CancelLeases{session, std::move(leases)});
  }
}

void Steps::CollectEffects() {
  Effects effects = state_.TakeEffects();
  CollectStops(effects.stop);
  if (!effects.ended.empty()) {
    result_.actions.push_back(AttemptsEnded{std::move(effects.ended)});
  }
  std::sort(effects.changed.begin(), effects.changed.end());
  const auto end = std::unique(effects.changed.begin(), effects.changed.end());
  for (auto it = effects.changed.begin(); it != end; ++it) {
    const Run* run = state_.FindRun(*it);
    if (run == nullptr) continue;  // forgotten meanwhile
    if (IsEnded(run->state())) {
      next_expiry_us_ = std::min(next_expiry_us_, ExpiryUs(run->end_us()));
    }
    result_.actions.push_back(RunChanged{*it});
  }
  for (RunForgotten& run : effects.forgotten) {
    result_.actions.push_back(std::move(run));
  }
}

}  // namespace w2t
