// What the workers of an EngineEnv do.
#include <algorithm>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/engine_env.h"

namespace w2t::testing {
namespace {

bool Contains(const std::vector<LeaseRef>& leases, const LeaseRef& lease) {
  return std::find(leases.begin(), leases.end(), lease) != leases.end();
}

}  // namespace

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
  dialling_->waits = options.waits;
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
  HelloEvent hello{
      worker.session, worker.spec, {}, worker.restarted, worker.waits};
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

void EngineEnv::AnswerPings() {
  std::vector<Event> answers;
  for (auto& [name, worker] : workers_) {
    if (!worker.pinged || !worker.session || !worker.answers_pings) continue;
    worker.pinged = false;
    answers.push_back(AliveEvent{worker.session});
  }
  if (!answers.empty()) Step(std::move(answers));
}

FakeWorker* EngineEnv::BySession(SessionId session) {
  if (!session) return nullptr;
  if (dialling_ && dialling_->session == session) return &*dialling_;
  for (auto& [name, worker] : workers_) {
    if (worker.session == session) return &worker;
  }
  return nullptr;
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
  if (worker != nullptr) {
    worker->unhurried.insert(worker->unhurried.end(), action.unhurried.begin(),
                             action.unhurried.end());
  }
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

}  // namespace w2t::testing
