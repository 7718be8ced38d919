// `w2t run` with no server named: it brings its own, and leaves nothing behind.
#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"

namespace w2t::test {
namespace {

using ::testing::HasSubstr;

class ZeroConfigTest : public ProgramTest {
 protected:
  // Temporary files go where the test can see what is left of them.
  CliResult Run(const std::vector<std::string>& args,
                const std::string& input = "") {
    return RunCli(args, Environment(), "", input);
  }
  std::vector<std::pair<std::string, std::string>> Environment() {
    const std::string temp = dir_ / "tmp";
    std::filesystem::create_directories(temp);
    return {{"TMPDIR", temp}, {"XDG_RUNTIME_DIR", temp}, {"HOME", temp}};
  }
  void ExpectNothingLeft() {
    EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
    EXPECT_TRUE(std::filesystem::is_empty(dir_ / "tmp"));
  }
};

TEST_F(ZeroConfigTest, SmallestFileRuns) {
  const CliResult result =
      Run({"run", dir_.Write("w2t.yaml", "tasks: {hello: echo hello}\n")});
  EXPECT_EQ(result.status.code, 0) << result.ToString();
  EXPECT_THAT(result.out + result.err, HasSubstr("hello"));
  ExpectNothingLeft();
}

TEST_F(ZeroConfigTest, StandardInputIsAFileToo) {
  const CliResult result = Run({"run", "-"}, "tasks: {hello: echo hello}\n");
  EXPECT_EQ(result.status.code, 0) << result.ToString();
  ExpectNothingLeft();
}

TEST_F(ZeroConfigTest, FailureEndsWith1) {
  const CliResult result =
      Run({"run", dir_.Write("bad.yaml", "tasks: {bad: exit 3}\n")});
  EXPECT_EQ(result.status.code, 1) << result.ToString();
  ExpectNothingLeft();
}

TEST_F(ZeroConfigTest, InterruptStopsEverythingAndEndsWith130) {
  const std::string path =
      dir_.Write("long.yaml", fmt::format("tasks:\n"
                                          "  long: touch {}; sleep 1000\n",
                                          dir_ / "started"));
  const auto process = StartCli({"run", path}, Environment());
  ASSERT_TRUE(Eventually([this] {
    return std::filesystem::exists(dir_ / "started");
  })) << process->out()
      << process->err();
  process->Signal(SIGINT);
  const ExitStatus status = process->WaitForExit();
  EXPECT_EQ(status.code, 130)
      << status.ToString() << process->out() << process->err();
  ExpectNothingLeft();
}

TEST_F(ZeroConfigTest, SecondInterruptLeavesAtOnceWithoutBlamingTheDaemon) {
  const std::string path =
      dir_.Write("long.yaml",
                 fmt::format("tasks:\n"
                             "  long:\n"
                             "    command: trap '' TERM; touch {}; sleep 1000\n"
                             "    stop: {{grace: 1h}}\n",
                             dir_ / "started"));
  const auto process = StartCli({"run", path}, Environment());
  ASSERT_TRUE(Eventually([this] {
    return std::filesystem::exists(dir_ / "started");
  })) << process->out()
      << process->err();
  process->Signal(SIGINT);
  ASSERT_TRUE(process->WaitForLine("again leaves at once"));
  process->Signal(SIGINT);
  EXPECT_EQ(process->WaitForExit().code, 130);
  EXPECT_EQ(process->err(), "");
  ExpectNothingLeft();
}

TEST_F(ZeroConfigTest, WhatAKilledRunLeftIsRemovedByTheNextOne) {
  const std::string path =
      dir_.Write("long.yaml", fmt::format("tasks:\n"
                                          "  long: touch {}; sleep 1000\n",
                                          dir_ / "started"));
  const auto process = StartCli({"run", path}, Environment());
  ASSERT_TRUE(
      Eventually([this] { return std::filesystem::exists(dir_ / "started"); }));
  const std::string hello =
      dir_.Write("w2t.yaml", "tasks: {hello: echo hello}\n");
  // Beside one that lives nothing is removed.
  EXPECT_EQ(Run({"run", hello}).status.code, 0);
  EXPECT_TRUE(process->running());
  process->Kill();
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
  EXPECT_FALSE(std::filesystem::is_empty(dir_ / "tmp"));
  EXPECT_EQ(Run({"run", "--keep-dir", hello}).status.code, 0);
  EXPECT_EQ(Run({"run", hello}).status.code, 0);
  int left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ / "tmp")) {
    ++left;
    EXPECT_TRUE(std::filesystem::exists(entry.path() / "data"));
  }
  EXPECT_EQ(left, 1) << "only the one to keep";
}

TEST_F(ZeroConfigTest, LostOutputStopsEverythingInItsOwnTime) {
  // The service says goodbye, which it can only when it is given its time.
  const std::string path = dir_.Write(
      "up.yaml", fmt::format("services:\n"
                             "  up: |\n"
                             "    trap 'sleep 0.3; touch {}; exit 0' TERM\n"
                             "    while :; do echo tick; sleep 0.05; done\n",
                             dir_ / "goodbye"));
  Process shell({.argv = {"/bin/sh", "-c",
                          fmt::format("{{ {} run {}; echo \"rc=$?\" >&2; }} "
                                      "| head -n 2",
                                      CliPath(), path)},
                 .env = Environment()});
  EXPECT_EQ(shell.WaitForExit().code, 0);
  EXPECT_THAT(shell.err(), HasSubstr("its output was closed"));
  EXPECT_THAT(shell.err(), HasSubstr("rc="));
  EXPECT_THAT(shell.err(), ::testing::Not(HasSubstr("rc=0")));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "goodbye"));
  ExpectNothingLeft();
}

TEST_F(ZeroConfigTest, KilledCommandLeavesNoProcessesBehind) {
  const std::string path =
      dir_.Write("long.yaml", fmt::format("tasks:\n"
                                          "  long: touch {}; sleep 1000\n",
                                          dir_ / "started"));
  const auto process = StartCli({"run", path}, Environment());
  ASSERT_TRUE(Eventually([this] {
    return std::filesystem::exists(dir_ / "started");
  })) << process->out()
      << process->err();
  process->Kill();
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
}

TEST_F(ZeroConfigTest, TwoAtOnceDoNotMeet) {
  const std::string path = dir_.Write("w2t.yaml", "tasks: {hello: echo hi}\n");
  const auto first = StartCli({"run", path}, Environment());
  const auto second = StartCli({"run", path}, Environment());
  EXPECT_EQ(first->WaitForExit().code, 0) << first->err();
  EXPECT_EQ(second->WaitForExit().code, 0) << second->err();
  ExpectNothingLeft();
}

}  // namespace
}  // namespace w2t::test
