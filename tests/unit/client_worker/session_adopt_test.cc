// Services that the session knows of before it is opened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client_worker/session_fixture.h"

namespace w2t::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Lease kOld{1, 2, 3, 7};

v1::Hello Restarted() {
  v1::Hello hello;
  hello.set_name("w1");
  hello.set_stream(1'000);
  hello.set_restarted(true);
  return hello;
}

class SessionAdoptTest : public SessionFixture {
 protected:
  SessionAdoptTest() : SessionFixture(Restarted()) {
    state_.Adopt(kOld, v1::TASK_STATE_UP, /*printed=*/100);
  }
};

TEST_F(SessionAdoptTest, TheHelloHoldsThemAndSaysThatTheProcessIsANewOne) {
  const v1::Hello hello = Dial();
  EXPECT_EQ(hello.stream(), 1'001u);
  EXPECT_TRUE(hello.restarted());
  EXPECT_THAT(hello.held().fence(), ElementsAre(7));
  EXPECT_TRUE(Dial().restarted()) << "nobody has answered";
  Welcome({v1::HELD_VERDICT_KEEP});
  EXPECT_FALSE(Dial().restarted()) << "what was given since is known";
}

// What waits for its start would start.
TEST_F(SessionAdoptTest, WhatNobodyKnowsToHaveBegunIsNotToldToRun) {
  SessionState state(Restarted());
  state.Adopt(kOld, v1::TASK_STATE_LEASED, /*printed=*/0);
  state.StreamOpened();
  bool more = false;
  EXPECT_THAT(state.NextMessage(&more)->hello().held().fence(), ElementsAre(7));
  v1::SessionResponse message;
  message.mutable_welcome()->add_verdicts(v1::HELD_VERDICT_KEEP);
  Todo todo;
  ASSERT_TRUE(state.OnMessage(message, todo).ok());
  EXPECT_EQ(state.NextMessage(&more), nullptr);
  state.Ended(kOld, {.state = v1::TASK_STATE_CANCELLED});
  EXPECT_THAT(state.NextMessage(&more)->reports().state(),
              ElementsAre(v1::TASK_STATE_CANCELLED));
}

TEST_F(SessionAdoptTest, WhatTheyPrintComesBehindWhatTheyHadPrinted) {
  Dial();
  Welcome({v1::HELD_VERDICT_KEEP});
  state_.Printed(kOld, v1::LOG_STREAM_STDOUT, 1, "on");
  EXPECT_TRUE(Next()->has_reports());
  const auto message = Next();
  ASSERT_TRUE(message != nullptr && message->has_logs());
  EXPECT_EQ(message->logs().chunks(0).offset(), 100u);
  const Todo todo = Acknowledge(0, 1);
  ASSERT_EQ(todo.output_taken.size(), 1u);
  EXPECT_EQ(todo.output_taken[0].fence, 7u);
  EXPECT_EQ(todo.output_taken[0].bytes, 102u);
}

TEST_F(SessionAdoptTest, ThatTheyRunAndAreUpIsToldAgain) {
  Dial();
  Welcome({v1::HELD_VERDICT_KEEP});
  const auto message = Next();
  ASSERT_TRUE(message != nullptr && message->has_reports());
  EXPECT_THAT(message->reports().state(),
              ElementsAre(v1::TASK_STATE_RUNNING, v1::TASK_STATE_UP));
}

TEST_F(SessionAdoptTest, TheirEndIsForgottenOnceItIsDurable) {
  Dial();
  Welcome({v1::HELD_VERDICT_KEEP});
  state_.Ended(kOld, {.state = v1::TASK_STATE_FAILED});
  EXPECT_TRUE(Next()->has_reports());
  EXPECT_THAT(Acknowledge(0, 0).forgotten, IsEmpty());
  EXPECT_THAT(Acknowledge(1, 0).forgotten, ElementsAre(7));
}

TEST_F(SessionAdoptTest, WhatTheDaemonDoesNotConfirmIsStoppedAndForgotten) {
  Dial();
  const Todo todo = Welcome({v1::HELD_VERDICT_DISCARD});
  EXPECT_THAT(todo.discard, ElementsAre(kOld));
  EXPECT_THAT(todo.forgotten, ElementsAre(7));
  EXPECT_EQ(state_.held(), 0u);
}

TEST_F(SessionAdoptTest, AnOfferSaysWhatIsAService) {
  Dial();
  Welcome({v1::HELD_VERDICT_KEEP});
  v1::SessionResponse message = OfferOf({9, 8});
  message.mutable_offers()->add_services(1);
  message.mutable_offers()->add_services(77);
  const Todo todo = Receive(message);
  ASSERT_EQ(todo.start.size(), 2u);
  EXPECT_FALSE(todo.start[0].service);
  EXPECT_TRUE(todo.start[1].service);
}

}  // namespace
}  // namespace w2t::worker
