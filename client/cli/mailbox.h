// Mailbox: hands things from many threads to one.
#ifndef W2T_CLIENT_CLI_MAILBOX_H_
#define W2T_CLIENT_CLI_MAILBOX_H_

#include <cstddef>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace w2t::cli {

// Thread-safe. Holds at most `bound` things; a writer waits for room.
template <typename T>
class Mailbox {
 public:
  explicit Mailbox(size_t bound) : bound_(bound) {}

  // Waits while it is full. After Close what is pushed is thrown away.
  void Push(T item) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Mailbox::HasRoom));
    if (!closed_) items_.push_back(std::move(item));
  }

  // For the few things whose writer must not wait: takes its place behind the
  // others, past the bound.
  void PushPast(T item) {
    absl::MutexLock lock(&mutex_);
    if (!closed_) items_.push_back(std::move(item));
  }

  // For what must get through at once: does not wait for room.
  void PushUrgent(T item) {
    absl::MutexLock lock(&mutex_);
    if (!closed_) items_.push_front(std::move(item));
  }

  // Everything there is; waits for the first thing, at most for `timeout`.
  std::deque<T> PopAll(absl::Duration timeout) {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(this, &Mailbox::HasItems), timeout);
    return std::exchange(items_, {});
  }

  // The reader has gone: nobody waits any more.
  void Close() {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    items_.clear();
  }

 private:
  bool HasRoom() const { return closed_ || items_.size() < bound_; }
  bool HasItems() const { return !items_.empty(); }

  const size_t bound_;
  absl::Mutex mutex_;
  std::deque<T> items_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_MAILBOX_H_
