// Redial: the gaps between attempts to reach a daemon, of clients and workers
// alike. They double, and a random half is left out of each, so that those who
// lost their daemon together do not come back together.
#ifndef W2T_CLIENT_LIB_REDIAL_H_
#define W2T_CLIENT_LIB_REDIAL_H_

#include <algorithm>
#include <random>

#include "absl/time/time.h"

namespace w2t {

inline constexpr absl::Duration kFirstRedial = absl::Milliseconds(50);
inline constexpr absl::Duration kLongestRedial = absl::Seconds(2);

// Not thread-safe.
class Redial {
 public:
  // Between half of the present gap and all of it.
  absl::Duration Next() {
    const double part =
        std::uniform_real_distribution<double>(0.5, 1.0)(random_);
    const absl::Duration gap = gap_ * part;
    gap_ = std::min(2 * gap_, kLongestRedial);
    return gap;
  }
  void Reset() { gap_ = kFirstRedial; }

 private:
  absl::Duration gap_ = kFirstRedial;
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace w2t

#endif  // W2T_CLIENT_LIB_REDIAL_H_
