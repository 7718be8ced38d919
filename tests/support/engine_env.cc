#include "tests/support/engine_env.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/engine_snapshot.h"

namespace w2t::testing {
EngineEnv::EngineEnv(const EngineOptions& options, bool cheap)
    : options_(options),
      cheap_(cheap),
      engine_(std::make_unique<Engine>(options)),
      shadow_(std::make_unique<Engine>(options)),
      referee_(std::make_unique<EngineReferee>(engine_.get())) {
  StepResult result = engine_->Start(now_);
  Append(result.facts);
  for (const Action& action : result.actions) Perform(action);
}

EngineEnv::~EngineEnv() {
  const absl::StatusOr<std::unique_ptr<Engine>> fresh = Replayed();
  if (fresh.ok()) {
    EXPECT_EQ((*fresh)->Hash(), engine_->Hash()) << "replayed state differs";
  } else {
    ADD_FAILURE() << "the journal cannot be replayed: " << fresh.status();
  }
}

absl::StatusOr<std::unique_ptr<Engine>> EngineEnv::Replayed() const {
  auto engine = std::make_unique<Engine>(options_);
  for (const FactBatch& batch : journal_) {
    const absl::Status status = engine->Replay(batch);
    if (!status.ok()) return status;
  }
  return engine;
}

void EngineEnv::Advance(absl::Duration duration) {
  const absl::Time target = now_ + duration;
  int at_once = 0;
  while (engine_->NextWakeup() <= target) {
    const absl::Time wakeup = std::max(now_, engine_->NextWakeup());
    at_once = wakeup == now_ ? at_once + 1 : 0;
    if (at_once > 100) {
      ADD_FAILURE() << "the engine wants to be woken without end";
      return;
    }
    now_ = wakeup;
    Step({});
    AnswerPings();
  }
  now_ = target;
  Step({});
  AnswerPings();
}

void EngineEnv::Snapshot() {
  auto tail = EngineSnapshot(*engine_).Restore(options_);
  ASSERT_TRUE(tail.ok()) << tail.status();
  tail_ = *std::move(tail);
  engine_->Archive();
  if (twin_ != nullptr) twin_->Archive();
  CheckHashes();
}

void EngineEnv::Restart() {
  absl::StatusOr<std::unique_ptr<Engine>> fresh = Replayed();
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ((*fresh)->Hash(), engine_->Hash()) << "replayed state differs";
  twin_.reset();
  if (tail_ == nullptr) {
    engine_ = *std::move(fresh);
  } else {
    engine_ = std::move(tail_);
    twin_ = *std::move(fresh);
    twin_->Start(now_);
  }
  for (auto& [name, worker] : workers_) worker.session = SessionId();
  referee_->Restarted(engine_.get());
  StepResult result = engine_->Start(now_);
  Append(result.facts);
  if (!cheap_) referee_->Judge(result);
  for (const Action& action : result.actions) Perform(action);
  CheckHashes();
}

void EngineEnv::EndTogether() { Step(*std::exchange(together_, {})); }

StepResult EngineEnv::Step(std::vector<Event> events) {
  if (together_) {
    for (Event& event : events) together_->push_back(std::move(event));
    return {};
  }
  ++steps_;
  if (twin_ != nullptr) {
    std::vector<Event> same = events;
    twin_->Step(absl::MakeSpan(same), now_);
  }
  StepResult result = engine_->Step(absl::MakeSpan(events), now_);
  Append(result.facts);
  if (!cheap_) referee_->Judge(result);
  for (const Action& action : result.actions) Perform(action);
  CheckHashes();
  return result;
}

void EngineEnv::Append(const FactBatch& batch) {
  if (batch.facts.empty()) return;
  journal_.push_back(batch);
  if (cheap_) return;
  for (Engine* engine : {shadow_.get(), tail_.get()}) {
    if (engine == nullptr) continue;
    const absl::Status status = engine->Replay(batch);
    EXPECT_TRUE(status.ok()) << "step " << steps_ << ": " << status;
  }
}

void EngineEnv::CheckHashes() {
  if (cheap_) return;
  const uint64_t hash = engine_->Hash();
  EXPECT_EQ(hash, shadow_->Hash())
      << "step " << steps_ << ": live and replayed state differ";
  const auto restored = EngineSnapshot(*engine_).Restore(options_);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(hash, (*restored)->Hash())
      << "step " << steps_ << ": live and restored state differ";
  if (tail_ != nullptr) {
    EXPECT_EQ(hash, tail_->Hash())
        << "step " << steps_ << ": a snapshot and its tail differ";
  }
  if (twin_ != nullptr) {
    EXPECT_EQ(hash, twin_->Hash())
        << "step " << steps_ << ": a snapshot and its tail go on otherwise";
  }
}

void EngineEnv::Perform(const Action& action) {
  if (const auto* a = std::get_if<SubmitReply>(&action)) {
    EXPECT_TRUE(submit_replies_.emplace(a->token.value, *a).second);
  } else if (const auto* a = std::get_if<StatusReply>(&action)) {
    EXPECT_TRUE(status_replies_.emplace(a->token.value, a->status).second);
  } else if (const auto* a = std::get_if<WelcomeWorker>(&action)) {
    FakeWorker* worker = BySession(a->session);
    ASSERT_NE(worker, nullptr);
    Welcomed(*worker, *a);
  } else if (const auto* a = std::get_if<OfferLeases>(&action)) {
    PerformOffer(*a);
  } else if (const auto* a = std::get_if<CancelLeases>(&action)) {
    PerformCancel(*a);
  } else if (const auto* a = std::get_if<AckReports>(&action)) {
    FakeWorker* worker = BySession(a->session);
    if (worker == nullptr) return;
    worker->last_ack = a->seq;
    worker->refused = a->refused;
    for (size_t i = 0; i < a->refused.size(); ++i) {
      const Run* run = engine_->FindRun(RunNumber{a->refused.run[i]});
      EXPECT_FALSE(run && run->Holds(a->refused.at(i), a->worker));
    }
    std::erase_if(worker->unacked,
                  [a](const auto& unacked) { return unacked.first <= a->seq; });
  } else if (const auto* a = std::get_if<PingWorker>(&action)) {
    FakeWorker* worker = BySession(a->session);
    if (worker == nullptr) return;
    ++worker->pings;
    worker->pinged = true;
  } else if (const auto* a = std::get_if<DrainSession>(&action)) {
    if (FakeWorker* worker = BySession(a->session)) {
      worker->told_to_drain = true;
    }
  } else if (const auto* a = std::get_if<CloseSession>(&action)) {
    closed_[a->session] = a->status;
    FakeWorker* worker = BySession(a->session);
    if (worker == nullptr) return;
    worker->session = SessionId();
    worker->closed = a->status;
    if (dialling_ && worker == &*dialling_) {
      refused_ = a->status;
      dialling_.reset();
    }
  } else if (const auto* a = std::get_if<RunForgotten>(&action)) {
    forgotten_.push_back(*a);
  }
}

bool EngineEnv::FinishRound() {
  bool moved = false;
  for (auto& [name, worker] : workers_) {
    if (!worker.session) continue;
    ReportColumns reports;
    const auto add = [&](const LeaseRef& lease, TaskState state) {
      reports.leases.Add(lease);
      reports.state.push_back(state);
      reports.exit_code.push_back(0);
    };
    for (const LeaseRef& lease : worker.held) {
      const Run* run = engine_->FindRun(lease.run);
      if (run == nullptr) continue;
      const Blueprint& blueprint = run->blueprint();
      const TaskState state = run->task(lease.task).state;
      if (std::ranges::count(worker.to_stop, lease) > 0) {
        add(lease, TaskState::kCancelled);
      } else if (run->Waits(lease.task)) {
        continue;
      } else if (blueprint.kind(lease.task) == TaskKind::kTask) {
        add(lease, TaskState::kSucceeded);
      } else {
        if (state < TaskState::kRunning) add(lease, TaskState::kRunning);
        if (state < TaskState::kUp && blueprint.has_probe(lease.task)) {
          add(lease, TaskState::kUp);
        }
      }
    }
    if (reports.leases.empty()) continue;
    Report(name, reports);
    moved = true;
  }
  return moved;
}

bool EngineEnv::AllSettled() const {
  for (const auto& [number, run] : engine_->runs()) {
    if (!IsEnded(run->state()) && run->state() != RunState::kUp) return false;
  }
  return true;
}

void EngineEnv::Finish() {
  int idle = 0;
  while (idle < 200 && !AllSettled()) {
    if (FinishRound()) {
      idle = 0;
      continue;
    }
    ++idle;
    if (engine_->NextWakeup() == absl::InfiniteFuture()) return;
    Advance(std::max(engine_->NextWakeup() - now_, absl::ZeroDuration()));
  }
}

const Run& EngineEnv::run() const {
  const Run* run = engine_->FindRun(run_id_);
  if (run == nullptr) {
    ADD_FAILURE() << "there is no run " << run_id_;
    std::abort();
  }
  return *run;
}

TaskIndex EngineEnv::Index(std::string_view task) const {
  const TaskIndex index = run().blueprint().Find(task);
  if (index == kNoTask) {
    ADD_FAILURE() << "there is no task " << task;
    std::abort();
  }
  return index;
}

const TaskRecord& EngineEnv::Record(std::string_view task) const {
  return run().task(Index(task));
}

TaskState EngineEnv::State(std::string_view task) const {
  return Record(task).state;
}

LeaseRef EngineEnv::LeaseOf(std::string_view task) const {
  const TaskRecord& record = Record(task);
  return {run().spec().number, Index(task), record.attempt, record.fence};
}

std::string EngineEnv::WorkerOf(std::string_view task) const {
  const Worker* worker = engine_->fleet().Find(Record(task).worker);
  return worker == nullptr ? "" : worker->spec.name;
}

absl::Status EngineEnv::closed(SessionId session) const {
  const auto it = closed_.find(session);
  return it == closed_.end() ? absl::OkStatus() : it->second;
}

std::string EngineEnv::Why(std::string_view task) const {
  return engine_->WhyReady(run(), Index(task));
}

std::vector<std::string> EngineEnv::NamesOf(
    std::vector<LeaseRef> leases) const {
  std::vector<std::string> names;
  for (const LeaseRef& lease : leases) {
    const Run* run = engine_->FindRun(lease.run);
    if (run == nullptr || run->spec().run_id != run_id_) continue;
    names.emplace_back(run->blueprint().task_name(lease.task));
  }
  return names;
}

std::vector<std::string> EngineEnv::TakeOffered() {
  return NamesOf(std::exchange(offered_, {}));
}

std::vector<std::string> EngineEnv::TakeStopped() {
  return NamesOf(std::exchange(stopping_, {}));
}

}  // namespace w2t::testing
