// What a worker keeps, however long its daemon is away and whatever that says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/client_worker/session_fixture.h"

namespace w2t::worker {
namespace {

constexpr uint32_t kMaxLeases = 2;

class SessionBoundsTest : public SessionFixture {
 protected:
  SessionBoundsTest() : SessionFixture(Identity()) { Attach(); }

  static v1::Hello Identity() {
    v1::Hello identity;
    identity.set_max_leases(kMaxLeases);
    return identity;
  }

  void Attach() {
    v1::Welcome welcome;
    welcome.set_max_log_batches(UINT32_MAX);
    Welcome(std::vector<v1::HeldVerdict>(
                static_cast<size_t>(Dial().held().fence_size()),
                v1::HELD_VERDICT_KEEP),
            welcome);
  }
  absl::Status Offer(const std::vector<uint64_t>& fences) {
    v1::SessionResponse message = OfferOf(fences);
    Todo todo;
    return state_.OnMessage(message, todo);
  }
};

TEST_F(SessionBoundsTest, MoreThanMaxLeasesAreNotTaken) {
  const absl::Status status = Offer({1, 2, 3});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(),
            "3 attempts were offered beside 0 that run; max_leases is 2");
  EXPECT_EQ(state_.held(), 0u);
}

TEST_F(SessionBoundsTest, WhatHasEndedMakesRoomBeforeItIsAcknowledged) {
  ASSERT_TRUE(Offer({1, 2}).ok());
  EXPECT_FALSE(Offer({3}).ok());
  Succeed(1);
  EXPECT_TRUE(Offer({3}).ok());
  EXPECT_EQ(state_.running(), kMaxLeases);
}

TEST_F(SessionBoundsTest, OfEachAttemptAtMostThreeReportsWait) {
  ASSERT_TRUE(Offer({1, 2}).ok());
  state_.StreamOpened();  // and nobody answers
  for (int i = 0; i < 1'000; ++i) {
    state_.Started(LeaseOf(1));
    state_.Up(LeaseOf(1));
  }
  for (int i = 0; i < 1'000; ++i) {
    state_.Ended(LeaseOf(1), {.state = v1::TASK_STATE_SUCCEEDED,
                              .output = std::string(1'000, 'x')});
  }
  Attach();
  const auto reports = Next();
  ASSERT_NE(reports, nullptr);
  EXPECT_THAT(reports->reports().state(),
              ::testing::ElementsAre(v1::TASK_STATE_RUNNING, v1::TASK_STATE_UP,
                                     v1::TASK_STATE_SUCCEEDED));
  EXPECT_EQ(Next(), nullptr);
}

TEST_F(SessionBoundsTest, OutputIsRefusedOnceTheRoomIsTaken) {
  ASSERT_TRUE(Offer({1}).ok());
  state_.StreamOpened();
  const std::string chunk(64 * 1024, 'x');
  size_t taken = 0;
  while (Print(1, chunk)) {
    taken += chunk.size();
    ASSERT_LE(taken, LogQueue::kRoomBytes);
  }
  EXPECT_TRUE(state_.log_full());
  EXPECT_GE(taken + chunk.size(), LogQueue::kRoomBytes);
}

TEST_F(SessionBoundsTest, WhatTheDaemonWillNotNameAgainIsForgotten) {
  ASSERT_TRUE(Offer({1}).ok());
  v1::SessionResponse offer = OfferOf({2});
  offer.mutable_offers()->clear_new_actions();
  offer.mutable_offers()->add_ended_actions(1);
  const Todo todo = Receive(offer);
  EXPECT_TRUE(todo.start.empty()) << "its action is not known any more";
}

TEST_F(SessionBoundsTest, OutputSaysWhereItStands) {
  ASSERT_TRUE(Offer({1, 2}).ok());
  Print(1, "abc");
  Print(2, "other");
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDERR, 1, "de");
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, "f", 10);
  std::vector<uint64_t> offsets;
  const auto message = Next();
  for (const v1::TaskLogChunk& chunk : message->logs().chunks()) {
    offsets.push_back(chunk.offset());
  }
  EXPECT_THAT(offsets, ::testing::ElementsAre(0, 0, 3, 15));
}

TEST_F(SessionBoundsTest, NoDaemonMakesItKeepMoreUnacknowledgedOutput) {
  ASSERT_TRUE(Offer({1}).ok());
  const std::string chunk(64 * 1024, 'x');
  size_t sent = 0;
  while (Print(1, chunk)) {
    while (Next() != nullptr) ++sent;
    ASSERT_LE(sent, LogQueue::kMostWindow);
  }
  EXPECT_EQ(sent, LogQueue::kMostWindow);
}

TEST_F(SessionBoundsTest, OutputIsHeldBackUntilItIsReleased) {
  ASSERT_TRUE(Offer({1}).ok());
  Print(1, "a");
  bool more = false;
  EXPECT_EQ(state_.NextMessage(&more), nullptr);
  state_.Up(LeaseOf(1));
  const auto up = state_.NextMessage(&more);
  ASSERT_NE(up, nullptr);
  EXPECT_TRUE(up->has_reports()) << "what others wait for goes first";
  EXPECT_FALSE(more);
  EXPECT_EQ(state_.NextMessage(&more), nullptr);
  state_.Release();
  ASSERT_NE(state_.NextMessage(&more), nullptr);
  Print(1, "b");
  EXPECT_EQ(state_.NextMessage(&more), nullptr);
}

TEST_F(SessionBoundsTest, OutputIsNotHeldBackFromAnEnd) {
  ASSERT_TRUE(Offer({1}).ok());
  Print(1, "a");
  Succeed(1);
  bool more = false;
  const auto output = state_.NextMessage(&more);
  ASSERT_NE(output, nullptr);
  EXPECT_TRUE(output->has_logs());
  EXPECT_TRUE(more);
  const auto end = state_.NextMessage(&more);
  ASSERT_NE(end, nullptr);
  EXPECT_TRUE(end->has_reports());
}

TEST_F(SessionBoundsTest, AReportGoesBeforeOutputThatIsReleasedWithIt) {
  ASSERT_TRUE(Offer({1}).ok());
  Print(1, "a");
  state_.Started(LeaseOf(1));
  EXPECT_TRUE(Next()->has_reports());
  EXPECT_TRUE(Next()->has_logs());
}

TEST_F(SessionBoundsTest, AReportGoesBeforeOutputThatWasReleasedEarlier) {
  ASSERT_TRUE(Offer({1}).ok());
  Print(1, "a");
  state_.Release();  // and a write is under way
  state_.Up(LeaseOf(1));
  bool more = false;
  EXPECT_TRUE(state_.NextMessage(&more)->has_reports());
  EXPECT_TRUE(more) << "the output that is due";
  EXPECT_TRUE(state_.NextMessage(&more)->has_logs());
}

TEST_F(SessionBoundsTest, AnOutcomeThatFollowsItsOutputGoesWithOtherReports) {
  ASSERT_TRUE(Offer({1, 2}).ok());
  Print(1, "a");
  Succeed(1);
  state_.Up(LeaseOf(2));
  EXPECT_TRUE(Next()->has_logs());
  EXPECT_THAT(Next()->reports().leases().fence(),
              ::testing::UnorderedElementsAre(1, 2));
}

TEST_F(SessionBoundsTest, AFullBatchOfOutputIsNotHeldBack) {
  ASSERT_TRUE(Offer({1}).ok());
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1,
                 std::string(LogQueue::kBatchBytes, 'x'));
  bool more = false;
  ASSERT_NE(state_.NextMessage(&more), nullptr);
}

}  // namespace
}  // namespace w2t::worker
