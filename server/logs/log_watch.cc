#include "server/logs/log_watch.h"

#include <utility>

namespace w2t {

void LogWatch::Enter(const std::vector<LogPiece>& pieces) {
  absl::MutexLock lock(&mu_);
  for (const LogPiece& piece : pieces) ++attempts_[piece.name].queued;
}

void LogWatch::Leave(const std::vector<LogPiece>& pieces) {
  absl::MutexLock lock(&mu_);
  for (const LogPiece& piece : pieces) {
    const auto it = attempts_.find(piece.name);
    --it->second.queued;
    EraseIfIdle(it);
  }
}

void LogWatch::EraseIfIdle(Attempts::iterator it) {
  if (it->second.queued == 0 && it->second.subscribers.empty()) {
    attempts_.erase(it);
  }
}

void LogWatch::SetEnded(const LogName& name) {
  absl::MutexLock lock(&mu_);
  const auto it = attempts_.find(name);
  if (it != attempts_.end()) it->second.ended = true;
}

void LogWatch::SetForgotten(const std::string& run_id) {
  absl::MutexLock lock(&mu_);
  for (auto& [name, attempt] : attempts_) {
    if (name.run_id == run_id) attempt.ended = true;
  }
}

bool LogWatch::IsIdle() const {
  absl::MutexLock lock(&mu_);
  return attempts_.empty();
}

bool LogWatch::IsComplete(const LogName& name, bool ended) const {
  absl::MutexLock lock(&mu_);
  const auto it = attempts_.find(name);
  if (it == attempts_.end()) return ended;
  return it->second.queued == 0 && (ended || it->second.ended);
}

std::shared_ptr<LogSubscription::Impl> LogWatch::Subscribe(const LogName& name,
                                                           Changed changed) {
  auto impl = std::make_shared<LogSubscription::Impl>(name, std::move(changed),
                                                      shared_from_this());
  absl::MutexLock lock(&mu_);
  attempts_[name].subscribers.push_back(impl);
  return impl;
}

void LogWatch::Unsubscribe(const LogName& name,
                           const LogSubscription::Impl* impl) {
  absl::MutexLock lock(&mu_);
  const auto it = attempts_.find(name);
  if (it == attempts_.end()) return;
  std::erase_if(it->second.subscribers, [impl](const auto& subscriber) {
    const auto alive = subscriber.lock();
    return alive == nullptr || alive.get() == impl;
  });
  EraseIfIdle(it);
}

void LogWatch::AddSubscribers(const LogName& name, Subscribers* to) const {
  const auto it = attempts_.find(name);
  if (it == attempts_.end()) return;
  to->insert(to->end(), it->second.subscribers.begin(),
             it->second.subscribers.end());
}

void LogWatch::Notify(const LogName& name, bool ended) {
  Subscribers subscribers;
  {
    absl::MutexLock lock(&mu_);
    if (attempts_.empty()) return;
    AddSubscribers(name, &subscribers);
    const LogName run = LogName::OfRun(name.run_id);
    if (!(name == run)) AddSubscribers(run, &subscribers);
  }
  for (const auto& subscriber : subscribers) {
    if (const auto alive = subscriber.lock()) alive->Call(name, ended);
  }
}

void LogWatch::NotifyRun(const std::string& run_id) {
  std::vector<LogName> names;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [name, attempt] : attempts_) {
      if (name.run_id == run_id) names.push_back(name);
    }
  }
  for (const LogName& name : names) Notify(name, /*ended=*/true);
}

void LogSubscription::Impl::Call(const LogName& name, bool ended) {
  absl::MutexLock lock(&mu_);
  if (changed_) changed_(name, ended);
}

void LogSubscription::Impl::Cancel() {
  {
    absl::MutexLock lock(&mu_);
    changed_ = nullptr;
  }
  watch_->Unsubscribe(name_, this);
}

LogSubscription::LogSubscription(std::shared_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

LogSubscription::~LogSubscription() {
  if (impl_ != nullptr) impl_->Cancel();
}

LogSubscription& LogSubscription::operator=(LogSubscription&& other) noexcept {
  if (this == &other) return *this;
  if (impl_ != nullptr) impl_->Cancel();
  impl_ = std::move(other.impl_);
  return *this;
}

}  // namespace w2t
