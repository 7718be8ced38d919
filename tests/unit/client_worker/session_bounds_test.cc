// What a worker keeps, however long its daemon is away and whatever that says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/worker/session/session_state.h"

namespace w2t::worker {
namespace {

constexpr uint32_t kMaxLeases = 2;

class SessionBoundsTest : public ::testing::Test {
 protected:
  SessionBoundsTest() : state_(Identity()) { Attach(); }

  static v1::Hello Identity() {
    v1::Hello identity;
    identity.set_max_leases(kMaxLeases);
    return identity;
  }
  static Lease LeaseOf(uint64_t fence) { return {1, 0, 1, fence}; }

  std::shared_ptr<const v1::SessionRequest> Next() {
    bool more = false;
    state_.Release();
    return state_.NextMessage(&more);
  }
  void Attach() {
    state_.StreamOpened();
    const auto hello = Next();
    v1::SessionResponse message;
    v1::Welcome& welcome = *message.mutable_welcome();
    welcome.set_max_log_batches(UINT32_MAX);
    for (int i = 0; i < hello->hello().held().fence_size(); ++i) {
      welcome.add_verdicts(v1::HELD_VERDICT_KEEP);
    }
    Todo todo;
    ASSERT_TRUE(state_.OnMessage(message, todo).ok());
  }
  absl::Status Offer(uint64_t first_fence, int count) {
    v1::SessionResponse message;
    v1::OfferBatch& offers = *message.mutable_offers();
    for (int i = 0; i < count; ++i) {
      offers.mutable_leases()->add_run(1);
      offers.mutable_leases()->add_task(0);
      offers.mutable_leases()->add_attempt(1);
      offers.mutable_leases()->add_fence(first_fence +
                                         static_cast<uint64_t>(i));
      offers.add_action(1);
      offers.add_name("a");
    }
    offers.add_new_actions()->set_id(1);
    offers.add_new_runs()->set_run(1);
    Todo todo;
    return state_.OnMessage(message, todo);
  }

  SessionState state_;
};

TEST_F(SessionBoundsTest, MoreThanMaxLeasesAreNotTaken) {
  const absl::Status status = Offer(1, 3);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(),
            "3 attempts were offered beside 0 that run; max_leases is 2");
  EXPECT_EQ(state_.held(), 0u);
}

TEST_F(SessionBoundsTest, WhatHasEndedMakesRoomBeforeItIsAcknowledged) {
  ASSERT_TRUE(Offer(1, 2).ok());
  EXPECT_FALSE(Offer(3, 1).ok());
  state_.Ended(LeaseOf(1), {.state = v1::TASK_STATE_SUCCEEDED});
  EXPECT_TRUE(Offer(3, 1).ok());
  EXPECT_EQ(state_.running(), kMaxLeases);
}

TEST_F(SessionBoundsTest, OfEachAttemptAtMostThreeReportsWait) {
  ASSERT_TRUE(Offer(1, 2).ok());
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
  ASSERT_TRUE(Offer(1, 1).ok());
  state_.StreamOpened();
  const std::string chunk(64 * 1024, 'x');
  size_t taken = 0;
  while (state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, chunk)) {
    taken += chunk.size();
    ASSERT_LE(taken, LogQueue::kRoomBytes);
  }
  EXPECT_TRUE(state_.log_full());
  EXPECT_GE(taken + chunk.size(), LogQueue::kRoomBytes);
}

TEST_F(SessionBoundsTest, WhatTheDaemonWillNotNameAgainIsForgotten) {
  ASSERT_TRUE(Offer(1, 1).ok());
  v1::SessionResponse message;
  v1::OfferBatch& offers = *message.mutable_offers();
  offers.mutable_leases()->add_run(1);
  offers.mutable_leases()->add_task(0);
  offers.mutable_leases()->add_attempt(1);
  offers.mutable_leases()->add_fence(2);
  offers.add_action(1);
  offers.add_name("a");
  offers.add_ended_actions(1);
  Todo todo;
  ASSERT_TRUE(state_.OnMessage(message, todo).ok());
  EXPECT_TRUE(todo.start.empty()) << "its action is not known any more";
}

TEST_F(SessionBoundsTest, OutputSaysWhereItStands) {
  ASSERT_TRUE(Offer(1, 2).ok());
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, "abc");
  state_.Printed(LeaseOf(2), v1::LOG_STREAM_STDOUT, 1, "other");
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
  ASSERT_TRUE(Offer(1, 1).ok());
  const std::string chunk(64 * 1024, 'x');
  size_t sent = 0;
  while (state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, chunk)) {
    while (Next() != nullptr) ++sent;
    ASSERT_LE(sent, LogQueue::kMostWindow);
  }
  EXPECT_EQ(sent, LogQueue::kMostWindow);
}

TEST_F(SessionBoundsTest, OutputIsHeldBackUntilItIsReleased) {
  ASSERT_TRUE(Offer(1, 1).ok());
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, "a");
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
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, "b");
  EXPECT_EQ(state_.NextMessage(&more), nullptr);
}

TEST_F(SessionBoundsTest, OutputIsNotHeldBackFromAnEnd) {
  ASSERT_TRUE(Offer(1, 1).ok());
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, "a");
  state_.Ended(LeaseOf(1), {.state = v1::TASK_STATE_SUCCEEDED});
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
  ASSERT_TRUE(Offer(1, 1).ok());
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, "a");
  state_.Started(LeaseOf(1));
  EXPECT_TRUE(Next()->has_reports());
  EXPECT_TRUE(Next()->has_logs());
}

TEST_F(SessionBoundsTest, AReportGoesBeforeOutputThatWasReleasedEarlier) {
  ASSERT_TRUE(Offer(1, 1).ok());
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, "a");
  state_.Release();  // and a write is under way
  state_.Up(LeaseOf(1));
  bool more = false;
  EXPECT_TRUE(state_.NextMessage(&more)->has_reports());
  EXPECT_TRUE(more) << "the output that is due";
  EXPECT_TRUE(state_.NextMessage(&more)->has_logs());
}

TEST_F(SessionBoundsTest, AnOutcomeThatFollowsItsOutputGoesWithOtherReports) {
  ASSERT_TRUE(Offer(1, 2).ok());
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1, "a");
  state_.Ended(LeaseOf(1), {.state = v1::TASK_STATE_SUCCEEDED});
  state_.Up(LeaseOf(2));
  EXPECT_TRUE(Next()->has_logs());
  EXPECT_THAT(Next()->reports().leases().fence(),
              ::testing::UnorderedElementsAre(1, 2));
}

TEST_F(SessionBoundsTest, AFullBatchOfOutputIsNotHeldBack) {
  ASSERT_TRUE(Offer(1, 1).ok());
  state_.Printed(LeaseOf(1), v1::LOG_STREAM_STDOUT, 1,
                 std::string(LogQueue::kBatchBytes, 'x'));
  bool more = false;
  ASSERT_NE(state_.NextMessage(&more), nullptr);
}

}  // namespace
}  // namespace w2t::worker
