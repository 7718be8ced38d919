// Ahead: does jobs in other threads, and hands out their results in the order
// in which the jobs were given. A restart decodes so, on all processors, what
// is then folded in order.
//
//   Ahead<absl::StatusOr<FactBatch>> ahead;
//   while (more) {
//     while (ahead.full()) Fold(ahead.Take());
//     ahead.Add(bytes.size(), [bytes] { return DecodeBatch(bytes); });
//   }
//   while (!ahead.empty()) Fold(ahead.Take());
#ifndef W2T_SERVER_LOOP_AHEAD_H_
#define W2T_SERVER_LOOP_AHEAD_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace w2t::server {

// For one thread, which adds and takes. Jobs run in that thread or in others,
// and share nothing but what is thread-safe.
template <typename Result>
class Ahead {
 public:
  // Bounds of what was added and not taken.
  static constexpr size_t kMostJobs = 256;
  static constexpr size_t kMostBytes = 32 << 20;
  // A single one is done by who takes it.
  static constexpr size_t kJobsForThreads = 2;

  using Job = absl::AnyInvocable<Result()>;

  Ahead() = default;
  // Jobs that have not begun are dropped.
  ~Ahead() {
    {
      const absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;

  bool empty() const { return pieces_.empty(); }
  bool full() const {
    return pieces_.size() >= kMostJobs || bytes_ >= kMostBytes;
  }

  // `bytes` is what the job holds, about. Not when it is full.
  void Add(size_t bytes, Job job) {
    pieces_.push_back(std::make_unique<Piece>(bytes, std::move(job)));
    bytes_ += bytes;
    {
      const absl::MutexLock lock(&mutex_);
      waiting_.push_back(pieces_.back().get());
    }
    if (threads_.empty() && pieces_.size() >= kJobsForThreads) StartThreads();
  }

  // The result of the oldest job, once it is there. Not when it is empty.
  Result Take() {
    const std::unique_ptr<Piece> piece = std::move(pieces_.front());
    pieces_.pop_front();
    bytes_ -= piece->bytes;
    {
      const absl::MutexLock lock(&mutex_);
      if (!waiting_.empty() && waiting_.front() == piece.get()) {
        waiting_.pop_front();
      } else {
        mutex_.Await(absl::Condition(&piece->done));
      }
    }
    if (!piece->result) piece->result.emplace(piece->job());
    return *std::move(piece->result);
  }

 private:
  struct Piece {
    Piece(size_t bytes, Job job) : bytes(bytes), job(std::move(job)) {}

    const size_t bytes;
    Job job;
    std::optional<Result> result;
    bool done = false;  // guarded by mutex_; the result is there
  };

  void StartThreads() {
    for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  }

  void Work() {
    const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return stopping_ || !waiting_.empty();
    };
    while (true) {
      Piece* piece;
      {
        const absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
        if (stopping_) return;
        piece = waiting_.front();
        waiting_.pop_front();
      }
      piece->result.emplace(piece->job());
      const absl::MutexLock lock(&mutex_);
      piece->done = true;
    }
  }

  std::deque<std::unique_ptr<Piece>> pieces_;  // not taken, oldest first
  size_t bytes_ = 0;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Piece*> waiting_ ABSL_GUARDED_BY(mutex_);  // the last of pieces_
  std::vector<std::thread> threads_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_LOOP_AHEAD_H_
