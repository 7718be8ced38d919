// Archive: runs that have ended, read from the journal's snapshot when somebody
// asks for them, in a thread of its own. Those asked for last are kept for the
// next question, as long as they have no more than max_kept_tasks tasks in all.
// Thread-safe.
#ifndef W2T_SERVER_LOOP_ARCHIVE_H_
#define W2T_SERVER_LOOP_ARCHIVE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/run/run.h"
#include "server/journal/journal.h"
#include "server/limits.h"

namespace w2t::server {

class Archive {
 public:
  static constexpr size_t kMostKept = 64;  // runs

  using Done =
      absl::AnyInvocable<void(absl::StatusOr<std::shared_ptr<const Run>>)>;

  // `limits` must outlive it and the runs that it gives out.
  Archive(std::unique_ptr<PartReader> reader, const ServerLimits* limits);
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  // Calls `done` with the run, which must be in the snapshot, or why it cannot
  // be read: in the archive's thread, or at once when it is refused.
  // RESOURCE_EXHAUSTED when max_loads wait, UNAVAILABLE after Stop, DATA_LOSS
  // when a part is damaged.
  void Load(RunNumber number, Done done);
  // Refuses those that wait, and all from now on.
  void Stop();

 private:
  struct Wanted {
    RunNumber number;
    Done done;
  };

  void Loop();
  absl::StatusOr<std::shared_ptr<const Run>> Find(RunNumber number);
  void Keep(std::shared_ptr<const Run> run);

  const ServerLimits& limits_;
  // The archive's thread's.
  const std::unique_ptr<PartReader> reader_;
  std::deque<std::shared_ptr<const Run>> kept_;  // asked for last: in front

  absl::Mutex mutex_;
  std::deque<Wanted> wanted_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_LOOP_ARCHIVE_H_
