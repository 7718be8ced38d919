#include "server/rpc/session_outbox.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {
namespace {

class SessionOutboxTest : public ::testing::Test {
 protected:
  // The next message; empty when there is none.
  v1::SessionResponse Next() {
    const v1::SessionResponse* next = outbox_.Next(&more_);
    return next == nullptr ? v1::SessionResponse() : *next;
  }

  EngineFixture env_;
  SessionOutbox outbox_{64};
  bool more_ = false;
};

OfferLeases Part(const LeaseColumns& all, size_t begin, size_t end) {
  OfferLeases part;
  for (size_t i = begin; i < end; ++i) part.leases.Add(all.at(i));
  return part;
}

TEST_F(SessionOutboxTest, MergesOffersThatWait) {
  env_.Submit(MakeGraph("g", 3));
  env_.AddWorker(3);
  ASSERT_EQ(env_.offers().size(), 3u);
  outbox_.AddOffers(env_.engine(), Part(env_.offers(), 0, 1));
  outbox_.AddOffers(env_.engine(), Part(env_.offers(), 1, 3));
  const v1::OfferBatch batch = Next().offers();
  ASSERT_EQ(batch.name_size(), 3);
  EXPECT_EQ(batch.name(2), "t2");
  EXPECT_EQ(batch.leases().fence(2), env_.offers().fence[2]);
  EXPECT_EQ(outbox_.Next(&more_), nullptr);
}

TEST_F(SessionOutboxTest, ConditionsSpeakOfPositionsInTheMessage) {
  env_.Submit(MakeGraph("g", 3));
  env_.AddWorker(3);
  const LeaseColumns& all = env_.offers();
  outbox_.AddOffers(env_.engine(), Part(all, 0, 1));
  OfferLeases rest = Part(all, 1, 3);
  rest.conditions.push_back(
      {.position = 1,
       .awaited = {.fence = {all.fence[0]}, .state = TaskState::kUp}});
  rest.unhurried.push_back({all.fence[0]});
  outbox_.AddOffers(env_.engine(), rest);
  const v1::OfferBatch batch = Next().offers();
  ASSERT_EQ(batch.conditions_size(), 1);
  EXPECT_EQ(batch.conditions(0).position(), 2u);
  EXPECT_EQ(batch.conditions(0).fence(), all.fence[0]);
  EXPECT_EQ(batch.conditions(0).state(), v1::TASK_STATE_UP);
  ASSERT_EQ(batch.unhurried_size(), 1);
  EXPECT_EQ(batch.unhurried(0), all.fence[0]);
}

TEST_F(SessionOutboxTest, SendsAnActionAndARunsIdOnce) {
  const RunNumber run = env_.Submit(MakeGraph("g", 2));
  env_.AddWorker(2);
  outbox_.AddOffers(env_.engine(), Part(env_.offers(), 0, 1));
  const v1::OfferBatch first = Next().offers();
  ASSERT_EQ(first.new_actions_size(), 1);
  EXPECT_EQ(first.new_actions(0).action().exec().shell(), "true");
  ASSERT_EQ(first.new_runs_size(), 1);
  EXPECT_EQ(first.new_runs(0).run(), run.value);
  EXPECT_EQ(first.new_runs(0).run_id(), "g-1");

  outbox_.AddOffers(env_.engine(), Part(env_.offers(), 1, 2));
  const v1::OfferBatch second = Next().offers();
  EXPECT_EQ(second.new_actions_size(), 0);
  EXPECT_EQ(second.new_runs_size(), 0);
  EXPECT_EQ(second.action(0), first.new_actions(0).id());
}

TEST_F(SessionOutboxTest, ActionsOfDifferentRunsHaveDifferentIds) {
  env_.Submit(MakeGraph("a", 1));
  env_.Submit(MakeGraph("b", 1));
  env_.AddWorker(2);
  outbox_.AddOffers(env_.engine(), {.leases = env_.offers()});
  const v1::OfferBatch batch = Next().offers();
  ASSERT_EQ(batch.new_actions_size(), 2);
  EXPECT_NE(batch.action(0), batch.action(1));
  EXPECT_EQ(batch.new_runs_size(), 2);
}

TEST_F(SessionOutboxTest, SplitsWhatIsTooMuchForOneBatch) {
  const int tasks = SessionOutbox::kMaxBatchOffers + 5;
  env_.Submit(MakeGraph("g", tasks));
  env_.AddWorker(tasks);
  outbox_.AddOffers(env_.engine(), {.leases = env_.offers()});
  EXPECT_EQ(Next().offers().name_size(), SessionOutbox::kMaxBatchOffers);
  EXPECT_TRUE(more_);
  EXPECT_EQ(Next().offers().name_size(), 5);
  EXPECT_FALSE(more_);
  EXPECT_EQ(outbox_.bytes(), 0u);
}

TEST_F(SessionOutboxTest, ReusedBatchesHoldNothingOld) {
  env_.Submit(MakeGraph("g", 3));
  env_.AddWorker(3);
  for (size_t i = 0; i < 3; ++i) {
    outbox_.AddOffers(env_.engine(), Part(env_.offers(), i, i + 1));
    const v1::OfferBatch batch = Next().offers();
    ASSERT_EQ(batch.name_size(), 1);
    EXPECT_EQ(batch.leases().task(0), env_.offers().task[i]);
  }
}

TEST_F(SessionOutboxTest, SendsAllThatWaitsAsOneMessage) {
  env_.Submit(MakeGraph("g", 1));
  env_.AddWorker(1);
  outbox_.AckReports(4);
  outbox_.Ping();
  outbox_.Drain("enough");
  outbox_.AddCancels(env_.offers());
  outbox_.AddOffers(env_.engine(), {.leases = env_.offers()});
  v1::Welcome welcome;
  welcome.set_max_message_bytes(99);
  outbox_.SetWelcome(welcome);

  const v1::SessionResponse message = Next();
  EXPECT_FALSE(more_);
  EXPECT_EQ(message.welcome().max_message_bytes(), 99u);
  EXPECT_EQ(message.offers().name_size(), 1);
  EXPECT_EQ(message.cancels().leases().fence(0), env_.offers().fence[0]);
  EXPECT_EQ(message.ack().through_seq(), 4u);
  EXPECT_EQ(message.ping().nonce(), 1u);
  EXPECT_EQ(message.drain().reason(), "enough");
  EXPECT_EQ(outbox_.Next(&more_), nullptr);
}

TEST_F(SessionOutboxTest, AMessageHoldsNothingOfTheOneBefore) {
  env_.Submit(MakeGraph("g", 2));
  env_.AddWorker(2);
  outbox_.AddOffers(env_.engine(), Part(env_.offers(), 0, 1));
  outbox_.AckReports(4);
  outbox_.Ping();
  Next();
  outbox_.AddOffers(env_.engine(), Part(env_.offers(), 1, 2));
  const v1::SessionResponse second = Next();
  EXPECT_TRUE(second.has_offers());
  EXPECT_FALSE(second.has_ack() || second.has_ping());
  outbox_.AckReports(5);
  EXPECT_FALSE(Next().has_offers());
}

TEST_F(SessionOutboxTest, EachRefusalIsToldOnce) {
  LeaseColumns one, two;
  one.Add({{1}, 2, 3, {4}});
  two.Add({{1}, 2, 3, {5}});
  outbox_.AckReports(1, one);
  outbox_.AckReports(2, two);
  EXPECT_GT(outbox_.bytes(), 0u);
  const v1::DurableAck ack = Next().ack();
  EXPECT_EQ(ack.through_seq(), 2u);
  EXPECT_THAT(ack.refused(), testing::ElementsAre(4, 5));
  EXPECT_EQ(outbox_.bytes(), 0u);
  outbox_.AckReports(3);
  EXPECT_EQ(Next().ack().refused_size(), 0);
}

TEST_F(SessionOutboxTest, AcknowledgesOnlyTheLatest) {
  outbox_.AckReports(1);
  outbox_.AckReports(7);
  outbox_.AckLogs(2);
  const v1::DurableAck ack = Next().ack();
  EXPECT_EQ(ack.through_seq(), 7u);
  EXPECT_EQ(ack.logs_through_seq(), 2u);
  EXPECT_EQ(outbox_.Next(&more_), nullptr);
}

TEST_F(SessionOutboxTest, OutputIsAcknowledgedWithWhatElseIsSent) {
  outbox_.AckLogs(1);
  outbox_.AckLogs(2);
  EXPECT_EQ(outbox_.Next(&more_), nullptr);
  outbox_.Ping();
  EXPECT_EQ(Next().ack().logs_through_seq(), 2u);
  outbox_.Ping();
  EXPECT_FALSE(Next().has_ack()) << "it has been told";
}

TEST_F(SessionOutboxTest, MuchOutputIsAcknowledgedByItself) {
  outbox_.AckLogs(SessionOutbox::kMostLogAcks - 1);
  EXPECT_EQ(outbox_.Next(&more_), nullptr);
  outbox_.AckLogs(SessionOutbox::kMostLogAcks);
  EXPECT_EQ(Next().ack().logs_through_seq(), SessionOutbox::kMostLogAcks);
}

TEST_F(SessionOutboxTest, AWorkerIsNotLeftWithoutWordOnAllItMaySend) {
  SessionOutbox outbox(/*log_window=*/1);
  outbox.AckLogs(1);
  const v1::SessionResponse* message = outbox.Next(&more_);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->ack().logs_through_seq(), 1u);
}

