#include "client/worker/session/text.h"

#include <gtest/gtest.h>

namespace w2t::worker {
namespace {

TEST(ShortenTest, LeavesValidTextAlone) {
  EXPECT_EQ(Shorten("fünf €", 100), "fünf €");
  EXPECT_EQ(Shorten("", 10), "");
}

TEST(ShortenTest, DoesNotCutWithinACharacter) {
  EXPECT_EQ(Shorten("aaä€€€€", 8), "aaä...");
  EXPECT_EQ(Shorten("aaaa€€€€", 8), "aaaa...");
}

TEST(ShortenTest, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(Shorten("a\xC0\x80z", 100), "a??z");       // overlong
  EXPECT_EQ(Shorten("a\xED\xA0\x80z", 100), "a???z");  // a surrogate
  EXPECT_EQ(Shorten("a\xE2\x82", 100), "a??");         // cut off
}

TEST(DurationTextTest, IsInTheUnitThatPeopleWouldUse) {
  EXPECT_EQ(DurationText(absl::Seconds(5)), "5s");
  EXPECT_EQ(DurationText(absl::Seconds(60)), "60s");
  EXPECT_EQ(DurationText(absl::Milliseconds(250)), "250ms");
  EXPECT_EQ(DurationText(absl::Milliseconds(1500)), "1.5s");
}

}  // namespace
}  // namespace w2t::worker
