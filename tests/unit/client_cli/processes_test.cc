// Children and the private fleet, with shell scripts in the programs' places.
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "absl/synchronization/notification.h"
#include "client/cli/child_process.h"
#include "client/cli/private_fleet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client_cli/cli_run.h"

namespace w2t::cli {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kDeadline = absl::Seconds(20);

std::unique_ptr<ChildProcess> Shell(const std::string& line,
                                    const std::string& output = "/dev/null",
                                    std::function<void()> on_end = {}) {
  auto child =
      ChildProcess::Start({"/bin/sh", "-c", line}, output, std::move(on_end));
  EXPECT_TRUE(child.ok()) << child.status();
  return *std::move(child);
}

TEST(ChildProcess, TellsHowItEnded) {
  absl::Notification ended;
  const auto failed = Shell("exit 3", "/dev/null", [&] { ended.Notify(); });
  EXPECT_TRUE(ended.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_TRUE(failed->ended());
  EXPECT_EQ(failed->HowItEnded(), "sh ended with exit code 3");

  const auto killed = Shell("kill -9 $$");
  EXPECT_TRUE(killed->WaitFor(kDeadline));
  EXPECT_EQ(killed->HowItEnded(), "sh was killed by signal 9");
}

TEST(ChildProcess, GetsSignalsWhateverThisProcessHasBlocked) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto child = Shell("exec sleep 1000");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_FALSE(child->ended());
  child->Signal(SIGTERM);
  EXPECT_TRUE(child->WaitFor(kDeadline));
  child->Signal(SIGTERM);  // of nobody, by now
}

TEST(ChildProcess, ProgramThatIsNotThereIsAnError) {
  const auto child = ChildProcess::Start({"/nonexistent"}, "/dev/null", {});
  EXPECT_THAT(std::string(child.status().message()),
              HasSubstr("cannot start /nonexistent: No such file"));
}

TEST(LastLines, AreTheLastOnesWithoutControlCharacters) {
  const TempFile file("one\ntwo\x1b[2J\nthree\n");
  EXPECT_EQ(LastLines(file.path(), 2), "  | two\n  | three");
  EXPECT_EQ(LastLines("/nonexistent", 2), "  (nothing)");
}

class PrivateFleetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    temp_ = ::testing::TempDir() + "w2t_fleet_XXXXXX";
    ASSERT_NE(mkdtemp(temp_.data()), nullptr);
    setenv("TMPDIR", temp_.c_str(), 1);
  }
  void TearDown() override {
    program_.reset();
    EXPECT_TRUE(std::filesystem::is_empty(temp_)) << "something was left";
    std::filesystem::remove_all(temp_);
    unsetenv("TMPDIR");
    unsetenv("W2T_W2TD");
  }
  // Plays the daemon.
  void SetDaemon(const std::string& script) {
    program_.emplace("#!/bin/sh\n" + script);
    chmod(program_->path().c_str(), 0700);
    setenv("W2T_W2TD", program_->path().c_str(), 1);
  }

  std::string temp_;
  std::optional<TempFile> program_;
};

TEST_F(PrivateFleetTest, DaemonThatEndsIsNoticedAtOnceWithItsWords) {
  SetDaemon("echo no space left on device >&2; exit 4\n");
  const auto fleet =
      PrivateFleet::Start({.start_timeout = absl::InfiniteDuration()}, {});
  EXPECT_EQ(fleet.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(fleet.status().message()),
              HasSubstr("ended with exit code 4; it printed:\n"
                        "  | no space left on device"));
}

TEST_F(PrivateFleetTest, DaemonThatDoesNotServeIsGivenUp) {
  SetDaemon("exec sleep 1000\n");
  const auto fleet =
      PrivateFleet::Start({.start_timeout = absl::Milliseconds(50)}, {});
  EXPECT_THAT(std::string(fleet.status().message()),
              HasSubstr("did not serve within 50ms"));
}

TEST_F(PrivateFleetTest, StartIsStoppedFromOutside) {
  SetDaemon("exec sleep 1000\n");
  const auto stop = std::make_unique<std::stop_source>();
  stop->request_stop();
  const auto fleet = PrivateFleet::Start({}, stop->get_token());
  EXPECT_EQ(fleet.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(PrivateFleetTest, ProgramThatCannotBeExecutedIsNamed) {
  setenv("W2T_W2TD", "/nonexistent/w2td", 1);
  const auto fleet = PrivateFleet::Start({}, {});
  EXPECT_THAT(std::string(fleet.status().message()),
              HasSubstr("W2T_W2TD=/nonexistent/w2td cannot be executed"));
}

}  // namespace
}  // namespace w2t::cli
