#include "client/graphfile/scalars.h"

#include <gtest/gtest.h>

#include <csignal>

namespace w2t::graphfile {
namespace {

TEST(ScalarsTest, DurationsHaveUnits) {
  EXPECT_EQ(ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(ParseDuration("30s"), absl::Seconds(30));
  EXPECT_EQ(ParseDuration("5m"), absl::Minutes(5));
  EXPECT_EQ(ParseDuration("1h"), absl::Hours(1));
  EXPECT_EQ(ParseDuration("0"), absl::ZeroDuration());
}

TEST(ScalarsTest, DurationsHaveFractionsAndSums) {
  EXPECT_EQ(ParseDuration("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(ParseDuration("0.1ms"), absl::Microseconds(100));
  EXPECT_EQ(ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(ParseDuration("1h1m1s1ms"),
            absl::Seconds(3661) + absl::Milliseconds(1));
}

TEST(ScalarsTest, OtherTextIsNoDuration) {
  for (const char* text :
       {"", "5", "s", "1.s", ".5s", "1.5", "-1s", "1d", "1 s", "1s ", "1e3s",
        "10001h", "9999999999999s", "1.1234567891s", "1S"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

TEST(ScalarsTest, IntegersAreDecimalAndFit) {
  EXPECT_EQ(ParseInteger("42"), 42);
  EXPECT_EQ(ParseInteger("+42"), 42);
  EXPECT_EQ(ParseInteger("-1"), -1);
  for (const char* text : {"", "1.0", "0x10", "1 ", "99999999999999999999"}) {
    EXPECT_FALSE(ParseInteger(text)) << text;
  }
}

TEST(ScalarsTest, ThousandthsAreExact) {
  EXPECT_EQ(ParseThousandths("2"), 2000u);
  EXPECT_EQ(ParseThousandths("0.25"), 250u);
  EXPECT_EQ(ParseThousandths("1.001"), 1001u);
  EXPECT_EQ(ParseThousandths("1.0010"), 1001u);
  for (const char* text : {"", "-1", "0.0001", "1.", "one", "99999999999999"}) {
    EXPECT_FALSE(ParseThousandths(text)) << text;
  }
}

TEST(ScalarsTest, BytesHaveUnits) {
  EXPECT_EQ(ParseBytes("4096"), 4096u);
  EXPECT_EQ(ParseBytes("2kB"), 2'000u);
  EXPECT_EQ(ParseBytes("512MiB"), uint64_t{512} << 20);
  EXPECT_EQ(ParseBytes("1.5GiB"), uint64_t{1536} << 20);
  for (const char* text : {"", "MiB", "-1", "1 MiB", "1mib", "2000TB"}) {
    EXPECT_FALSE(ParseBytes(text)) << text;
  }
}

TEST(ScalarsTest, RealsAreFinite) {
  EXPECT_EQ(ParseReal("1e3"), 1000.0);
  EXPECT_EQ(ParseReal("0.5"), 0.5);
  for (const char* text : {"", "inf", "nan", "1e999", "1 "}) {
    EXPECT_FALSE(ParseReal(text)) << text;
  }
}

TEST(ScalarsTest, SignalsGoByNameWithOrWithoutPrefix) {
  EXPECT_EQ(ParseSignal("TERM"), uint32_t{SIGTERM});
  EXPECT_EQ(ParseSignal("SIGUSR1"), uint32_t{SIGUSR1});
  EXPECT_FALSE(ParseSignal("term"));
  EXPECT_FALSE(ParseSignal(""));
}

}  // namespace
}  // namespace w2t::graphfile
