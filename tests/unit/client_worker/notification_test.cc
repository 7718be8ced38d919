#include "client/worker/probe/notification.h"

#include <gtest/gtest.h>

#include <string>

namespace w2t::worker {
namespace {

TEST(NotificationTest, TakesAllThatADatagramSays) {
  const Notification said = ParseNotification(
      "STATUS=up\nREADY=1\nMAINPID=42\nEXTEND_TIMEOUT_USEC=1500000\n");
  EXPECT_TRUE(said.ready);
  EXPECT_FALSE(said.stopping);
  EXPECT_FALSE(said.alive);
  EXPECT_EQ(said.status, "up");
  EXPECT_EQ(said.main_pid, 42);
  EXPECT_EQ(said.extend, absl::Milliseconds(1500));
}

TEST(NotificationTest, TellsTheWatchdogsWordsApart) {
  EXPECT_TRUE(ParseNotification("WATCHDOG=1").alive);
  EXPECT_FALSE(ParseNotification("WATCHDOG=1").unwell);
  EXPECT_TRUE(ParseNotification("WATCHDOG=trigger").unwell);
  EXPECT_TRUE(ParseNotification("STOPPING=1").stopping);
}

TEST(NotificationTest, PassesOverWhatMakesNoSense) {
  for (const char* text :
       {"", "\n\n", "=", "READY", "READY=0", "READY=11", "ready=1", "MAINPID=",
        "MAINPID=0", "MAINPID=-5", "MAINPID=x", "EXTEND_TIMEOUT_USEC=-1",
        "EXTEND_TIMEOUT_USEC=0", "EXTEND_TIMEOUT_USEC=1s", "FDSTORE=1"}) {
    const Notification said = ParseNotification(text);
    EXPECT_FALSE(said.ready) << text;
    EXPECT_FALSE(said.main_pid) << text;
    EXPECT_FALSE(said.extend) << text;
    EXPECT_FALSE(said.status) << text;
  }
}

TEST(NotificationTest, BoundsWhatItTakes) {
  EXPECT_EQ(
      ParseNotification("EXTEND_TIMEOUT_USEC=99999999999999999999999").extend,
      absl::Hours(24));
  const std::string status = "STATUS=" + std::string(5000, 'x');
  EXPECT_EQ(ParseNotification(status).status->size(), kMaxNotifiedStatusBytes);
  EXPECT_EQ(ParseNotification("STATUS=a\tb\xff").status, "a?b?");
}

}  // namespace
}  // namespace w2t::worker