TEST_F(SessionOutboxTest, CountsWhatWaits) {
  env_.Submit(MakeGraph("g", 100));
  env_.AddWorker(100);
  EXPECT_EQ(outbox_.bytes(), 0u);
  outbox_.AddOffers(env_.engine(), {.leases = env_.offers()});
  EXPECT_GT(outbox_.bytes(), 100u * 8);
  outbox_.AddCancels(env_.offers());
  Next();
  EXPECT_EQ(outbox_.bytes(), 0u);
}

TEST_F(SessionOutboxTest, CountsAndBoundsWhatNeedNotBeToldAtOnce) {
  env_.Submit(MakeGraph("g", 1));
  env_.AddWorker(1);
  outbox_.AddOffers(env_.engine(), {.leases = env_.offers()});
  const size_t without = outbox_.bytes();
  Next();
  OfferLeases offer{.leases = env_.offers()};
  constexpr size_t kMany = SessionOutbox::kMaxBatchBytes / sizeof(uint64_t);
  offer.unhurried.assign(kMany, {env_.offers().fence[0]});
  outbox_.AddOffers(env_.engine(), offer);
  EXPECT_GE(outbox_.bytes(), SessionOutbox::kMaxBatchBytes);
  EXPECT_LE(outbox_.bytes(), SessionOutbox::kMaxBatchBytes + without);
  EXPECT_LT(Next().offers().unhurried_size(), static_cast<int>(kMany));
  EXPECT_TRUE(more_);
  Next();
  EXPECT_EQ(outbox_.bytes(), 0u);
}

TEST_F(SessionOutboxTest, AForgottenRunLeavesNothing) {
  const RunNumber run = env_.Submit(MakeGraph("g", 2));
  env_.AddWorker(2);
  outbox_.AddOffers(env_.engine(), Part(env_.offers(), 0, 1));
  const uint32_t id = Next().offers().action(0);
  outbox_.ForgetRun(run);
  outbox_.AddOffers(env_.engine(), Part(env_.offers(), 1, 2));
  const v1::OfferBatch batch = Next().offers();
  EXPECT_EQ(batch.new_actions_size(), 1);
  EXPECT_NE(batch.action(0), id);
  EXPECT_THAT(batch.ended_actions(), testing::ElementsAre(id));
  EXPECT_THAT(batch.ended_runs(), testing::ElementsAre(run.value));
}

}  // namespace
}  // namespace w2t::server
