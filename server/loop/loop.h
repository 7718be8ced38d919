// Loop: the one thread that owns the Engine.
//
// It takes all that has arrived as one batch, stamps it with one `now`, steps
// the engine, commits the facts as one row, and only then performs the actions
// and runs the queries. A batch that weighs more than kMaxStepBytes is taken in
// several steps, so that a row has a bound. Nothing is done or told that a
// crash could forget.
//
// When the journal cannot be written (the disk is full, a sync failed), the
// loop is stalled: the step in hand is kept and committed again and again until
// that works, what workers say waits, and calls are refused with the reason.
// Workers go on meanwhile. Whenever the journal has grown enough, and before
// the loop ends, a snapshot takes the place of its batches; one that fails is
// tried again later, and nothing else comes of that. Any other failure of the
// journal is for good: waiting calls are told that the daemon stops, and
// `on_failure` says why.
#ifndef W2T_SERVER_LOOP_LOOP_H_
#define W2T_SERVER_LOOP_LOOP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "core/engine/engine.h"
#include "server/journal/journal.h"
#include "server/loop/inbox.h"
#include "server/loop/snapshots.h"
#include "w2t/limits.h"

namespace w2t::server {

// What the loop does to the rest of the daemon. Called on the loop's thread.
class LoopEffects {
 public:
  virtual ~LoopEffects() = default;
  // These facts are durable.
  virtual void Committed(const View& view, const FactBatch& facts) = 0;
  // Any action but SubmitReply and StatusReply.
  virtual void Perform(const View& view, Action& action) = 0;
  // All actions of a step have been performed.
  virtual void Flush(const View& view) = 0;
  // A message of this session has been processed.
  virtual void Processed(SessionId session) = 0;
};

class Loop {
 public:
  static constexpr size_t kMaxStepBytes = 64 << 20;
  // Between two tries to commit while stalled; the first, doubling to the last.
  static constexpr absl::Duration kFirstRetry = absl::Milliseconds(100);
  static constexpr absl::Duration kLongestRetry = absl::Seconds(2);
  // After a snapshot that failed, until the next one.
  static constexpr absl::Duration kSnapshotRetry = absl::Minutes(1);

  struct Options {
    EngineOptions engine;
    // Called once, on the loop's thread, when the journal fails.
    absl::AnyInvocable<void(const absl::Status&)> on_failure;
    // Called on the loop's thread with an error when the loop is stalled and
    // with OK when it goes on.
    absl::AnyInvocable<void(const absl::Status&)> on_stall;
    // Called on the loop's thread, or that of Replay, after each snapshot.
    absl::AnyInvocable<void(const absl::Status&)> on_snapshot;
    // Called once, on the loop's thread, when the engine drains and no worker
    // holds anything.
    absl::AnyInvocable<void()> on_idle;
  };

  // All must outlive the loop.
  Loop(Options options, Journal* journal, Inbox* inbox, LoopEffects* effects);
  // Stops it.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Rebuilds the state from the journal, and commits that this daemon has taken
  // over at `now`. Before all others. DATA_LOSS or INTERNAL name the part or
  // the batch at fault.
  absl::Status Replay(absl::Time now);
  // Takes turns in a thread of its own, until Stop.
  void Start();
  // Performs what is in the inbox, closes it, and ends the thread.
  void Stop();

  // Without Start, the caller is the thread: Turn takes what came and leaves
  // `batch` clear; it is due when something came and at NextTurn.
  void Turn(Inbox::Batch& batch, absl::Time now);
  absl::Time NextTurn() const;
  bool stalled() const { return pending_.has_value(); }
  // Not while another thread takes turns.
  View view() const { return {engine_, workers_}; }

 private:
  // Replays what is behind the snapshot.
  absl::Status FoldBatches();
  void Run();
  void Process(Inbox::Batch& batch, absl::Time now);
  // Takes the first events, as many as weigh little enough, and returns their
  // number.
  size_t StepSome(absl::Span<Event> events, absl::Time now);
  // Commits what is pending, and performs it. False when the journal does not
  // take it: the loop has failed or is stalled.
  bool Carry(absl::Time now);
  // Only while nothing is pending.
  void Snapshot(absl::Time now);
  void Stall(const absl::Status& status, absl::Time now);
  // Keeps, of what is not stepped yet, what workers said.
  void Hold(Inbox::Batch& batch, absl::Span<Event> rest);
  void Perform(Action& action);
  void Fail(const absl::Status& status);
  void RefuseReplies(const absl::Status& why);
  void TellIdle();

  Options options_;
  Journal* const journal_;
  Inbox* const inbox_;
  LoopEffects* const effects_;

  Engine engine_;
  WorkerNames workers_;
  Snapshots snapshots_;
  absl::Time snapshot_retry_at_ = absl::InfinitePast();
  absl::flat_hash_map<ReplyToken, Reply> replies_;
  uint64_t last_token_ = 0;
  bool failed_ = false;
  std::optional<StepResult> pending_;  // not durable: the loop is stalled
  absl::Time retry_at_ = absl::InfinitePast();  // when stalled
  absl::Duration retry_delay_ = kFirstRetry;
  Inbox::Batch held_;                 // what came meanwhile
  std::vector<SessionId> processed_;  // messages in the step that is pending
  bool idle_told_ = false;
  std::thread thread_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_LOOP_LOOP_H_
