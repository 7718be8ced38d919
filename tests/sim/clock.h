// SimClock: virtual time, and what is to happen in it, in order.
#ifndef W2T_TESTS_SIM_CLOCK_H_
#define W2T_TESTS_SIM_CLOCK_H_

#include <cstdint>
#include <map>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace w2t::sim {

class SimClock {
 public:
  using Happening = absl::AnyInvocable<void()>;

  absl::Time now() const { return now_; }
  absl::Duration elapsed() const { return now_ - kStart; }

  // What is due at the same time happens in the order of the calls.
  void At(absl::Time when, Happening happening) {
    happenings_.emplace(std::pair(std::max(when, now_), ++last_),
                        std::move(happening));
  }
  void After(absl::Duration delay, Happening happening) {
    At(now_ + delay, std::move(happening));
  }

  // Lets the next thing happen. False when there is none.
  bool Step() {
    if (happenings_.empty()) return false;
    auto first = happenings_.extract(happenings_.begin());
    now_ = first.key().first;
    first.mapped()();
    return true;
  }

 private:
  static constexpr absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

  absl::Time now_ = kStart;
  uint64_t last_ = 0;
  std::map<std::pair<absl::Time, uint64_t>, Happening> happenings_;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_CLOCK_H_
