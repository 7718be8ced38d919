// WatchHub: tells watchers what happens to runs.
//
// A watcher gets a snapshot of its run, or the events after the one that it
// names; then the events of each step, encoded once for all watchers of the
// run; then the run as it ended. When a single step brings more events than a
// run keeps, or a revision gave the run other tasks, a further snapshot takes
// their place.
//
// Not thread-safe: owned by the loop.
#ifndef W2T_SERVER_OBSERVE_WATCH_HUB_H_
#define W2T_SERVER_OBSERVE_WATCH_HUB_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "core/base/ids.h"
#include "server/budget.h"
#include "server/loop/inbox.h"
#include "server/observe/watch_feed.h"

namespace w2t::server {

// Told when a run has ended, on the loop's thread.
class RunEndListener {
 public:
  virtual ~RunEndListener() = default;
  virtual void RunEnded() = 0;
};

class WatchHub {
 public:
  // What is put into feeds is charged to `budget`, which may be null.
  explicit WatchHub(const Budget* budget = nullptr) : budget_(budget) {}

  struct Wish {
    uint64_t after_seq = 0;  // 0: a snapshot first
    bool end_only = false;
  };

  // Begins to feed a watcher of `run`. OUT_OF_RANGE when the events after
  // `after_seq` are not kept, or have not happened.
  absl::Status Watch(const View& view, const Run& run, const Wish& wish,
                     std::shared_ptr<WatchFeed> feed);
  // Tells `listener` when the run has ended, unless it has already.
  void WhenEnded(const Run& run, std::weak_ptr<RunEndListener> listener);

  // The run has new events. They go out with the next Flush.
  void Changed(RunNumber run);
  void Flush(const View& view);
  // Lets go of watchers of `run` that are gone.
  void Sweep(RunNumber run);
  // A run that has ended is not known any more. Those who have not heard of its
  // end get NOT_FOUND.
  void Forget(RunNumber run, std::string_view run_id);
  // Ends all feeds.
  void EndAll(const absl::Status& status);

 private:
  struct Watched {
    uint64_t sent_seq = 0;
    std::vector<std::shared_ptr<WatchFeed>> feeds;
    std::vector<std::shared_ptr<WatchFeed>> end_only;
    std::vector<std::weak_ptr<RunEndListener>> listeners;
    bool changed = false;
  };

  void Update(const View& view, const Run& run, Watched* watched);
  void Finish(const View& view, const Run& run, Watched* watched);
  static void DropGone(Watched* watched);
  static void End(const Watched& watched, const absl::Status& status);

  const Budget* const budget_;
  absl::btree_map<RunNumber, Watched> runs_;
  std::vector<RunNumber> changed_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_OBSERVE_WATCH_HUB_H_
