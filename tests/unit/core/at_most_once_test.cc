// Tasks whose side effect must not happen twice. That no worker is given one
// again is checked by the environment, in these tests as in all others.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AtMostOnceTest : public ::testing::Test {
 protected:
  absl::Duration window() { return env_.engine().options().reattach_window; }

  // "pay" runs at most once; "undo" is for when it did not end well.
  void SubmitPay() {
    env_.Submit(GraphBuilder()
                    .Task("pay")
                    .AtMostOnce()
                    .Task("next", {"pay"})
                    .Task("undo", {{"pay", Condition::kFailed}}));
  }

  std::string MessageOf(std::string_view task) {
    const TaskDetail* detail = env_.run().detail(env_.Index(task));
    return detail == nullptr ? "" : detail->message;
  }

  EngineEnv env_;
};

TEST_F(AtMostOnceTest, WhatALostWorkerMayHaveRunIsLostForGood) {
  env_.Hello("w1");
  SubmitPay();
  env_.Hello("w2");
  env_.Kill("w1");
  env_.Advance(window());
  EXPECT_EQ(env_.State("pay"), TaskState::kLost);
  EXPECT_THAT(MessageOf("pay"),
              AllOf(HasSubstr("lost, outcome unknown: worker \"w1\""),
                    HasSubstr("it may or may not have run")));
  EXPECT_EQ(env_.State("next"), TaskState::kSkipped);
  EXPECT_EQ(env_.State("undo"), TaskState::kLeased);
  env_.Succeed("undo");
  EXPECT_EQ(env_.EndState(), RunState::kFailed);
  EXPECT_EQ(env_.Record("pay").attempt, 1u);
}

TEST_F(AtMostOnceTest, OfWhatHadStartedItIsSaidSo) {
  env_.Hello("w1");
  SubmitPay();
  env_.Start("pay");
  env_.Kill("w1");
  env_.Advance(window());
  EXPECT_EQ(env_.State("pay"), TaskState::kLost);
  EXPECT_THAT(MessageOf("pay"),
              HasSubstr("it had started, and may or may not have ended"));
}

TEST_F(AtMostOnceTest, AProcessThatWasReplacedMayHaveRunIt) {
  env_.Hello("w1");
  SubmitPay();
  env_.Kill("w1");
  env_.Hello("w1", {.instance = "2"});
  EXPECT_EQ(env_.State("pay"), TaskState::kLost);
}

TEST_F(AtMostOnceTest, AnOfferThatCertainlyDidNotArriveIsRepeated) {
  env_.Hello("w1");
  env_.worker("w1").receives_offers = false;
  SubmitPay();
  env_.Disconnect("w1");
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.State("pay"), TaskState::kLeased);
  EXPECT_EQ(env_.Record("pay").attempt, 2u);
  env_.Succeed("pay");
  env_.Succeed("next");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(AtMostOnceTest, TheProofHoldsAfterARestartToo) {
  env_.Hello("w1");
  env_.worker("w1").receives_offers = false;
  SubmitPay();
  env_.Restart();
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.Record("pay").attempt, 2u);
  env_.Succeed("pay");
  EXPECT_EQ(env_.State("pay"), TaskState::kSucceeded);
}

TEST_F(AtMostOnceTest, AWorkerThatDoesNotCountItsStreamsProvesNothing) {
  env_.Hello("w1", {.counts_streams = false});
  env_.worker("w1").receives_offers = false;
  SubmitPay();
  env_.Disconnect("w1");
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.State("pay"), TaskState::kLost);
  EXPECT_THAT(MessageOf("pay"), HasSubstr("outcome unknown"));
}

