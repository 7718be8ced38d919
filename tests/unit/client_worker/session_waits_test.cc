// What a worker is given before it may be started.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/client_worker/session_fixture.h"

namespace w2t::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kDb = 1;
constexpr uint64_t kCache = 2;
constexpr uint64_t kMigrate = 3;  // a task
constexpr uint64_t kApi = 4;
constexpr uint64_t kWeb = 5;

class SessionWaitsTest : public SessionFixture {
 protected:
  struct Condition {
    uint64_t waiter;
    uint64_t awaited;
    v1::TaskState state = v1::TASK_STATE_UP;
  };

  SessionWaitsTest() {
    Dial();
    Welcome({});
  }

  static std::vector<uint64_t> Fences(const std::vector<Offer>& offers) {
    std::vector<uint64_t> fences;
    for (const Offer& offer : offers) fences.push_back(offer.lease.fence);
    return fences;
  }

  // Returns what is to be started at once. All but kMigrate are services with
  // a probe.
  std::vector<uint64_t> Give(const std::vector<uint64_t>& fences,
                             const std::vector<Condition>& conditions = {},
                             const std::vector<uint64_t>& unhurried = {}) {
    v1::SessionResponse message = OfferOf(fences);
    v1::OfferBatch& offers = *message.mutable_offers();
    for (uint32_t position = 0; position < fences.size(); ++position) {
      const uint64_t fence = fences[position];
      if (fence != kMigrate) {
        offers.add_services(position);
        offers.set_action(static_cast<int>(position), 2);
      }
      for (const Condition& condition : conditions) {
        if (condition.waiter != fence) continue;
        v1::OfferCondition& added = *offers.add_conditions();
        added.set_position(position);
        added.set_fence(condition.awaited);
        added.set_state(condition.state);
      }
    }
    offers.mutable_unhurried()->Add(unhurried.begin(), unhurried.end());
    v1::OfferedAction& probed = *offers.add_new_actions();
    probed.set_id(2);
    probed.mutable_action()->mutable_ready()->set_log_text("ready");
    return Fences(Receive(message).start);
  }

  bool Up(uint64_t fence) {
    state_.Started(LeaseOf(fence));
    return state_.Up(LeaseOf(fence));
  }
  void End(uint64_t fence, v1::TaskState state) {
    state_.Ended(LeaseOf(fence), {.state = state});
  }
  std::vector<uint64_t> Startable() {
    const std::vector<uint64_t> fences = Fences(state_.TakeStartable());
    std::vector<Lease> leases;
    for (const uint64_t fence : fences) leases.push_back(LeaseOf(fence));
    EXPECT_THAT(state_.HandedOver(leases), IsEmpty());
    return fences;
  }

  // The reports that are due: "1 UP".
  std::vector<std::string> Reports() {
    std::vector<std::string> told;
    while (const Message message = Next()) {
      const std::vector<std::string> words = WordsOf(message->reports());
      told.insert(told.end(), words.begin(), words.end());
    }
    return told;
  }
};

TEST_F(SessionWaitsTest, ItStartsOnceWhatItWaitsForIsUp) {
  EXPECT_THAT(Give({kDb, kApi, kWeb}, {{kApi, kDb}, {kWeb, kApi}}),
              ElementsAre(kDb));
  EXPECT_THAT(Startable(), IsEmpty());
  Up(kDb);
  EXPECT_THAT(Startable(), ElementsAre(kApi));
  EXPECT_THAT(Startable(), IsEmpty()) << "once";
  Up(kApi);
  EXPECT_THAT(Startable(), ElementsAre(kWeb));
}

TEST_F(SessionWaitsTest, WhatHoldsAlreadyIsNotWaitedFor) {
  Give({kDb});
  Up(kDb);
  EXPECT_THAT(Give({kApi}, {{kApi, kDb}}), ElementsAre(kApi));
}

TEST_F(SessionWaitsTest, AllConditionsMustHoldAtOnce) {
  Give({kDb, kCache, kApi}, {{kApi, kDb}, {kApi, kCache}});
  Up(kDb);
  End(kDb, v1::TASK_STATE_FAILED);
  Up(kCache);
  EXPECT_THAT(Startable(), IsEmpty()) << "the db is gone";
}

TEST_F(SessionWaitsTest, WhatATaskHasDoneHoldsWhenItIsForgotten) {
  Give({kMigrate, kCache, kApi},
       {{kApi, kMigrate, v1::TASK_STATE_SUCCEEDED}, {kApi, kCache}});
  state_.Started(LeaseOf(kMigrate));
  Succeed(kMigrate);
  EXPECT_THAT(Reports(), ElementsAre("3 RUNNING", "3 SUCCEEDED"));
  Acknowledge(1);
  EXPECT_EQ(state_.held(), 2u);
  Up(kCache);
  EXPECT_THAT(Startable(), ElementsAre(kApi));
}

TEST_F(SessionWaitsTest, WhatFailedIsNoSuccess) {
  Give({kMigrate, kApi}, {{kApi, kMigrate, v1::TASK_STATE_SUCCEEDED}});
  End(kMigrate, v1::TASK_STATE_FAILED);
  EXPECT_THAT(Startable(), IsEmpty());
}

TEST_F(SessionWaitsTest, AnOutcomeStartsNothingBeforeItsReportIsDue) {
  Give({kMigrate, kApi}, {{kApi, kMigrate, v1::TASK_STATE_SUCCEEDED}});
  Print(kMigrate, "done");
  Succeed(kMigrate);
  EXPECT_THAT(Startable(), IsEmpty()) << "its output goes first";
  EXPECT_TRUE(Next()->has_logs());
  EXPECT_THAT(Startable(), ElementsAre(kApi));
}

