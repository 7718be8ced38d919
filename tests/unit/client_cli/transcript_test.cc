#include "client/cli/transcript.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TranscriptTest : public ::testing::Test {
 protected:
  std::vector<std::string> Take() { return transcript_.Take(now_); }

  Transcript transcript_;
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(TranscriptTest, TheEndOfAnAttemptWaitsForItsOutput) {
  transcript_.Happened(0, 1, "start a");
  transcript_.Printed(0, 1, {"one"}, false);
  transcript_.Ended(0, 1, "done a", now_);
  EXPECT_THAT(Take(), ElementsAre("start a", "one"));
  transcript_.Printed(0, 1, {"two"}, false);
  EXPECT_THAT(Take(), ElementsAre("two"));
  transcript_.Printed(0, 1, {}, true);
  EXPECT_THAT(Take(), ElementsAre("done a"));
}

TEST_F(TranscriptTest, OutputThatWasThereFirstHoldsNothingBack) {
  transcript_.Printed(0, 1, {"one"}, true);
  transcript_.Ended(0, 1, "done a", now_);
  EXPECT_THAT(Take(), ElementsAre("one", "done a"));
}

TEST_F(TranscriptTest, WhatHappenedLaterStaysBehindAnEndThatWaits) {
  transcript_.Ended(0, 1, "done a", now_);
  transcript_.Happened(1, 1, "start b");
  transcript_.Printed(1, 1, {"b says"}, false);
  EXPECT_THAT(Take(), IsEmpty());
  transcript_.Printed(0, 1, {"a says"}, true);
  EXPECT_THAT(Take(), ElementsAre("a says", "done a", "start b", "b says"));
}

TEST_F(TranscriptTest, OutputOfWhatIsShownAsStartedIsNotHeldBack) {
  transcript_.Happened(1, 1, "start b");
  transcript_.Ended(0, 1, "done a", now_);
  transcript_.Printed(1, 1, {"b says"}, false);
  EXPECT_THAT(Take(), ElementsAre("start b", "b says"));
}

TEST_F(TranscriptTest, AnEmptyLineIsNotShownAndKeepsItsPlace) {
  transcript_.Ended(0, 1, "done a", now_);
  transcript_.Happened(1, 1, "");
  transcript_.Printed(1, 1, {"b says"}, true);
  transcript_.Ended(1, 1, "", now_);
  EXPECT_THAT(Take(), IsEmpty());
  transcript_.Printed(0, 1, {}, true);
  EXPECT_THAT(Take(), ElementsAre("done a", "b says"));
}

TEST_F(TranscriptTest, OutputOfAnEarlierAttemptDoesNotEndALaterOne) {
  transcript_.Printed(0, 1, {"first"}, true);
  transcript_.Ended(0, 2, "done a", now_);
  EXPECT_THAT(Take(), ElementsAre("first"));
  transcript_.Printed(0, 2, {"second"}, true);
  EXPECT_THAT(Take(), ElementsAre("second", "done a"));
}

TEST_F(TranscriptTest, OutputThatDoesNotComeIsWaitedForOnlySoLong) {
  transcript_.Ended(0, 1, "done a", now_);
  transcript_.Ended(1, 1, "done b", now_);
  now_ += Transcript::kPatience - absl::Milliseconds(1);
  EXPECT_THAT(Take(), IsEmpty());
  now_ += absl::Milliseconds(1);
  EXPECT_THAT(Take(), ElementsAre("done a", "done b"));
}

}  // namespace
}  // namespace w2t::cli
