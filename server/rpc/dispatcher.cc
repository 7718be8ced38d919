#include "server/rpc/dispatcher.h"

#include <string>
#include <utility>
#include <variant>

#include "server/rpc/checks.h"

namespace w2t::server {
namespace {

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  const int64_t micros = absl::ToInt64Microseconds(duration);
  out->set_seconds(micros / 1'000'000);
  out->set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1'000);
}

}  // namespace

void Dispatcher::Committed(const View& view, const FactBatch& facts) {
  observer_.Committed(view, facts);
}

void Dispatcher::Perform(const View& view, Action& action) {
  std::visit([&](auto& a) { Do(view, a); }, action);
}

void Dispatcher::Flush(const View& view) {
  for (const std::shared_ptr<Session>& session : touched_) session->Flush();
  touched_.clear();
  hub_->Flush(view);
}

void Dispatcher::Processed(SessionId id) {
  if (const std::shared_ptr<Session> session = sessions_->Find(id)) {
    session->Processed();
  }
}

void Dispatcher::Change(SessionId id,
                        absl::FunctionRef<void(SessionOutbox&)> change) {
  std::shared_ptr<Session> session;
  if (!touched_.empty() && touched_.back()->id() == id) {
    session = touched_.back();
  } else {
    session = sessions_->Find(id);
    if (session == nullptr) return;
    touched_.push_back(session);
  }
  session->Change(change);
}

void Dispatcher::Do(const View& view, WelcomeWorker& action) {
  const EngineOptions& options = view.engine.options();
  v1::Welcome welcome;
  SetDuration(options.ping_interval, welcome.mutable_ping_interval());
  SetDuration(options.lease_ttl, welcome.mutable_lease_ttl());
  SetDuration(options.reattach_window, welcome.mutable_reattach_window());
  LeaseColumns refused;
  for (size_t i = 0; i < action.verdicts.size(); ++i) {
    welcome.add_verdicts(static_cast<v1::HeldVerdict>(action.verdicts[i]));
    if (action.verdicts[i] == HeldVerdict::kDiscard) {
      refused.Add(action.held.at(i));
    }
  }
  observer_.LeasesRefused(view, action.worker, refused);
  welcome.set_max_message_bytes(limits_->max_request_bytes);
  welcome.set_takes_probes(true);
  welcome.set_max_log_batches(static_cast<uint32_t>(limits_->max_log_batches));
  Change(action.session,
         [&](SessionOutbox& outbox) { outbox.SetWelcome(std::move(welcome)); });
}

void Dispatcher::Do(const View& view, OfferLeases& action) {
  Change(action.session,
         [&](SessionOutbox& outbox) { outbox.AddOffers(view.engine, action); });
}

void Dispatcher::Do(const View&, CancelLeases& action) {
  Change(action.session,
         [&](SessionOutbox& outbox) { outbox.AddCancels(action.leases); });
}

void Dispatcher::Do(const View& view, AckReports& action) {
  observer_.LeasesRefused(view, action.worker, action.refused);
  Change(action.session, [&](SessionOutbox& outbox) {
    outbox.AckReports(action.seq, action.refused);
  });
}

void Dispatcher::Do(const View&, PingWorker& action) {
  Change(action.session, [](SessionOutbox& outbox) { outbox.Ping(); });
}

void Dispatcher::Do(const View&, DrainSession& action) {
  Change(action.session, [&](SessionOutbox& outbox) {
    outbox.Drain(std::move(action.reason));
  });
}

void Dispatcher::Do(const View&, CloseSession& action) {
  const auto session = sessions_->Find(action.session);
  if (session == nullptr) return;
  // The only thing about a worker that can exist already is its name.
  session->Close(
      absl::IsAlreadyExists(action.status)
          ? Conflict("hello.name", std::string(action.status.message()))
          : action.status);
}

void Dispatcher::Do(const View& view, RunChanged& action) {
  hub_->Changed(action.run);
  observer_.RunChanged(view, action.run);
}

void Dispatcher::Do(const View& view, AttemptsEnded& action) {
  for (size_t i = 0; i < action.leases.size(); ++i) {
    const LeaseRef lease = action.leases.at(i);
    const Run* run = view.engine.FindRun(lease.run);
    if (run == nullptr) continue;
    logs_->MarkEnded({run->spec().run_id, lease.task, lease.attempt});
  }
}

void Dispatcher::Do(const View&, RunForgotten& action) {
  logs_->Forget(action.run_id);
  hub_->Forget(action.run, action.run_id);
  for (const std::shared_ptr<Session>& session : sessions_->All()) {
    session->Change(
        [&](SessionOutbox& outbox) { outbox.ForgetRun(action.run); });
  }
}

}  // namespace w2t::server