TEST_F(SessionWaitsTest, AStartThatOneWaitedForIsToldThoughTheEndFollows) {
  Give({kDb, kApi}, {{kApi, kDb, v1::TASK_STATE_RUNNING}});
  state_.Started(LeaseOf(kDb));
  EXPECT_THAT(Startable(), ElementsAre(kApi));
  End(kDb, v1::TASK_STATE_FAILED);
  EXPECT_THAT(Reports(), ElementsAre("1 RUNNING", "1 FAILED"));
}

TEST_F(SessionWaitsTest, OneThatIsTakenBackIsReportedAndNeverStarted) {
  Give({kDb, kApi}, {{kApi, kDb}});
  EXPECT_THAT(Cancel({kApi}).stop, IsEmpty()) << "nothing runs";
  EXPECT_THAT(Reports(), ElementsAre("4 CANCELLED"));
  Up(kDb);
  EXPECT_THAT(Startable(), IsEmpty());
}

TEST_F(SessionWaitsTest, OneThatHasStartedIsStopped) {
  Give({kDb, kApi}, {{kApi, kDb}});
  Up(kDb);
  EXPECT_THAT(Startable(), ElementsAre(kApi));
  EXPECT_THAT(Cancel({kApi}).stop, ElementsAre(LeaseOf(kApi)));
}

TEST_F(SessionWaitsTest, OneThatMayStartAndIsTakenBackFirstNeverStarts) {
  Give({kDb, kApi}, {{kApi, kDb}});
  Up(kDb);
  EXPECT_THAT(Cancel({kApi}).stop, IsEmpty());
  EXPECT_THAT(Startable(), IsEmpty());
  EXPECT_THAT(Reports(), ElementsAre("1 RUNNING", "1 UP", "4 CANCELLED"));
}

TEST_F(SessionWaitsTest, OneThatIsStoppedOnItsWayIsStoppedOnceItHasStarted) {
  Give({kDb, kApi}, {{kApi, kDb}});
  Up(kDb);
  EXPECT_THAT(Fences(state_.TakeStartable()), ElementsAre(kApi));
  EXPECT_THAT(Cancel({kApi}).stop, ElementsAre(LeaseOf(kApi)))
      << "whoever starts it may not know of it yet";
  EXPECT_THAT(state_.HandedOver({LeaseOf(kApi)}), ElementsAre(LeaseOf(kApi)));
  EXPECT_THAT(state_.HandedOver({LeaseOf(kApi)}), IsEmpty());
}

TEST_F(SessionWaitsTest, AStartThatIsWaitedForLaterIsToldThoughTheEndFollows) {
  Give({kMigrate});
  state_.Started(LeaseOf(kMigrate));
  EXPECT_THAT(Give({kApi}, {{kApi, kMigrate, v1::TASK_STATE_RUNNING}}),
              ElementsAre(kApi));
  state_.Started(LeaseOf(kApi));
  Succeed(kMigrate);
  EXPECT_THAT(Reports(), ElementsAre("3 RUNNING", "4 RUNNING", "3 SUCCEEDED"));
}

TEST_F(SessionWaitsTest, AWorkerThatLeavesGivesAllOfItBack) {
  Give({kDb, kApi, kWeb}, {{kApi, kDb}, {kWeb, kApi}});
  state_.Leave("enough");
  EXPECT_EQ(state_.running(), 1u);
  Up(kDb);
  EXPECT_THAT(Startable(), IsEmpty());
  EXPECT_THAT(Give({6}, {{6, kDb}}), ElementsAre(6)) << "it might start";
  EXPECT_THAT(Give({7}, {{7, 6}}), IsEmpty());
  EXPECT_EQ(state_.running(), 2u) << "an offer that had crossed it";
}

TEST_F(SessionWaitsTest, OneThatIsDrainedGivesAllOfItBack) {
  Give({kDb, kApi}, {{kApi, kDb}});
  v1::SessionResponse message;
  message.mutable_drain()->set_reason("upgrade");
  Receive(message);
  EXPECT_THAT(Reports(), ElementsAre("4 CANCELLED"));
}

TEST_F(SessionWaitsTest, ItWaitsOnOverStreams) {
  Give({kDb, kApi}, {{kApi, kDb}});
  EXPECT_THAT(Dial().held().fence(), ElementsAre(kDb, kApi));
  Welcome({v1::HELD_VERDICT_KEEP, v1::HELD_VERDICT_KEEP});
  Up(kDb);
  EXPECT_THAT(Startable(), ElementsAre(kApi));
}

TEST_F(SessionWaitsTest, OneThatIsDiscardedNeverStarts) {
  Give({kDb, kApi}, {{kApi, kDb}});
  Dial();
  Welcome({v1::HELD_VERDICT_KEEP, v1::HELD_VERDICT_DISCARD});
  Up(kDb);
  EXPECT_THAT(Startable(), IsEmpty());
  EXPECT_EQ(state_.held(), 1u);
}

TEST_F(SessionWaitsTest, ConditionsOfNothingAreIgnored) {
  EXPECT_THAT(Give({kDb}, {{kApi, kDb}, {kDb, 99}}), IsEmpty());
  Cancel({kDb});
  EXPECT_EQ(state_.running(), 0u);
}

TEST_F(SessionWaitsTest, WhatNobodyElseWaitsForMayBeToldLater) {
  Give({kDb, kApi, kWeb}, {{kApi, kDb}, {kWeb, kApi}}, {kDb, kWeb});
  EXPECT_FALSE(Up(kDb));
  EXPECT_TRUE(Up(kApi)) << "somebody elsewhere waits for it";
  EXPECT_TRUE(Up(kWeb)) << "nothing is left that could be told with it";
}

}  // namespace
}  // namespace w2t::worker
