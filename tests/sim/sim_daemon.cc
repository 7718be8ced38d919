#include "tests/sim/sim_daemon.h"

#include <deque>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/loop/snapshots.h"
#include "server/rpc/dispatcher.h"
#include "tests/sim/judged_journal.h"

namespace w2t::sim {

// Takes output and throws it away after a while.
class SimDaemon::Logs : public LogSink {
 public:
  Logs(SimClock* clock, Oracle* oracle, Random random, uint64_t room)
      : clock_(clock), oracle_(oracle), random_(random), room_(room) {}

  bool Append(std::vector<LogPiece>&& pieces,
              absl::AnyInvocable<void()>&& done) override {
    uint64_t bytes = 0;
    for (const LogPiece& piece : pieces) {
      bytes += piece.chunk.data().size();
      const auto& [run_id, task, attempt] = piece.name;
      if (ended_.contains({run_id, task, attempt})) {
        oracle_->Fault("output was stored behind its attempt's end");
      }
    }
    if (queued_ > 0 && queued_ + bytes > room_) return false;
    queued_ += bytes;
    queue_.emplace_back(bytes, std::move(done));
    clock_->After(random_.Between(absl::ZeroDuration(), absl::Milliseconds(20)),
                  [this, alive = std::weak_ptr<bool>(alive_)] {
                    if (!alive.expired()) WriteOne();
                  });
    return true;
  }
  void WhenRoom(absl::AnyInvocable<void()> room) override {
    if (queued_ == 0) return room();
    waiting_.push_back(std::move(room));
  }
  void MarkEnded(const LogName& name) override {
    ended_.emplace(name.run_id, name.task, name.attempt);
  }
  void Forget(const std::string&) override {}

  // After something was written, which may have brought new messages.
  std::function<void()> on_written;

 private:
  void WriteOne() {
    auto [bytes, done] = std::move(queue_.front());
    queue_.pop_front();
    queued_ -= bytes;
    if (done) done();
    if (queued_ <= room_ / 2) {
      for (auto& room : std::exchange(waiting_, {})) room();
    }
    // It may bury the daemon, and this with it.
    const std::function<void()> written = on_written;
    written();
  }

  SimClock* const clock_;
  Oracle* const oracle_;
  Random random_;
  const uint64_t room_;
  uint64_t queued_ = 0;
  std::deque<std::pair<uint64_t, absl::AnyInvocable<void()>>> queue_;
  std::vector<absl::AnyInvocable<void()>> waiting_;
  std::set<std::tuple<std::string, uint32_t, uint32_t>> ended_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>();
};

// Lets the oracle see what the loop does.
class SimDaemon::Witness : public server::LoopEffects {
 public:
  Witness(server::LoopEffects* effects, SimDaemon* daemon)
      : effects_(effects), daemon_(daemon), oracle_(daemon->oracle_) {}

  void Committed(const server::View& view, const FactBatch& facts) override {
    effects_->Committed(view, facts);
  }
  void Perform(const server::View& view, Action& action) override {
    actions_.push_back(action);
    effects_->Perform(view, action);
  }
  void Flush(const server::View& view) override {
    oracle_->Stepped(view, std::exchange(actions_, {}));
    effects_->Flush(view);
  }
  void Processed(SessionId session) override {
    uint64_t& unprocessed = daemon_->unprocessed_[session];
    if (unprocessed > 0) --unprocessed;  // that a session is over is one more
    effects_->Processed(session);
  }

 private:
  server::LoopEffects* const effects_;
  SimDaemon* const daemon_;
  Oracle* const oracle_;
  std::vector<Action> actions_;
};

// In the order in which they are made; destroyed in reverse.
struct SimDaemon::Parts {
  Parts(SimDaemon* daemon, std::unique_ptr<Journal> opened, Random random)
      : journal(std::move(opened), daemon->oracle_),
        logs(daemon->clock_, daemon->oracle_, random,
             daemon->options_.log_room),
        inbox(daemon->options_.limits.max_inbox,
              daemon->options_.limits.max_inbox_bytes),
        sessions(&daemon->options_.limits, &inbox, &logs),
        dispatcher(&daemon->options_.limits, &sessions, &hub, &logs),
        witness(&dispatcher, daemon),
        loop(LoopOptions(daemon), &journal, &inbox, &witness) {
    logs.on_written = [daemon] {
      daemon->BuryIfDead();
      daemon->Poke();
    };
  }
  static server::Loop::Options LoopOptions(SimDaemon* daemon) {
    server::Loop::Options options;
    options.engine = daemon->options_.engine;
    options.on_failure = [daemon](const absl::Status& status) {
      daemon->oracle_->Fault("the journal failed: " + status.ToString());
    };
    options.on_snapshot = [daemon](const absl::Status& status) {
      daemon->oracle_->Tell("daemon: a snapshot: {}", status.ToString());
    };
    options.on_stall = [daemon](const absl::Status& status) {
      daemon->oracle_->Tell("daemon: stalled: {}", status.ToString());
    };
    return options;
  }