// A hello that was sent before the offer, and arrives after it, names nothing.
class LateHelloTest : public AtMostOnceTest {
 protected:
  LateHelloTest() {
    env_.Hello("w1");
    late_ = {SessionId{1'000}, env_.worker("w1").spec, {}};
    late_.spec.stream += 1;  // dialled, and given up before it was welcomed
    env_.Disconnect("w1");
    ++env_.worker("w1").spec.stream;
    EXPECT_TRUE(env_.Reattach("w1"));
    SubmitPay();
  }

  HelloEvent late_;
};

TEST_F(LateHelloTest, IsRefusedWhileTheLaterStreamStands) {
  env_.Step({late_});
  EXPECT_TRUE(absl::IsAborted(env_.closed(late_.session)));
  EXPECT_TRUE(env_.worker("w1").session);
  EXPECT_EQ(env_.Record("pay").attempt, 1u);
}

TEST_F(LateHelloTest, IsRefusedAfterARestart) {
  env_.Restart();
  env_.Step({late_});
  EXPECT_TRUE(absl::IsAborted(env_.closed(late_.session)));
  EXPECT_EQ(env_.State("pay"), TaskState::kLeased);
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_THAT(env_.worker("w1").verdicts, ElementsAre(HeldVerdict::kKeep));
  env_.Succeed("pay");
  EXPECT_EQ(env_.Record("pay").attempt, 1u);
}

// The process that was given it is gone, and may have started it before.
TEST_F(AtMostOnceTest, TheNextProcessOfTheWorkerProvesNothing) {
  env_.Hello("w1");
  env_.worker("w1").receives_offers = false;
  SubmitPay();
  env_.Disconnect("w1");
  env_.worker("w1").restarted = true;
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.State("pay"), TaskState::kLost);
  EXPECT_THAT(MessageOf("pay"), HasSubstr("outcome unknown"));
}

TEST_F(AtMostOnceTest, ADaemonThatRestartsWaitsForTheWorker) {
  env_.Hello("w1");
  SubmitPay();
  env_.Start("pay");
  env_.Restart();
  env_.Hello("w2");
  EXPECT_TRUE(env_.Reattach("w1"));
  env_.Succeed("pay");
  env_.Succeed("next");
  EXPECT_EQ(env_.EndState(), RunState::kSucceeded);
}

TEST_F(AtMostOnceTest, WhatItsWorkerStoppedByItselfIsNotRepeated) {
  env_.Hello("w1");
  SubmitPay();
  env_.Report("w1", env_.LeaseOf("pay"), TaskState::kCancelled);
  EXPECT_EQ(env_.State("pay"), TaskState::kLost);
  EXPECT_THAT(MessageOf("pay"), HasSubstr("its worker stopped it"));
}

TEST_F(AtMostOnceTest, AReportedFailureIsFinal) {
  env_.Hello("w1");
  SubmitPay();
  env_.Fail("pay", 7);
  EXPECT_EQ(env_.State("pay"), TaskState::kFailed);
  EXPECT_EQ(env_.State("undo"), TaskState::kLeased);
}

TEST_F(AtMostOnceTest, WhatIsLostWhileItsRunStopsIsStillUnknown) {
  env_.Hello("w1");
  SubmitPay();
  EXPECT_TRUE(env_.Cancel().ok());
  env_.Kill("w1");
  env_.Advance(window());
  EXPECT_EQ(env_.State("pay"), TaskState::kLost);
  EXPECT_EQ(env_.EndState(), RunState::kCancelled);
}

TEST_F(AtMostOnceTest, WhatWasNeverStartedIsCancelledWithItsRun) {
  env_.Hello("w1");
  env_.worker("w1").receives_offers = false;
  SubmitPay();
  env_.Disconnect("w1");
  EXPECT_TRUE(env_.Cancel().ok());
  EXPECT_TRUE(env_.Reattach("w1"));
  EXPECT_EQ(env_.State("pay"), TaskState::kCancelled);
}

TEST_F(AtMostOnceTest, OffersThatNeverArriveAreBounded) {
  env_.Hello("w1");
  env_.worker("w1").receives_offers = false;
  SubmitPay();
  const uint64_t most = env_.engine().options().limits.max_lost_attempts;
  for (uint64_t i = 1; i <= most; ++i) {
    ASSERT_EQ(env_.State("pay"), TaskState::kLeased) << i;
    env_.Disconnect("w1");
    EXPECT_TRUE(env_.Reattach("w1", /*receives_offers=*/false));
  }
  EXPECT_EQ(env_.State("pay"), TaskState::kLost);
  EXPECT_THAT(MessageOf("pay"), HasSubstr("max_lost_attempts"));
}

TEST(AtMostOnceFaultTest, ARetryContradictsIt) {
  const Graph graph =
      GraphBuilder().Task("a").Task("pay").AtMostOnce().Retry({.attempts = 3});
  const BlueprintOr built = Blueprint::Build(graph, Limits());
  ASSERT_EQ(built.faults.total(), 1u);
  const Diagnostic& fault = built.faults.listed()[0];
  EXPECT_EQ(fault.code, DiagnosticCode::kInvalidValue);
  EXPECT_EQ(fault.field, "graph.tasks[1].side_effect");
  EXPECT_EQ(fault.task_name, "pay");
  EXPECT_EQ(fault.message,
            "task \"pay\" is to run at most once, but its retry asks for 3 "
            "attempts");
}

}  // namespace
}  // namespace w2t::testing
