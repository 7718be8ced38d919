#include "tests/sim/sim_watch.h"

#include <deque>
#include <optional>
#include <utility>

#include "fmt/format.h"

namespace w2t::sim {

// One call of WatchRun, both ends.
class SimWatch::Stream : public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(SimWatch* watch)
      : watch_(watch), clock_(watch->clock_), daemon_(watch->daemon_) {}

  void Open(Random random) {
    const std::weak_ptr<Stream> weak = shared_from_this();
    down_.emplace(clock_, random.Fork(), watch_->wire_, [weak](Item& item) {
      if (const auto self = weak.lock()) self->Arrive(item);
    });
    up_.emplace(clock_, random.Fork(), watch_->wire_, [weak](uint64_t& after) {
      if (const auto self = weak.lock()) self->Begin(after);
    });
    up_->Send(watch_->seq_);
  }
  // The client lets go.
  void Close() {
    watch_ = nullptr;
    if (feed_ != nullptr) feed_->Abandon();
  }
  void Break(absl::Duration after) {
    down_->Break();
    if (feed_ != nullptr) feed_->Abandon();
    clock_->After(after, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr || self->watch_ == nullptr) return;
      self->watch_->OnClosed(absl::UnavailableError("connection reset"));
    });
  }

 private:
  struct Item {
    server::SharedBytes message;
    absl::Status status;
  };
  static constexpr size_t kWindow = 4;

  void Begin(uint64_t after_seq);
  void Subscribe(const server::View* view, uint64_t after_seq);
  void Load(RunNumber number, uint64_t after_seq);
  void Pump();
  void Arrive(Item& item) {
    arrived_.push_back(std::move(item));
    Take();
  }
  void Take();

  SimWatch* watch_;  // null: closed
  SimClock* const clock_;
  SimDaemon* const daemon_;
  uint64_t process_ = 0;
  std::shared_ptr<server::WatchFeed> feed_;
  std::shared_ptr<const Run> archived_;
  std::optional<Channel<uint64_t>> up_;
  std::optional<Channel<Item>> down_;
  std::deque<Item> arrived_;
  bool taking_ = false;
};

void SimWatch::Stream::Begin(uint64_t after_seq) {
  if (!daemon_->up()) {
    return down_->Send({nullptr, absl::UnavailableError("refused")});
  }
  process_ = daemon_->process();
  feed_ = std::make_shared<server::WatchFeed>(
      daemon_->limits().max_outbox_bytes, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->Pump();
      });
  const absl::Status asked = daemon_->inbox().TryAsk(
      [self = shared_from_this(), after_seq](const server::View* view) {
        self->Subscribe(view, after_seq);
      });
  if (!asked.ok()) feed_->End(asked);
  daemon_->Poke();
}

void SimWatch::Stream::Subscribe(const server::View* view, uint64_t after_seq) {
  if (watch_ == nullptr) return;
  if (view == nullptr) return feed_->End(daemon_->inbox().WhyRefused());
  const RunNumber number = view->engine.FindId(watch_->run_id_);
  if (!number) return feed_->End(absl::NotFoundError("no such run"));
  const Run* run = view->engine.FindRun(number);
  if (run == nullptr) run = archived_.get();
  if (run == nullptr) return Load(number, after_seq);
  const absl::Status status =
      daemon_->hub().Watch(*view, *run, {.after_seq = after_seq}, feed_);
  if (!status.ok()) feed_->End(status);
}

// What the archive does in a thread of its own.
void SimWatch::Stream::Load(RunNumber number, uint64_t after_seq) {
  absl::StatusOr<std::shared_ptr<const Run>> run = daemon_->LoadRun(number);
  if (!run.ok()) return feed_->End(run.status());
  archived_ = *std::move(run);
  daemon_->inbox().PostQuery(
      [self = shared_from_this(), after_seq](const server::View* view) {
        self->Subscribe(view, after_seq);
      });
  daemon_->Poke();
}

// On the loop, or when there is room for more: never inside the feed.
void SimWatch::Stream::Pump() {
  clock_->After(absl::Microseconds(5), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr || !self->daemon_->up() ||
        self->process_ != self->daemon_->process()) {
      return;
    }
    while (self->down_->on_way() + self->arrived_.size() < kWindow) {
      std::optional<server::WatchFeed::Item> item = self->feed_->Take();
      if (!item.has_value() || !self->daemon_->Speaks()) return;
      self->down_->Send({std::move(item->message), item->status});
    }
  });
}

void SimWatch::Stream::Take() {
  if (taking_ || watch_ == nullptr || arrived_.empty()) return;
  taking_ = true;
  const absl::Duration pause =
      watch_->slow_
          ? watch_->random_.Between(absl::ZeroDuration(), absl::Seconds(2))
          : absl::ZeroDuration();
  clock_->After(pause, [self = shared_from_this()] {
    self->taking_ = false;
    if (self->watch_ == nullptr || self->arrived_.empty()) return;
    const Item item = std::move(self->arrived_.front());
    self->arrived_.pop_front();
    if (item.message == nullptr) return self->watch_->OnClosed(item.status);
    v1::WatchRunResponse message;
    if (!message.ParseFromString(*item.message)) {
      return self->watch_->oracle_->Fault("a watcher got no message");
    }
    self->watch_->OnMessage(message);
    self->Pump();
    self->Take();
  });
}

