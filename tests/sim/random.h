// Random: where everything that a simulation leaves open is decided.
//
// The same numbers on every machine, unlike the distributions of <random>.
#ifndef W2T_TESTS_SIM_RANDOM_H_
#define W2T_TESTS_SIM_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace w2t::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // SplitMix64.
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // 0 to n - 1.
  uint64_t Below(uint64_t n) { return Next() % n; }
  // Both included.
  uint64_t Between(uint64_t low, uint64_t high) {
    return low + Below(high - low + 1);
  }
  bool Chance(uint64_t percent) { return Below(100) < percent; }
  absl::Duration Between(absl::Duration low, absl::Duration high) {
    const int64_t span = absl::ToInt64Microseconds(high - low);
    return low + absl::Microseconds(static_cast<int64_t>(
                     Below(static_cast<uint64_t>(span) + 1)));
  }
  template <typename T>
  const T& OneOf(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }
  // Another one, whose numbers do not depend on how often this one is asked
  // afterwards.
  Random Fork() { return Random(Next()); }

 private:
  uint64_t state_;
};

}  // namespace w2t::sim

#endif  // W2T_TESTS_SIM_RANDOM_H_
