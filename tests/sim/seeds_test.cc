// The simulator: fresh seeds, and the seeds of bugs that it has found.
//
// How many fresh ones: W2T_SIM_SEEDS. Which: W2T_SIM_FIRST, or else the date's.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/sim/world.h"

namespace w2t::sim {
namespace {

void Play(uint64_t seed) {
  const Report report = World(seed, /*verbose=*/false).Play();
  EXPECT_FALSE(report.fault.has_value())
      << *report.fault << "\nrepeat it with: w2t_sim --seed " << seed << " -v";
}

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The part of the test's fresh seeds that one process plays.
void PlayFresh(uint64_t part, uint64_t parts) {
  const int64_t day = absl::ToUnixSeconds(absl::Now()) / 86'400;
  const uint64_t first =
      NumberFrom("W2T_SIM_FIRST", static_cast<uint64_t>(day) * 100'000);
  const uint64_t count = NumberFrom("W2T_SIM_SEEDS", W2T_SIM_DEFAULT_SEEDS);
  ::testing::Test::RecordProperty("first", std::to_string(first));
  for (uint64_t i = part; i < count; i += parts) {
    Play(first + i);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(FreshSeedsTest, OneHalf) { PlayFresh(0, 2); }
TEST(FreshSeedsTest, TheOtherHalf) { PlayFresh(1, 2); }

TEST(SimTest, OneSeedIsOneStory) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_EQ(World(seed, false).Play().trace, World(seed, false).Play().trace)
        << "seed " << seed;
  }
}

// Each is a line in README.md.
TEST(FoundBySeedTest, TheOutcomeBehindOutputThatGoesAgainIsReported) {
  Play(17);
}
TEST(FoundBySeedTest, AForgottenRunEndsItsWatches) { Play(105); }
TEST(FoundBySeedTest, AWatchComesFurtherThoughOneMessageIsOverTheBound) {
  Play(2000300212);
}
TEST(FoundBySeedTest, AStartThatAKillInterruptsIsNotToldToHaveBegun) {
  Play(141);
}

}  // namespace
}  // namespace w2t::sim
