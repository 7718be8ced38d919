#include "server/observe/log.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t::server {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// What is logged between the two.
template <typename Body>
std::string LoggedAt(LogLevel level, Body body) {
  ::testing::internal::CaptureStderr();
  StartLogging(level);
  body();
  StopLogging();
  return ::testing::internal::GetCapturedStderr();
}

TEST(LogTest, WritesAnEventWithItsFieldsAsOneLine) {
  const std::string text = LoggedAt(LogLevel::kInfo, [] {
    Log(log_event::kRunAccepted,
        {{"run", "shop-7"}, {"tasks", 3u}, {"code", -1}, {"hold", true}});
  });
  EXPECT_THAT(text, MatchesRegex("[0-9-]+T[0-9:.]+Z info run.accepted "
                                 "run=shop-7 tasks=3 code=-1 hold=true\n"));
}

TEST(LogTest, QuotesWhatWouldBreakALine) {
  const std::string text = LoggedAt(LogLevel::kInfo, [] {
    Log(log_event::kRunCancelled,
        {{"reason", "a \"b\"\nc\x1b[2J"}, {"run", ""}});
  });
  EXPECT_THAT(text, HasSubstr("reason=\"a \\\"b\\\"\\nc\\x1b[2J\" run=\"\"\n"));
}

TEST(LogTest, LeavesOutWhatIsBelowItsLevel) {
  const std::string text = LoggedAt(LogLevel::kWarn, [] {
    Log(log_event::kRunAccepted, {});
    Log(log_event::kWorkerLost, {});
  });
  EXPECT_THAT(text, HasSubstr("worker.lost"));
  EXPECT_THAT(text, Not(HasSubstr("run.accepted")));
}

TEST(LogTest, KnowsItsLevelsByWord) {
  LogLevel level = LogLevel::kInfo;
  EXPECT_TRUE(ParseLogLevel("debug", &level));
  EXPECT_EQ(level, LogLevel::kDebug);
  EXPECT_FALSE(ParseLogLevel("Debug", &level));
  EXPECT_FALSE(ParseLogLevel("", &level));
}

}  // namespace
}  // namespace w2t::server
