#include "server/rpc/session_outbox.h"

#include <algorithm>
#include <utility>

#include "proto/wire/graph_codec.h"
#include "proto/wire/session_codec.h"

namespace w2t::server {
namespace {

// The numbers of one lease in columns, with their names' overhead.
constexpr size_t kLeaseBytes = 32;

// All definitions of a daemon's runs are made by DecodeGraph.
const wire::GraphDefinition& DefinitionOf(const Run& run) {
  return static_cast<const wire::GraphDefinition&>(*run.spec().definition);
}

void ClearAllButOffers(v1::SessionResponse& message) {
  message.clear_welcome();
  message.clear_cancels();
  message.clear_ack();
  message.clear_ping();
  message.clear_drain();
}

}  // namespace

void SessionOutbox::SetWelcome(v1::Welcome welcome) {
  welcome_ = std::move(welcome);
  welcome_waits_ = true;
  bytes_ += welcome_.ByteSizeLong();
}

SessionOutbox::PendingOffers& SessionOutbox::OpenBatch() {
  if (offers_.empty() || offers_.back().bytes >= kMaxBatchBytes ||
      offers_.back().batch.action_size() >= kMaxBatchOffers) {
    if (spare_.empty()) {
      offers_.emplace_back();
    } else {
      offers_.push_back(std::move(spare_.back()));
      spare_.pop_back();
    }
  }
  return offers_.back();
}

void SessionOutbox::AddOffers(const Engine& engine, const OfferLeases& offer) {
  const LeaseColumns& leases = offer.leases;
  auto condition = offer.conditions.begin();
  const Run* run = nullptr;
  KnownRun* known = nullptr;
  for (size_t i = 0; i < leases.size(); ++i) {
    PendingOffers& pending = OpenBatch();
    v1::OfferBatch& batch = pending.batch;
    size_t bytes = kLeaseBytes;
    if (run == nullptr || run->spec().number.value != leases.run[i]) {
      const RunNumber number{leases.run[i]};
      run = engine.FindRun(number);
      const auto [it, fresh] = known_runs_.try_emplace(number);
      known = &it->second;
      if (fresh) {
        v1::OfferedRun* named = batch.add_new_runs();
        named->set_run(number.value);
        named->set_run_id(run->spec().run_id);
        bytes += run->spec().run_id.size();
      }
    }
    const Blueprint& blueprint = run->blueprint();
    const uint32_t action = blueprint.action(leases.task[i]);
    const auto [id, fresh] = known->action_ids.try_emplace(action, 0);
    if (fresh) {
      id->second = ++last_action_id_;
      v1::OfferedAction* offered = batch.add_new_actions();
      offered->set_id(id->second);
      *offered->mutable_action() = DefinitionOf(*run).actions()[action];
      bytes += offered->ByteSizeLong();
    }
    const std::string_view name = blueprint.task_name(leases.task[i]);
    v1::LeaseColumns* columns = batch.mutable_leases();
    columns->add_run(leases.run[i]);
    columns->add_task(leases.task[i]);
    columns->add_attempt(leases.attempt[i]);
    columns->add_fence(leases.fence[i]);
    if (blueprint.kind(leases.task[i]) == TaskKind::kService) {
      batch.add_services(static_cast<uint32_t>(batch.action_size()));
    }
    for (; condition != offer.conditions.end() && condition->position == i;
         ++condition) {
      v1::OfferCondition* awaits = batch.add_conditions();
      awaits->set_position(static_cast<uint32_t>(batch.action_size()));
      awaits->set_fence(condition->awaited.fence.value);
      awaits->set_state(static_cast<v1::TaskState>(condition->awaited.state));
      bytes += kLeaseBytes;
    }
    batch.add_action(id->second);
    batch.add_name(name.data(), name.size());
    bytes += name.size();
    pending.bytes += bytes;
    bytes_ += bytes;
  }
  for (const Fence fence : offer.unhurried) {
    PendingOffers& pending = OpenBatch();
    pending.batch.add_unhurried(fence.value);
    pending.bytes += sizeof(uint64_t);
    bytes_ += sizeof(uint64_t);
  }
}

void SessionOutbox::AddCancels(const LeaseColumns& leases) {
  for (size_t i = 0; i < leases.size(); ++i) cancels_.Add(leases.at(i));
  bytes_ += leases.size() * kLeaseBytes;
}

void SessionOutbox::AckReports(uint64_t through_seq,
                               const LeaseColumns& refused) {
  reports_through_ = std::max(reports_through_, through_seq);
  refused_.insert(refused_.end(), refused.fence.begin(), refused.fence.end());
  bytes_ += refused.size() * sizeof(uint64_t);
  ack_waits_ = true;
}

void SessionOutbox::AckLogs(uint64_t through_seq) {
  logs_through_ = std::max(logs_through_, through_seq);
  if (logs_through_ - logs_told_ >= most_log_acks_) ack_waits_ = true;
}

void SessionOutbox::Ping() { ping_waits_ = true; }

void SessionOutbox::Drain(std::string reason) {
  drain_reason_ = std::move(reason);
  drain_waits_ = true;
}

void SessionOutbox::ForgetRun(RunNumber run) {
  const auto it = known_runs_.find(run);
  if (it == known_runs_.end()) return;
  ended_.add_ended_runs(run.value);
  std::vector<uint32_t> ids;
  for (const auto& action : it->second.action_ids) ids.push_back(action.second);
  std::sort(ids.begin(), ids.end());
  ended_.mutable_ended_actions()->Add(ids.begin(), ids.end());
  known_runs_.erase(it);
}

void SessionOutbox::Clear() {
  welcome_waits_ = drain_waits_ = ping_waits_ = ack_waits_ = false;
  offers_.clear();
  cancels_ = {};
  refused_.clear();
  bytes_ = 0;
}

void SessionOutbox::TakeOffers(v1::OfferBatch* batch) {
  PendingOffers pending = std::move(offers_.front());
  offers_.pop_front();
  bytes_ -= pending.bytes;
  batch->Swap(&pending.batch);
  if (ended_.ended_runs_size() > 0) {
    batch->MergeFrom(ended_);
    ended_.Clear();
  }
  if (spare_.empty()) {
    pending.batch.Clear();
    pending.bytes = 0;
    spare_.push_back(std::move(pending));
  }
}

const v1::SessionResponse* SessionOutbox::Next(bool* more) {
  if (!welcome_waits_ && offers_.empty() && cancels_.empty() && !ack_waits_ &&
      !ping_waits_ && !drain_waits_) {
    return nullptr;
  }
  v1::SessionResponse& next = offers_.empty() ? message_ : offer_message_;
  ClearAllButOffers(next);
  if (!offers_.empty()) TakeOffers(next.mutable_offers());
  // What speaks of attempts comes after all offers: the worker is to know them.
  const bool last = offers_.empty();
  if (std::exchange(welcome_waits_, false)) {
    bytes_ -= welcome_.ByteSizeLong();
    *next.mutable_welcome() = std::move(welcome_);
  }
  if (last && !cancels_.empty()) {
    bytes_ -= cancels_.size() * kLeaseBytes;
    wire::ToProto(cancels_, next.mutable_cancels()->mutable_leases());
    cancels_ = {};
  }
  if (last && (ack_waits_ || logs_told_ < logs_through_)) {
    ack_waits_ = false;
    logs_told_ = logs_through_;
    next.mutable_ack()->set_through_seq(reports_through_);
    next.mutable_ack()->set_logs_through_seq(logs_through_);
    next.mutable_ack()->mutable_refused()->Add(refused_.begin(),
                                               refused_.end());
    bytes_ -= refused_.size() * sizeof(uint64_t);
    refused_.clear();
  }
  if (std::exchange(ping_waits_, false)) {
    next.mutable_ping()->set_nonce(++last_nonce_);
  }
  if (last && std::exchange(drain_waits_, false)) {
    next.mutable_drain()->set_reason(std::move(drain_reason_));
  }
  *more = !offers_.empty();
  return &next;
}

}  // namespace w2t::server
