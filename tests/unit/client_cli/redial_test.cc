#include "client/lib/redial.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace w2t {
namespace {

TEST(Redial, DoublesUpToItsBoundAndLeavesOutAtMostHalf) {
  Redial redial;
  absl::Duration whole = kFirstRedial;
  for (int i = 0; i < 20; ++i) {
    const absl::Duration gap = redial.Next();
    EXPECT_GE(gap, whole / 2) << i;
    EXPECT_LE(gap, whole) << i;
    whole = std::min(2 * whole, kLongestRedial);
  }
  EXPECT_EQ(whole, kLongestRedial);
  redial.Reset();
  EXPECT_LE(redial.Next(), kFirstRedial);
}

// Of ten thousand that dial again together, no tenth of the time that their
// dials take sees much more than a tenth of them.
TEST(Redial, ManyDoNotComeBackTogether) {
  constexpr int kMany = 10'000;
  constexpr int kParts = 10;
  int in_part[kParts] = {};
  for (int i = 0; i < kMany; ++i) {
    Redial redial;
    absl::Duration gap;
    for (int n = 0; n < 8; ++n) gap = redial.Next();
    const double part =
        absl::FDivDuration(gap - kLongestRedial / 2, kLongestRedial / 2);
    ++in_part[std::min(kParts - 1, static_cast<int>(part * kParts))];
  }
  for (const int count : in_part) EXPECT_LT(count, 2 * kMany / kParts);
}

}  // namespace
}  // namespace w2t
