#include "tests/support/engine_env.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/engine_snapshot.h"

namespace w2t::testing {
namespace {

bool Contains(const std::vector<LeaseRef>& leases, const LeaseRef& lease) {
  return std::find(leases.begin(), leases.end(), lease) != leases.end();
}

}  // namespace

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

bool EngineEnv::Hello(const std::string& name, const WorkerOptions& options) {
  dialling_.emplace();
  WorkerSpec& spec = dialling_->spec;
  spec.name = name;
  spec.instance = options.instance;
  spec.labels = options.labels;
  spec.resources = options.resources;
  spec.resources.push_back({kCpus, uint64_t{options.slots} * 1000});
  std::sort(
      spec.resources.begin(), spec.resources.end(),
      [](const Resource& a, const Resource& b) { return a.name < b.name; });
  spec.capabilities = options.capabilities;
  std::sort(spec.capabilities.begin(), spec.capabilities.end());
  spec.max_leases = options.max_leases;
  spec.version = "test";
  dialling_->counts_streams = options.counts_streams;
  HelloEvent hello = Dialled(*dialling_);
  const SessionId session = hello.session;
  Step({std::move(hello)});
  EXPECT_FALSE(dialling_.has_value()) << "a hello was not answered";
  return BySession(session) != nullptr;
}

HelloEvent EngineEnv::Dialled(FakeWorker& worker) {
  worker.session = SessionId{next_session_++};
  worker.closed = absl::OkStatus();
  worker.pinged = false;
  if (worker.counts_streams) ++worker.spec.stream;
  HelloEvent hello{worker.session, worker.spec, {}, worker.restarted};
  for (const LeaseRef& lease : worker.held) hello.held.Add(lease);
  for (const auto& [seq, reports] : worker.unacked) {
    for (size_t i = 0; i < reports.leases.size(); ++i) {
      if (IsOutcome(reports.state[i])) hello.held.Add(reports.leases.at(i));
    }
  }
  return hello;
}

void EngineEnv::Disconnect(const std::string& name) {
  FakeWorker& worker = workers_.at(name);
  const SessionId session = std::exchange(worker.session, SessionId());
  if (!session) return;
  referee_->Detached(session);
  Step({SessionClosedEvent{session}});
}

bool EngineEnv::Reattach(const std::string& name, bool receives_offers) {
  FakeWorker& worker = workers_.at(name);
  worker.receives_offers = receives_offers;
  worker.to_stop.clear();
  HelloEvent hello = Dialled(worker);
  const SessionId session = hello.session;
  Step({std::move(hello)});
  if (worker.session != session) return false;
  const auto unacked = worker.unacked;
  for (const auto& [seq, reports] : unacked) SendReport(worker, seq, reports);
  return true;
}

void EngineEnv::Leave(const std::string& name) {
  const SessionId session = workers_.at(name).session;
  referee_->Leaving(session);
  Step({LeaveEvent{session}});
}

void EngineEnv::Kill(const std::string& name) {
  Disconnect(name);
  workers_.erase(name);
}

void EngineEnv::Start(std::string_view task) {
  ReportHeld(task, TaskState::kRunning, 0);
}
void EngineEnv::Ready(std::string_view task) {
  ReportHeld(task, TaskState::kUp, 0);
}
void EngineEnv::Succeed(std::string_view task) {
  ReportHeld(task, TaskState::kSucceeded, 0);
}
void EngineEnv::Fail(std::string_view task, int32_t exit_code) {
  ReportHeld(task, TaskState::kFailed, exit_code);
}
void EngineEnv::TimeOut(std::string_view task) {
  ReportHeld(task, TaskState::kTimedOut, 0);
}
void EngineEnv::Stopped(std::string_view task) {
  ReportHeld(task, TaskState::kCancelled, 0);
}

void EngineEnv::ReportHeld(std::string_view task, TaskState state,
                           int32_t exit_code) {
  const LeaseRef lease = LeaseOf(task);
  for (auto& [name, worker] : workers_) {
    if (!Contains(worker.held, lease)) continue;
    if (state == TaskState::kCancelled) {
      EXPECT_TRUE(Contains(worker.to_stop, lease))
          << task << " was not told to stop";
    }
    return Report(name, lease, state, exit_code);
  }
  ADD_FAILURE() << "no worker holds " << task << ", which is "
                << Name(State(task));
}

void EngineEnv::Report(const std::string& worker, const LeaseRef& lease,
                       TaskState state, int32_t exit_code) {
  ReportColumns reports;
  reports.leases.Add(lease);
  reports.state.push_back(state);
  reports.exit_code.push_back(exit_code);
  Report(worker, reports);
}

void EngineEnv::Report(const std::string& name, const ReportColumns& reports) {
  FakeWorker& worker = workers_.at(name);
  const uint64_t seq = ++worker.last_seq;
  worker.unacked.emplace_back(seq, reports);
  absl::flat_hash_map<uint64_t, LeaseRef> ended;
  for (size_t i = 0; i < reports.leases.size(); ++i) {
    if (!IsOutcome(reports.state[i])) continue;
    ended.emplace(reports.leases.fence[i], reports.leases.at(i));
  }
  const auto is_ended = [&](const LeaseRef& lease) {
    const auto it = ended.find(lease.fence.value);
    return it != ended.end() && it->second == lease;
  };
  std::erase_if(worker.held, is_ended);
  std::erase_if(worker.to_stop, is_ended);
  SendReport(worker, seq, reports);
}

void EngineEnv::SendReport(FakeWorker& worker, uint64_t seq,
                           ReportColumns reports) {
  if (!worker.session) return;
  if (!cheap_) referee_->Reporting(reports);
  Step({ReportsEvent{worker.session, seq, std::move(reports)}});
  if (together_ || !worker.session) return;  // the daemon ended the stream
  EXPECT_GE(worker.last_ack, seq) << "a report was not acknowledged";
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

void EngineEnv::AnswerPings() {
  std::vector<Event> answers;
  for (auto& [name, worker] : workers_) {
    if (!worker.pinged || !worker.session || !worker.answers_pings) continue;
    worker.pinged = false;
    answers.push_back(AliveEvent{worker.session});
  }
  if (!answers.empty()) Step(std::move(answers));
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

FakeWorker* EngineEnv::BySession(SessionId session) {
  if (!session) return nullptr;
  if (dialling_ && dialling_->session == session) return &*dialling_;
  for (auto& [name, worker] : workers_) {
    if (worker.session == session) return &worker;
  }
  return nullptr;
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

void EngineEnv::Welcomed(FakeWorker& worker, const WelcomeWorker& action) {
  worker.verdicts = action.verdicts;
  worker.told_to_drain = false;
  if (dialling_ && &worker == &*dialling_) {
    EXPECT_TRUE(action.verdicts.empty());
    const std::string name = worker.spec.name;
    workers_[name] = *std::exchange(dialling_, std::nullopt);
    return;
  }
  // The order of Dialled.
  size_t at = 0;
  const auto discarded = [&](const LeaseRef& lease) {
    const HeldVerdict verdict = at < action.verdicts.size()
                                    ? action.verdicts[at]
                                    : HeldVerdict::kDiscard;
    ++at;
    if (verdict == HeldVerdict::kCancel) {
      stopping_.push_back(lease);
      worker.to_stop.push_back(lease);
    }
    return verdict != HeldVerdict::kKeep && verdict != HeldVerdict::kCancel;
  };
  std::vector<LeaseRef> kept;
  for (const LeaseRef& lease : worker.held) {
    if (!discarded(lease)) kept.push_back(lease);
  }
  worker.held = std::move(kept);
  for (auto& [seq, reports] : worker.unacked) {
    for (const TaskState state : reports.state) at += IsOutcome(state) ? 1 : 0;
  }
  EXPECT_EQ(at, action.verdicts.size()) << "one verdict for each lease held";
}

void EngineEnv::PerformOffer(const OfferLeases& action) {
  FakeWorker* worker = BySession(action.session);
  for (size_t i = 0; i < action.leases.size(); ++i) {
    offered_.push_back(action.leases.at(i));
    if (worker == nullptr || !worker->receives_offers) continue;
    const LeaseRef lease = action.leases.at(i);
    worker->held.push_back(lease);
    const Run* run = engine_->FindRun(lease.run);
    if (run == nullptr || !run->blueprint().at_most_once(lease.task)) continue;
    EXPECT_TRUE(received_once_.emplace(lease.run.value, lease.task).second)
        << "task " << lease.task << " of " << run->spec().run_id
        << " is to run at most once";
  }
}

void EngineEnv::PerformCancel(const CancelLeases& action) {
  FakeWorker* worker = BySession(action.session);
  for (size_t i = 0; i < action.leases.size(); ++i) {
    const LeaseRef lease = action.leases.at(i);
    stopping_.push_back(lease);
    if (worker != nullptr && Contains(worker->held, lease)) {
      EXPECT_FALSE(Contains(worker->to_stop, lease)) << "told to stop twice";
      worker->to_stop.push_back(lease);
    }
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
      if (Contains(worker.to_stop, lease)) {
        add(lease, TaskState::kCancelled);
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