  JudgedJournal journal;
  Logs logs;
  server::Inbox inbox;
  server::WatchHub hub;
  server::SessionSet sessions;
  server::Dispatcher dispatcher;
  Witness witness;
  server::Loop loop;
};

SimDaemon::SimDaemon(SimClock* clock, Oracle* oracle, Random random,
                     const DaemonOptions& options)
    : clock_(clock),
      oracle_(oracle),
      random_(random),
      options_(options),
      disk_(random_.Next()),
      vfs_(&disk_) {}

SimDaemon::~SimDaemon() = default;

void SimDaemon::Start() {
  ++process_;
  words_left_ = UINT64_MAX;
  unprocessed_.clear();
  absl::StatusOr<std::unique_ptr<Journal>> journal =
      Journal::Open({.directory = "data",
                     .checkpoint_bytes = 64 * 1024,
                     .max_wal_bytes = 256 * 1024,
                     .snapshot_bytes = options_.snapshot_bytes,
                     .vfs = SimVfs::kName});
  absl::Status status = journal.status();
  if (status.ok()) {
    parts_ = std::make_unique<Parts>(this, *std::move(journal), random_.Fork());
    status = parts_->loop.Replay(Now());
  }
  if (status.ok()) {
    parts_->dispatcher.Begin(parts_->loop.view());
    oracle_->Tell("daemon: process {} is up, {} batches", process_,
                  parts_->journal.last_batch());
    oracle_->CheckPromises(parts_->loop.view());
    return TurnAt(parts_->loop.NextTurn() - skew_);
  }
  oracle_->Tell("daemon: cannot start: {}", status.ToString());
  const bool passes = absl::IsResourceExhausted(status) ||
                      absl::IsUnavailable(status) || disk_.dead();
  if (!passes)
    oracle_->Fault("the daemon does not start: " + status.ToString());
  Crash(Tail::kKept, absl::Milliseconds(500));
}

server::Inbox& SimDaemon::inbox() { return parts_->inbox; }
server::WatchHub& SimDaemon::hub() { return parts_->hub; }
server::SessionSet& SimDaemon::sessions() { return parts_->sessions; }
server::View SimDaemon::view() const { return parts_->loop.view(); }
bool SimDaemon::stalled() const { return parts_->loop.stalled(); }

absl::StatusOr<std::shared_ptr<const Run>> SimDaemon::LoadRun(
    RunNumber number) {
  absl::StatusOr<std::unique_ptr<PartReader>> reader =
      parts_->journal.OpenReader();
  if (!reader.ok()) return reader.status();
  absl::StatusOr<std::unique_ptr<Run>> run =
      server::RestoreRun(**reader, number, options_.limits);
  if (!run.ok()) return run.status();
  return std::shared_ptr<const Run>(*std::move(run));
}

void SimDaemon::Poke() {
  if (!up()) return;
  TurnAt(clock_->now() + random_.Between(absl::ZeroDuration(), options_.lag));
}

// Earlier than what was arranged, or not at all.
void SimDaemon::TurnAt(absl::Time at) {
  if (at >= turn_at_) return;
  turn_at_ = std::max(at, clock_->now());
  clock_->At(turn_at_, [this, turn = ++turn_] {
    if (turn == turn_ && up()) TakeTurn();
  });
}

void SimDaemon::TakeTurn() {
  turn_at_ = absl::InfiniteFuture();
  server::Inbox::Batch batch;
  static_cast<void>(parts_->inbox.Pop(absl::InfinitePast(), &batch));
  turns_at_once_ = batch.empty() ? turns_at_once_ + 1 : 0;
  if (turns_at_once_ > 1'000) oracle_->Fault("the loop wakes up without end");
  parts_->loop.Turn(batch, Now());
  if (Dead()) return BuryIfDead();
  const absl::Time next = parts_->loop.NextTurn();
  if (next == absl::InfiniteFuture()) return;
  // A clock does not stand still.
  TurnAt(std::max(next - skew_, clock_->now() + absl::Microseconds(100)));
}

void SimDaemon::Posted(SessionId session) {
  const uint64_t limit = options_.limits.max_session_window;
  if (++unprocessed_[session] > limit) {
    oracle_->Fault(
        fmt::format("session {} has {} unprocessed messages, the "
                    "limit is {}",
                    session.value, unprocessed_[session], limit));
  }
}

bool SimDaemon::Speaks() {
  if (Dead()) return false;
  if (--words_left_ == 0) {  // its last one
    disk_.DieAfter(disk_.operations());
    clock_->After(absl::ZeroDuration(), [this] { BuryIfDead(); });
  }
  return true;
}

bool SimDaemon::Dead() const { return disk_.dead() || words_left_ == 0; }

void SimDaemon::BuryIfDead() {
  if (up() && Dead()) Crash(tail_, down_);
}

void SimDaemon::CrashAfter(uint64_t operations, uint64_t words, Tail tail,
                           absl::Duration down) {
  if (Dead()) return;
  disk_.DieAfter(disk_.operations() + operations);
  words_left_ = words;
  tail_ = tail;
  down_ = down;
}

void SimDaemon::Stop(absl::Duration grace, absl::Duration down) {
  if (!up()) return;
  parts_->inbox.Post(DrainServerEvent());
  Poke();
  clock_->After(grace, [this, process = process_, down] {
    if (process == process_) Crash(Tail::kKept, down);
  });
}

void SimDaemon::Crash(Tail tail, absl::Duration down) {
  oracle_->Tell("daemon: process {} dies, tail {}", process_,
                static_cast<int>(tail));
  words_left_ = 0;
  disk_.DieAfter(disk_.operations());  // what is closed writes nothing
  turn_at_ = absl::InfiniteFuture();
  ++turn_;
  on_down();
  parts_ = nullptr;
  disk_.Restart(tail);
  clock_->After(down, [this, process = process_] {
    if (process == process_ && !up()) Start();
  });
}

}  // namespace w2t::sim
