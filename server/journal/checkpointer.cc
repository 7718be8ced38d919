#include "server/journal/checkpointer.h"

#include <signal.h>

#include <utility>

namespace w2t {

Checkpointer::Checkpointer(SqliteDatabase database, bool background)
    : database_(std::move(database)) {
  if (background) thread_ = std::thread([this] { Loop(); });
}

Checkpointer::~Checkpointer() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

Checkpointer::State Checkpointer::state() const {
  absl::MutexLock lock(&mu_);
  return state_;
}

void Checkpointer::Request() {
  if (!thread_.joinable()) return RunPassive();
  absl::MutexLock lock(&mu_);
  state_.busy = true;
}

void Checkpointer::RunNow(const SqliteDatabase& committing) {
  absl::MutexLock running(&running_mu_);
  uint64_t copied = 0;
  const bool made = Run(committing, SQLITE_CHECKPOINT_RESTART, &copied);
  absl::MutexLock lock(&mu_);
  state_.failed = !made;
  if (made) state_.copied_pages = 0;
}

bool Checkpointer::Run(const SqliteDatabase& database, int mode,
                       uint64_t* copied) {
  int log_pages = 0;
  int copied_pages = 0;
  const int code = sqlite3_wal_checkpoint_v2(database.handle(), nullptr, mode,
                                             &log_pages, &copied_pages);
  if (code != SQLITE_OK || copied_pages < 0) return false;
  *copied = static_cast<uint64_t>(copied_pages);
  return true;
}

void Checkpointer::Loop() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return state_.busy || stopping_;
  };
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&has_work));
      if (stopping_) return;
    }
    RunPassive();
  }
}

void Checkpointer::RunPassive() {
  absl::MutexLock running(&running_mu_);
  uint64_t copied = 0;
  const bool made = Run(database_, SQLITE_CHECKPOINT_PASSIVE, &copied);
  absl::MutexLock lock(&mu_);
  state_ = {.busy = false, .failed = !made, .copied_pages = copied};
}

}  // namespace w2t
