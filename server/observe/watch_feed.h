// WatchFeed: what one watcher of a run has still to be sent.
//
// The loop puts in; whoever sends takes out. Encoded batches are shared among
// watchers; a snapshot is kept as plain columns and encoded part by part as it
// is taken. Thread-safe.
#ifndef W2T_SERVER_OBSERVE_WATCH_FEED_H_
#define W2T_SERVER_OBSERVE_WATCH_FEED_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/view_codec.h"
#include "server/budget.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::server {

// A serialized v1.WatchRunResponse.
using SharedBytes = std::shared_ptr<const std::string>;
// Charges `budget`, which may be null, until the last share is gone.
SharedBytes Share(std::string bytes, const Budget* budget);

class WatchFeed {
 public:
  // Tasks in one part of a snapshot.
  static constexpr uint32_t kPartTasks = 10'000;

  struct Item {
    SharedBytes message;  // null: the end
    absl::Status status;  // of the end
    bool more = false;    // something follows at once
  };

  // `wake` is called when there is something to take where there was nothing.
  // When more than `max_bytes` wait, all but the first message is dropped and
  // the feed ends with RESOURCE_EXHAUSTED; one alone is taken however large it
  // is, so that whoever resumes always comes further. When more waits than
  // `budget` (may be null) has for all feeds and this one has not kept up, all
  // is dropped.
  WatchFeed(uint64_t max_bytes, absl::AnyInvocable<void()> wake,
            const Budget* budget = nullptr);

  void PutSnapshot(v1::Run run, uint64_t seq, wire::TaskColumns tasks);
  void Put(SharedBytes message);
  // Nothing can follow.
  void End(absl::Status status);

  // The next item; none when nothing waits. After the end: none.
  std::optional<Item> Take();

  // The reader is gone: whatever is put in is dropped.
  void Abandon();
  // True once End was called or the reader is gone.
  bool over() const;

 private:
  struct Snapshot {
    v1::Run run;  // for the first part
    uint64_t seq = 0;
    wire::TaskColumns tasks;
    Budget::Charge charge;
    uint32_t next = 0;
  };
  using Entry = std::variant<SharedBytes, Snapshot>;

  void Add(Entry entry, size_t bytes);
  void EndLocked(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SharedBytes EncodePart(Snapshot* snapshot) const;
  static size_t SizeOf(const Entry& entry);

  const uint64_t max_bytes_;
  const Budget* const budget_;
  absl::AnyInvocable<void()> wake_;

  mutable absl::Mutex mutex_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_OBSERVE_WATCH_FEED_H_
