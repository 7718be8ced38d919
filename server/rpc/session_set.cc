#include "server/rpc/session_set.h"

#include <utility>

#include "server/rpc/checks.h"

namespace w2t::server {

absl::StatusOr<std::shared_ptr<Session>> SessionSet::Open(
    std::string peer, SessionStream* stream) {
  absl::MutexLock lock(&mutex_);
  if (!closed_.ok()) return closed_;
  // What the streams before it have said waits already.
  if (absl::Status refusal = inbox_->refusal(); !refusal.ok()) return refusal;
  if (sessions_.size() >= limits_->max_sessions) {
    return OverLimit("the number of sessions", "", "max_sessions",
                     limits_->max_sessions, sessions_.size() + 1,
                     absl::StatusCode::kResourceExhausted);
  }
  const SessionId id{++last_id_};
  std::shared_ptr<Session> session =
      Session::Start({.id = id,
                      .peer = std::move(peer),
                      .stream = stream,
                      .limits = limits_,
                      .inbox = inbox_,
                      .logs = logs_,
                      .waiting = waiting_,
                      .on_done = [this, id] {
                        absl::MutexLock done(&mutex_);
                        sessions_.erase(id);
                      }});
  sessions_.emplace(id, session);
  return session;
}

std::shared_ptr<Session> SessionSet::Find(SessionId id) {
  absl::MutexLock lock(&mutex_);
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second;
}

std::optional<ProbeNews> SessionSet::ProbeOf(SessionId id, uint64_t fence) {
  const std::shared_ptr<Session> session = Find(id);
  return session == nullptr ? std::nullopt : session->ProbeOf(fence);
}

std::vector<std::shared_ptr<Session>> SessionSet::All() {
  std::vector<std::shared_ptr<Session>> all;
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, session] : sessions_) all.push_back(session);
  return all;
}

void SessionSet::CloseAll(const absl::Status& status) {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = status;
  }
  for (const std::shared_ptr<Session>& session : All()) session->Close(status);
}

}  // namespace w2t::server
