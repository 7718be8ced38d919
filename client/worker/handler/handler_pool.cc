#include "client/worker/handler/handler_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "client/worker/session/text.h"
#include "w2t/limits.h"

namespace w2t::worker {

namespace {

class AttemptPrinter final : public TaskContext::Printer {
 public:
  AttemptPrinter(AttemptSink* sink, const Lease& lease)
      : sink_(sink), lease_(lease) {}

  void Print(std::string_view text) override {
    if (text.empty()) return;
    const uint64_t dropped = dropped_.exchange(0);
    if (!sink_->TryPrint(lease_, v1::LOG_STREAM_STDOUT, text, dropped)) {
      dropped_ += dropped + text.size();
    }
  }

 private:
  AttemptSink* const sink_;
  const Lease& lease_;
  std::atomic<uint64_t> dropped_ = 0;
};

Outcome Failed(std::string message) {
  return {.state = v1::TASK_STATE_FAILED,
          .exit_code = 1,
          .message = std::move(message)};
}

Outcome OutcomeOf(absl::StatusOr<std::string> result) {
  if (!result.ok()) {
    std::string words(result.status().message());
    return Failed(words.empty()
                      ? absl::StatusCodeToString(result.status().code())
                      : std::move(words));
  }
  const uint64_t limit = Limits().max_output_bytes;
  if (result->size() > limit) {
    return Failed(
        fmt::format("the output has {} bytes; limits.max_output_bytes is {}",
                    result->size(), limit));
  }
  return {.state = v1::TASK_STATE_SUCCEEDED, .output = *std::move(result)};
}

Outcome CallHandler(const Handler& handler, const TaskContext& task) {
  try {
    return OutcomeOf(handler(task));
  } catch (const std::exception& error) {
    return Failed(error.what());
  } catch (...) {
    return Failed("the handler threw something that is no std::exception");
  }
}

}  // namespace

HandlerPool::HandlerPool(Loop* loop, AttemptSink* sink,
                         const Handlers* handlers, size_t threads)
    : loop_(loop), sink_(sink), handlers_(handlers) {
  for (size_t i = 0; i < threads; ++i) {
    slots_.push_back(std::make_unique<Slot>());
  }
  for (const auto& slot : slots_) {
    threads_.emplace_back([this, &slot] { Serve(*slot); });
  }
}

HandlerPool::~HandlerPool() {
  for (std::thread& thread : threads_) thread.join();
}

void HandlerPool::Start(std::vector<Offer> offers) {
  {
    absl::MutexLock lock(&mutex_);
    if (!stopped_) {
      for (Offer& offer : offers) queue_.push_back(std::move(offer));
      for (size_t i = std::min(idle_, offers.size()); i > 0; --i) {
        work_.Signal();
      }
      return;
    }
  }
  for (const Offer& offer : offers) Drop(offer.lease);
}

void HandlerPool::Drop(const Lease& lease) {
  sink_->Ended(lease, {.state = v1::TASK_STATE_CANCELLED,
                       .message = "cancelled before it started"});
}

void HandlerPool::Serve(Slot& slot) {
  Offer offer;
  while (Next(slot, offer)) sink_->Ended(offer.lease, Call(slot, offer));
}

bool HandlerPool::Next(Slot& slot, Offer& offer) {
  absl::MutexLock lock(&mutex_);
  slot.lease = Lease();
  ++idle_;
  while (queue_.empty() && !stopped_) work_.Wait(&mutex_);
  --idle_;
  if (queue_.empty()) return false;
  offer = std::move(queue_.front());
  queue_.pop_front();
  slot.lease = offer.lease;
  slot.since_tick = tick_;
  slot.reported = false;
  slot.stop = std::stop_source();
  slot.cancelled = false;
  slot.timed_out = false;
  if (!std::exchange(ticking_, true)) {
    loop_->After(kHandlerTick, [this] { Tick(); });
  }
  return true;
}

Outcome HandlerPool::Call(Slot& slot, const Offer& offer) {
  const v1::HandlerAction& action = offer.action->handler();
  const auto handler = handlers_->find(action.name());
  if (handler == handlers_->end()) {
    return Failed(
        fmt::format("this worker has no handler named \"{}\"", action.name()));
  }
  if (offer.action->has_ready() || offer.action->has_live()) {
    return Failed("a task that calls a handler cannot have a probe");
  }
  const absl::Duration timeout = FromProto(offer.action->timeout());
  TimerId timer = 0;
  if (timeout > absl::ZeroDuration()) {
    timer = loop_->After(timeout, [this, &slot, fence = offer.lease.fence] {
      OnTimeout(slot, fence);
    });
  }
  AttemptPrinter printer(sink_, offer.lease);
  const TaskContext context(*offer.run_id, offer.name, offer.lease.attempt,
                            action.input(), slot.stop.get_token(), &printer);
  Outcome outcome = CallHandler(handler->second, context);
  if (timer != 0) loop_->Cancel(timer);
  if (slot.timed_out) {
    return {
        .state = v1::TASK_STATE_TIMED_OUT,
        .exit_code = 1,
        .message = fmt::format("timed out after {}", DurationText(timeout))};
  }
  if (slot.cancelled) {
    return {.state = v1::TASK_STATE_CANCELLED,
            .exit_code = 1,
            .message = "the handler was asked to stop"};
  }
  return outcome;
}

void HandlerPool::Tick() {
  std::vector<Lease> started;
  {
    absl::MutexLock lock(&mutex_);
    ++tick_;
    bool again = false;
    for (const auto& slot : slots_) {
      if (slot->lease.fence == 0 || slot->reported) continue;
      if (slot->since_tick + 1 < tick_) {
        slot->reported = true;
        started.push_back(slot->lease);
      } else {
        again = true;
      }
    }
    ticking_ = again;
    if (again) loop_->After(kHandlerTick, [this] { Tick(); });
  }
  if (!started.empty()) sink_->Started(started, /*has_probe=*/false);
}

void HandlerPool::OnTimeout(Slot& slot, uint64_t fence) {
  std::stop_source stop(std::nostopstate);
  {
    absl::MutexLock lock(&mutex_);
    if (slot.lease.fence != fence || slot.cancelled) return;
    slot.timed_out = true;
    stop = slot.stop;
  }
  stop.request_stop();
}

void HandlerPool::Cancel(absl::Span<const Lease> leases) {
  absl::flat_hash_set<uint64_t> fences;
  for (const Lease& lease : leases) fences.insert(lease.fence);
  std::vector<Lease> dropped;
  std::vector<std::stop_source> stops;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& slot : slots_) {
      if (!fences.contains(slot->lease.fence) || slot->timed_out) continue;
      slot->cancelled = true;
      stops.push_back(slot->stop);
    }
    std::erase_if(queue_, [&](const Offer& offer) {
      if (!fences.contains(offer.lease.fence)) return false;
      dropped.push_back(offer.lease);
      return true;
    });
  }
  // Callbacks of the function's may run in request_stop.
  for (std::stop_source& stop : stops) stop.request_stop();
  for (const Lease& lease : dropped) Drop(lease);
}

void HandlerPool::Stop() {
  std::deque<Offer> dropped;
  std::vector<std::stop_source> stops;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    dropped.swap(queue_);
    for (const auto& slot : slots_) {
      if (slot->lease.fence == 0) continue;
      if (!slot->timed_out) slot->cancelled = true;
      stops.push_back(slot->stop);
    }
    work_.SignalAll();
  }
  for (std::stop_source& stop : stops) stop.request_stop();
  for (const Offer& offer : dropped) Drop(offer.lease);
}

size_t HandlerPool::running() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<size_t>(
      std::count_if(slots_.begin(), slots_.end(),
                    [](const auto& slot) { return slot->lease.fence != 0; }));
}

}  // namespace w2t::worker