SimWatch::SimWatch(SimClock* clock, Oracle* oracle, SimDaemon* daemon,
                   Random random, const Wire* wire, std::string run_id)
    : clock_(clock),
      oracle_(oracle),
      daemon_(daemon),
      random_(random),
      wire_(wire),
      run_id_(std::move(run_id)),
      slow_(random_.Chance(10)) {}

SimWatch::~SimWatch() = default;

std::string SimWatch::ToString() const {
  return fmt::format("{} heard up to {}", run_id_, seq_);
}

void SimWatch::Open() {
  if (ended_) return;
  if (!whole_) seq_ = 0;
  stream_ = std::make_shared<Stream>(this);
  stream_->Open(random_.Fork());
}

void SimWatch::Break() {
  if (stream_ == nullptr) return;
  stream_->Break(random_.Between(absl::ZeroDuration(), absl::Milliseconds(50)));
}

void SimWatch::OnClosed(const absl::Status& status) {
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Close();
  oracle_->Tell("watch of {}: ended at {}: {}", run_id_, seq_,
                status.ToString());
  if (status.ok()) {
    if (!ended_) oracle_->Fault(run_id_ + ": a watch is over before its end");
    return;
  }
  if (absl::IsNotFound(status)) {
    oracle_->HearsNoSuchRun(run_id_);
    ended_ = true;
    return;
  }
  if (absl::IsOutOfRange(status)) {
    whole_ = false;
  } else if (!absl::IsUnavailable(status) &&
             !absl::IsResourceExhausted(status)) {
    oracle_->Fault(
        fmt::format("{}: a watch ended: {}", run_id_, status.ToString()));
  }
  if (ended_) return;
  clock_->After(random_.Between(absl::Milliseconds(10), absl::Seconds(1)),
                [this] {
                  if (stream_ == nullptr) Open();
                });
}

void SimWatch::OnMessage(const v1::WatchRunResponse& message) {
  oracle_->Tell("watch of {}: at {}, hears {}", run_id_, seq_,
                message.has_snapshot() ? "a snapshot"
                : message.has_events() ? "events"
                                       : "the end");
  if (message.has_snapshot()) {
    OnSnapshot(message.snapshot());
  } else if (message.has_events()) {
    OnEvents(message.events());
  } else if (message.has_ended()) {
    OnEnd(message.ended());
  }
}

void SimWatch::OnSnapshot(const v1::RunSnapshot& snapshot) {
  if (snapshot.seq() < seq_) {
    oracle_->Fault(fmt::format("{}: a snapshot of {} after {}", run_id_,
                               snapshot.seq(), seq_));
  }
  seq_ = snapshot.seq();
  if (snapshot.first_task() == 0) states_.clear();
  for (const int state : snapshot.states()) {
    states_.push_back(static_cast<v1::TaskState>(state));
  }
  whole_ = snapshot.last();
}

void SimWatch::OnEvents(const v1::EventBatch& events) {
  if (!whole_ || events.first_seq() != seq_ + 1) {
    oracle_->Fault(fmt::format("{}: event {} came after {}", run_id_,
                               events.first_seq(), seq_));
  }
  for (int i = 0; i < events.task_size(); ++i) {
    ++seq_;
    const uint32_t task = events.task(i);
    oracle_->HearsEvent(
        run_id_, seq_,
        fmt::format("task {} attempt {} state {} exit {} at {}", task,
                    events.attempt(i), static_cast<int>(events.state(i)),
                    events.exit_code(i), events.time_us(i)));
    if (task == kNoTask) continue;
    if (task >= states_.size()) {
      oracle_->Fault(fmt::format("{}: an event of an unknown task", run_id_));
      return;
    }
    // Only by starting anew, or waiting for what does.
    const bool anew = events.state(i) == v1::TASK_STATE_WAITING ||
                      events.state(i) == v1::TASK_STATE_READY;
    if (states_[task] >= v1::TASK_STATE_SUCCEEDED && !anew) {
      oracle_->Fault(fmt::format("{}: an event after the outcome", run_id_));
    }
    states_[task] = events.state(i);
  }
}

void SimWatch::OnEnd(const v1::Run& run) {
  if (run.last_seq() != seq_) {
    oracle_->Fault(fmt::format("{}: ended at {}, heard up to {}", run_id_,
                               run.last_seq(), seq_));
  }
  for (const v1::TaskState state : states_) {
    if (state < v1::TASK_STATE_SUCCEEDED) {
      oracle_->Fault(run_id_ + ": ended, and a task has not");
    }
  }
  ended_ = true;
}

}  // namespace w2t::sim
