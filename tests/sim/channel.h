// Channel: one direction of a connection. Keeps order, takes time, and holds
// everything back while the connection is cut.
#ifndef W2T_TESTS_SIM_CHANNEL_H_
#define W2T_TESTS_SIM_CHANNEL_H_

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "tests/sim/clock.h"
#include "tests/sim/random.h"

namespace w2t::sim {

// What the connections of one peer have in common.
struct Wire {
  absl::Time cut_until = absl::InfinitePast();
  absl::Duration latency = absl::Milliseconds(2);  // at most
};

// Dropped with all that is on its way when it is destroyed. `wire` outlives it.
template <typename Message>
class Channel {
 public:
  using Receiver = std::function<void(Message&)>;

  Channel(SimClock* clock, Random random, const Wire* wire, Receiver receiver)
      : clock_(clock),
        random_(random),
        wire_(wire),
        state_(std::make_shared<State>(State{{}, std::move(receiver)})) {}

  void Send(Message message) {
    if (broken_) return;
    state_->on_way.push_back(std::move(message));
    arrival_ = std::max(
        arrival_, clock_->now() +
                      random_.Between(absl::Microseconds(20), wire_->latency));
    Arrange(clock_, wire_, arrival_, state_);
  }
  size_t on_way() const { return state_->on_way.size(); }
  // Nothing arrives any more.
  void Break() {
    broken_ = true;
    state_->on_way.clear();
  }

 private:
  struct State {
    std::deque<Message> on_way;
    Receiver receiver;
  };

  static void Arrange(SimClock* clock, const Wire* wire, absl::Time at,
                      const std::weak_ptr<State>& weak) {
    clock->At(at, [clock, wire, weak] {
      const std::shared_ptr<State> state = weak.lock();
      if (state == nullptr || state->on_way.empty()) return;
      if (wire->cut_until > clock->now()) {
        return Arrange(clock, wire, wire->cut_until, state);
      }
      Message message = std::move(state->on_way.front());
      state->on_way.pop_front();
      state->receiver(message);
    });
  }

  SimClock* const clock_;
  Random random_;
  const Wire* const wire_;
  bool broken_ = false;
  absl::Time arrival_ = absl::InfinitePast();
  std::shared_ptr<State> state_;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_CHANNEL_H_
