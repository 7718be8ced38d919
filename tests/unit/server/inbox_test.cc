#include "server/loop/inbox.h"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/status_codec.h"

namespace w2t::server {
namespace {

using ::testing::HasSubstr;

constexpr size_t kRoomy = 1 << 20;

Reply NoReply() {
  return [](const Answer&, const View*) {};
}
Query NoQuery() {
  return [](const View*) {};
}

TEST(InboxTest, GivesAllThatHasGatheredAsOneBatch) {
  Inbox inbox(10, kRoomy);
  inbox.Post(AliveEvent{SessionId{1}});
  ASSERT_TRUE(inbox.TryCall(CancelEvent{}, NoReply()).ok());
  inbox.Post(AliveEvent{SessionId{2}});
  ASSERT_TRUE(inbox.TryAsk(NoQuery()).ok());
  inbox.PostEarly(NoQuery());

  Inbox::Batch batch;
  ASSERT_TRUE(inbox.Pop(absl::InfiniteFuture(), &batch));
  ASSERT_EQ(batch.events.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<CancelEvent>(batch.events[1]));
  ASSERT_EQ(batch.replies.size(), 1u);
  EXPECT_EQ(batch.replies[0].first, 1u);
  EXPECT_EQ(batch.queries.size(), 1u);
  EXPECT_EQ(batch.early.size(), 1u);
}

TEST(InboxTest, RefusesCallsBeyondItsBoundByName) {
  Inbox inbox(2, kRoomy);
  ASSERT_TRUE(inbox.TryAsk(NoQuery()).ok());
  ASSERT_TRUE(inbox.TryCall(CancelEvent{}, NoReply()).ok());
  const absl::Status status = inbox.TryAsk(NoQuery());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_inbox"));
  const auto detail = wire::DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_GT(wire::RetryAfter(status), absl::ZeroDuration());
  EXPECT_EQ(detail->diagnostics(0).limit_name(), "max_inbox");
  EXPECT_EQ(detail->diagnostics(0).limit(), 2u);
}

TEST(InboxTest, RefusesCallsThatWeighTooMuchTogether) {
  Inbox inbox(10, 1'000);
  CancelEvent heavy;
  heavy.reason = std::string(900, 'x');
  ASSERT_TRUE(inbox.TryCall(heavy, NoReply()).ok());
  const absl::Status status = inbox.TryCall(heavy, NoReply());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(wire::DetailOf(status)->diagnostics(0).limit_name(),
            "max_inbox_bytes");
  EXPECT_TRUE(inbox.TryAsk(NoQuery()).ok());
}

TEST(InboxTest, TakesASingleCallOfAnyWeight) {
  Inbox inbox(10, 1);
  EXPECT_TRUE(inbox.TryCall(CancelEvent{}, NoReply()).ok());
}

TEST(InboxTest, TakesCallsAgainOnceTheLoopHasTakenThem) {
  Inbox inbox(1, kRoomy);
  ASSERT_TRUE(inbox.TryAsk(NoQuery()).ok());
  Inbox::Batch batch;
  ASSERT_TRUE(inbox.Pop(absl::InfiniteFuture(), &batch));
  EXPECT_TRUE(inbox.TryAsk(NoQuery()).ok());
}

TEST(InboxTest, TakesMessagesOfWorkersWhenItIsFullOfCalls) {
  Inbox inbox(1, kRoomy);
  ASSERT_TRUE(inbox.TryAsk(NoQuery()).ok());
  inbox.Post(AliveEvent{SessionId{1}});
  Inbox::Batch batch;
  ASSERT_TRUE(inbox.Pop(absl::InfiniteFuture(), &batch));
  EXPECT_EQ(batch.events.size(), 1u);
}

TEST(InboxTest, WakesTheLoopForAPost) {
  Inbox inbox(1, kRoomy);
  std::thread poster([&] { inbox.Post(AliveEvent{SessionId{7}}); });
  Inbox::Batch batch;
  ASSERT_TRUE(inbox.Pop(absl::InfiniteFuture(), &batch));
  poster.join();
  EXPECT_EQ(batch.events.size(), 1u);
}

TEST(InboxTest, ReturnsEmptyHandedAtTheDeadline) {
  Inbox inbox(1, kRoomy);
  Inbox::Batch batch;
  EXPECT_TRUE(inbox.Pop(absl::Now() + absl::Milliseconds(1), &batch));
  EXPECT_TRUE(batch.events.empty());
}

TEST(InboxTest, ClosedItRefusesCallsAndGivesWhatItHolds) {
  Inbox inbox(5, kRoomy);
  inbox.Post(AliveEvent{SessionId{1}});
  inbox.Close();
  EXPECT_EQ(inbox.TryAsk(NoQuery()).code(), absl::StatusCode::kUnavailable);
  inbox.Post(AliveEvent{SessionId{2}});
  Inbox::Batch batch;
  EXPECT_TRUE(inbox.Pop(absl::InfiniteFuture(), &batch));
  EXPECT_EQ(batch.events.size(), 1u);
  batch.Clear();
  EXPECT_FALSE(inbox.Pop(absl::InfiniteFuture(), &batch));
}

TEST(InboxTest, ClosingEndsAWait) {
  Inbox inbox(5, kRoomy);
  std::thread closer([&] { inbox.Close(); });
  Inbox::Batch batch;
  EXPECT_FALSE(inbox.Pop(absl::InfiniteFuture(), &batch));
  closer.join();
}

}  // namespace
}  // namespace w2t::server
