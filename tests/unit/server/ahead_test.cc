#include "server/loop/ahead.h"

#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace w2t::server {
namespace {

TEST(Ahead, GivesResultsInTheOrderOfTheJobs) {
  Ahead<int> ahead;
  std::vector<int> taken;
  for (int i = 0; i < 10'000; ++i) {
    while (ahead.full()) taken.push_back(ahead.Take());
    ahead.Add(1, [i] { return i; });
  }
  while (!ahead.empty()) taken.push_back(ahead.Take());
  ASSERT_EQ(taken.size(), 10'000u);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(taken[i], i);
}

TEST(Ahead, DoesJobsBeforeTheyAreTaken) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor";
  Ahead<int> ahead;
  absl::Notification done;
  ahead.Add(1, [] { return 1; });
  ahead.Add(1, [&] {
    done.Notify();
    return 2;
  });
  EXPECT_TRUE(done.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_EQ(ahead.Take(), 1);
  EXPECT_EQ(ahead.Take(), 2);
}

TEST(Ahead, IsFullOfJobsOrOfBytes) {
  Ahead<int> many;
  for (size_t i = 0; i < Ahead<int>::kMostJobs; ++i) {
    EXPECT_FALSE(many.full());
    many.Add(1, [] { return 0; });
  }
  EXPECT_TRUE(many.full());
  many.Take();
  EXPECT_FALSE(many.full());

  Ahead<int> large;
  large.Add(Ahead<int>::kMostBytes, [] { return 0; });
  EXPECT_TRUE(large.full());
  large.Take();
  EXPECT_FALSE(large.full());
}

TEST(Ahead, DropsJobsThatNobodyTakes) {
  const auto held = std::make_shared<int>(1);
  {
    Ahead<int> ahead;
    for (int i = 0; i < 100; ++i) ahead.Add(1, [held] { return *held; });
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace w2t::server
