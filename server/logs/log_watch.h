// LogWatch: which attempts have output on its way to the disk, and who wants to
// know when it is there.
#ifndef W2T_SERVER_LOGS_LOG_WATCH_H_
#define W2T_SERVER_LOGS_LOG_WATCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "server/logs/log_store.h"

namespace w2t {

// Shared by a store and its subscriptions, because these may outlive it.
// Thread-safe.
class LogWatch : public std::enable_shared_from_this<LogWatch> {
 public:
  // Pieces of an attempt enter the queue, and leave it.
  void Enter(const std::vector<LogPiece>& pieces);
  void Leave(const std::vector<LogPiece>& pieces);
  // There will be no more; remembered only while somebody watches.
  void SetEnded(const LogName& name);
  void SetForgotten(const std::string& run_id);

  // True when nothing is on its way and nobody watches.
  bool IsIdle() const;
  // True when all that will ever be read is in the file. `ended`: whether the
  // caller knows that the attempt has ended.
  bool IsComplete(const LogName& name, bool ended) const;

  // To an attempt, or to all of a run.
  using Changed = absl::AnyInvocable<void(const LogName&, bool ended)>;
  std::shared_ptr<LogSubscription::Impl> Subscribe(const LogName& name,
                                                   Changed changed);
  void Unsubscribe(const LogName& name, const LogSubscription::Impl* impl);
  // Calls the subscribers of an attempt, and of its run.
  void Notify(const LogName& name, bool ended);
  // Calls all subscribers in a run that has been forgotten.
  void NotifyRun(const std::string& run_id);

 private:
  using Subscribers = std::vector<std::weak_ptr<LogSubscription::Impl>>;
  struct Attempt {
    uint32_t queued = 0;  // pieces
    bool ended = false;
    Subscribers subscribers;
  };
  using Attempts = absl::flat_hash_map<LogName, Attempt>;

  void AddSubscribers(const LogName& name, Subscribers* to) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EraseIfIdle(Attempts::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  Attempts attempts_ ABSL_GUARDED_BY(mu_);
};

class LogSubscription::Impl {
 public:
  Impl(LogName name, LogWatch::Changed changed, std::shared_ptr<LogWatch> watch)
      : name_(std::move(name)),
        watch_(std::move(watch)),
        changed_(std::move(changed)) {}

  void Call(const LogName& name, bool ended);
  void Cancel();

 private:
  const LogName name_;
  const std::shared_ptr<LogWatch> watch_;
  absl::Mutex mu_;  // held during a call
  LogWatch::Changed changed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace w2t

#endif  // W2T_SERVER_LOGS_LOG_WATCH_H_
