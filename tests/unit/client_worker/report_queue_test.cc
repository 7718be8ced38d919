#include "client/worker/session/report_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace w2t::worker {
namespace {

using ::testing::ElementsAre;

Lease LeaseOf(uint64_t fence) { return {1, 2, 3, fence}; }

std::vector<uint64_t> Acked(ReportQueue& queue, uint64_t through) {
  std::vector<uint64_t> fences;
  queue.Ack(through, [&](uint64_t fence) { fences.push_back(fence); });
  return fences;
}

TEST(ReportQueueTest, ABatchIsBounded) {
  ReportQueue queue;
  for (uint64_t i = 1; i <= ReportQueue::kMaxReports + 1; ++i) {
    queue.AddOutcome(LeaseOf(i), {.state = v1::TASK_STATE_SUCCEEDED});
  }
  EXPECT_EQ(queue.Next()->reports().state_size(),
            static_cast<int>(ReportQueue::kMaxReports));
  EXPECT_EQ(queue.Next()->reports().state_size(), 1);
  EXPECT_EQ(queue.Next(), nullptr);
}

TEST(ReportQueueTest, LargeOutputsMakeSmallBatches) {
  ReportQueue queue;
  for (uint64_t i = 1; i <= 20; ++i) {
    queue.AddOutcome(LeaseOf(i), {.state = v1::TASK_STATE_SUCCEEDED,
                                  .output = std::string(64 * 1024, 'x')});
  }
  while (const auto message = queue.Next()) {
    EXPECT_LT(message->ByteSizeLong(), 1024u * 1024);
  }
}

TEST(ReportQueueTest, ABatchThatIsAllWithdrawnTakesNoNumber) {
  ReportQueue queue;
  EXPECT_TRUE(queue.Withdraw(queue.Add(LeaseOf(1), v1::TASK_STATE_RUNNING)));
  EXPECT_FALSE(queue.HasNext());
  EXPECT_EQ(queue.Next(), nullptr);
  queue.Add(LeaseOf(2), v1::TASK_STATE_RUNNING);
  EXPECT_EQ(queue.Next()->reports().seq(), 1u);
}

TEST(ReportQueueTest, WhatWasSentCannotBeWithdrawn) {
  ReportQueue queue;
  const ReportQueue::Place place =
      queue.Add(LeaseOf(1), v1::TASK_STATE_RUNNING);
  queue.Next();
  EXPECT_FALSE(queue.Withdraw(place));
  EXPECT_FALSE(queue.Withdraw(ReportQueue::Place()));
}

TEST(ReportQueueTest, AnAckTellsTheOutcomesThatItCovers) {
  ReportQueue queue;
  queue.Add(LeaseOf(1), v1::TASK_STATE_RUNNING);
  queue.AddOutcome(LeaseOf(2), {.state = v1::TASK_STATE_FAILED});
  queue.Next();
  queue.AddOutcome(LeaseOf(3), {.state = v1::TASK_STATE_CANCELLED});
  queue.Next();
  EXPECT_THAT(Acked(queue, 1), ElementsAre(2));
  EXPECT_THAT(Acked(queue, 1), ElementsAre());
  EXPECT_THAT(Acked(queue, 2), ElementsAre(3));
  EXPECT_TRUE(queue.empty());
}

TEST(ReportQueueTest, AMessageBeingWrittenIsNotReused) {
  ReportQueue queue;
  queue.AddOutcome(LeaseOf(1), {.state = v1::TASK_STATE_SUCCEEDED});
  const auto writing = queue.Next();
  Acked(queue, 1);
  queue.AddOutcome(LeaseOf(2), {.state = v1::TASK_STATE_SUCCEEDED});
  EXPECT_EQ(queue.Next()->reports().leases().fence(0), 2u);
  EXPECT_EQ(writing->reports().leases().fence(0), 1u);
}

TEST(ReportQueueTest, WhatIsForgottenIsTakenOutOfItsBatch) {
  ReportQueue queue;
  for (const uint64_t fence : {1, 2, 3}) {
    queue.AddOutcome(LeaseOf(fence), {.state = v1::TASK_STATE_FAILED,
                                      .message = std::to_string(fence)});
  }
  const auto writing = queue.Next();
  queue.Add(LeaseOf(2), v1::TASK_STATE_UP);
  queue.AddOutcome(LeaseOf(4), {.state = v1::TASK_STATE_FAILED});
  queue.Forget({2, 4});
  EXPECT_FALSE(queue.HasNext());
  EXPECT_FALSE(queue.HasCertainNext());
  EXPECT_EQ(writing->reports().state_size(), 3);
  queue.Rewind();
  const auto again = queue.Next();
  EXPECT_EQ(again->reports().seq(), 1u);
  EXPECT_THAT(again->reports().leases().fence(), ElementsAre(1, 3));
  ASSERT_EQ(again->reports().details_size(), 2);
  EXPECT_EQ(again->reports().details(1).position(), 1u);
  EXPECT_EQ(again->reports().details(1).message(), "3");
  EXPECT_EQ(queue.Next(), nullptr);
}

TEST(ReportQueueTest, AFenceThatIsForgottenTwicePromisesNothing) {
  ReportQueue queue;
  queue.AddOutcome(LeaseOf(1), {.state = v1::TASK_STATE_SUCCEEDED});
  EXPECT_TRUE(queue.HasCertainNext());
  queue.Forget({1});
  queue.Forget({1});
  EXPECT_FALSE(queue.HasCertainNext());
  EXPECT_EQ(queue.Next(), nullptr);
}

TEST(ReportQueueTest, TextIsCutAndMadeValid) {
  ReportQueue queue;
  queue.AddOutcome(LeaseOf(1), {.state = v1::TASK_STATE_FAILED,
                                .message = "\xff" + std::string(9000, 'x')});
  const auto message = queue.Next();
  const std::string& words = message->reports().details(0).message();
  EXPECT_EQ(words.size(), 4096u);
  EXPECT_EQ(words.substr(0, 3), "?xx");
  EXPECT_EQ(words.substr(4093), "...");
}

}  // namespace
}  // namespace w2t::worker
