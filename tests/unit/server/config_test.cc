#include "server/config/config.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    char name[] = "/tmp/w2t-config-XXXXXX";
    directory_ = mkdtemp(name);
    path_ = fmt::format("{}/w2td.yaml", directory_);
  }
  ~ConfigTest() override { std::filesystem::remove_all(directory_); }

  void Write(std::string_view text) { std::ofstream(path_) << text; }

  static CommandLine Parse(std::vector<std::string> args) {
    std::vector<const char*> argv = {"w2td"};
    for (const std::string& arg : args) argv.push_back(arg.c_str());
    return ParseCommandLine(static_cast<int>(argv.size()), argv.data());
  }
  // What a file with a fault is answered.
  std::string FaultOf(std::string_view text) {
    Write(text);
    Config config;
    const absl::Status status = ApplyConfigFile(path_, &config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(status.message());
  }

  std::string directory_;
  std::string path_;
};

TEST_F(ConfigTest, HasDefaults) {
  const CommandLine line = Parse({"--data", "/x"});
  ASSERT_FALSE(line.exit_code.has_value()) << line.text;
  EXPECT_THAT(line.config.listen, ElementsAre("127.0.0.1:7420"));
  EXPECT_EQ(line.config.data, "/x");
  EXPECT_EQ(line.config.shutdown_grace, absl::Seconds(10));
}

TEST_F(ConfigTest, TakesFlags) {
  const CommandLine line = Parse({"--listen",  "unix:/s",
                                  "--listen",  "h:1",
                                  "--data=/d", "--address-file",
                                  "/a",        "--lease-ttl",
                                  "3s",        "--ping-interval",
                                  "500ms",     "--reattach-window",
                                  "0",         "--shutdown-grace",
                                  "1m",        "--retention",
                                  "720h",      "--log-level",
                                  "debug",     "--stop-with-parent",
                                  "--limit",   "max_tasks=5",
                                  "--limit",   "max_inbox=6"});
  ASSERT_FALSE(line.exit_code.has_value()) << line.text;
  const Config& config = line.config;
  EXPECT_THAT(config.listen, ElementsAre("unix:/s", "h:1"));
  EXPECT_EQ(config.address_file, "/a");
  EXPECT_EQ(config.lease_ttl, absl::Seconds(3));
  EXPECT_EQ(config.ping_interval, absl::Milliseconds(500));
  EXPECT_EQ(config.reattach_window, absl::ZeroDuration());
  EXPECT_EQ(config.shutdown_grace, absl::Minutes(1));
  EXPECT_EQ(config.retention, absl::Hours(720));
  EXPECT_EQ(config.log_level, LogLevel::kDebug);
  EXPECT_TRUE(config.stop_with_parent);
  EXPECT_EQ(config.limits.max_tasks, 5u);
  EXPECT_EQ(config.limits.max_inbox, 6u);
}

TEST_F(ConfigTest, AFlagBeatsTheFileAndTheFileBeatsTheDefault) {
  Write(
      "listen: [unix:/file]\n"
      "data: /file\n"
      "lease-ttl: 7s\n"
      "limits: {max_tasks: 1, max_edges: 2}\n");
  const CommandLine line =
      Parse({"--config", path_, "--data", "/flag", "--limit", "max_tasks=9"});
  ASSERT_FALSE(line.exit_code.has_value()) << line.text;
  EXPECT_THAT(line.config.listen, ElementsAre("unix:/file"));
  EXPECT_EQ(line.config.data, "/flag");
  EXPECT_EQ(line.config.lease_ttl, absl::Seconds(7));
  EXPECT_EQ(line.config.limits.max_tasks, 9u);
  EXPECT_EQ(line.config.limits.max_edges, 2u);
}

TEST_F(ConfigTest, BadFlagsExitWithTwoAndSayWhich) {
  const std::vector<std::vector<std::string>> bad = {
      {"--nonsense"},
      {"--listen", "nowhere"},
      {"--lease-ttl", "soon"},
      {"--lease-ttl", "0"},
      {"--lease-ttl", "-1s"},
      {"--shutdown-grace", "1000h"},
      {"--log-level", "loud"},
      {"--limit", "max_tasks"},
      {"--limit", "max_taks=1"},
      {"--limit", "max_tasks=0"},
      {"--config", "/no/such/file"},
      {"--data", ""},
      {"stray"},
  };
  for (const auto& args : bad) {
    const CommandLine line = Parse(args);
    EXPECT_EQ(line.exit_code, 2) << args[0];
    EXPECT_THAT(line.text, StartsWith("w2td: "));
  }
}

TEST_F(ConfigTest, HelpAndVersionExitWithZero) {
  EXPECT_EQ(Parse({"--help"}).exit_code, 0);
  EXPECT_THAT(Parse({"--help"}).text, HasSubstr("--reattach-window"));
  EXPECT_THAT(Parse({"--version"}).text, StartsWith("w2td "));
}

TEST_F(ConfigTest, FileFaultsHaveTheirPlace) {
  EXPECT_EQ(FaultOf("data: /x\nlisen: h:1\n"),
            fmt::format("{}:2:1: unknown key 'lisen'", path_));
  EXPECT_THAT(FaultOf("lease-ttl: [1s]\n"), HasSubstr(":1:12: lease-ttl"));
  EXPECT_THAT(FaultOf("lease-ttl: soon\n"), HasSubstr(":1:12: lease-ttl"));
  EXPECT_THAT(FaultOf("limits:\n  max_taks: 1\n"),
              HasSubstr(":2:3: unknown limit"));
  EXPECT_THAT(FaultOf("limits: [1]\n"), HasSubstr(":1:9: limits"));
  EXPECT_THAT(FaultOf("limits: {max_tasks: many}\n"), HasSubstr("max_tasks"));
  EXPECT_THAT(FaultOf("listen: {a: b}\n"), HasSubstr(":1:9: listen"));
  EXPECT_THAT(FaultOf("listen: [[a]]\n"), HasSubstr("listen"));
  EXPECT_THAT(FaultOf("- a\n"), HasSubstr(":1:1: the file must be a map"));
  EXPECT_THAT(FaultOf("a: [\n"), StartsWith(path_));
  EXPECT_THAT(FaultOf("stop-with-parent: perhaps\n"), HasSubstr("true or"));
}

TEST_F(ConfigTest, AllFaultsOfAFileAreToldAtOnce) {
  const std::string faults = FaultOf(
      "lisen: h:1\nlease-ttl: soon\nlimits: {max_taks: 1, max_runs: x}\n");
  EXPECT_EQ(std::count(faults.begin(), faults.end(), '\n'), 3) << faults;
  for (const char* place : {":1:1: ", ":2:12: ", ":3:10: ", ":3:23: "}) {
    EXPECT_THAT(faults, HasSubstr(path_ + place));
  }
}

TEST_F(ConfigTest, ALeaseOutlastsSeveralPings) {
  const CommandLine line =
      Parse({"--data=/d", "--lease-ttl", "1s", "--ping-interval", "5s"});
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_THAT(line.text, HasSubstr("lease-ttl is 1s and ping-interval is 5s"));
}

TEST_F(ConfigTest, AnEmptyFileChangesNothing) {
  Write("");
  Config config;
  EXPECT_TRUE(ApplyConfigFile(path_, &config).ok());
  EXPECT_EQ(config.lease_ttl, Config().lease_ttl);
}

TEST_F(ConfigTest, KeepsItsDataWhereTheSystemWantsIt) {
  setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(DefaultDataDirectory(), "/state/w2t");
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", "/home/me", 1);
  EXPECT_EQ(DefaultDataDirectory(), "/home/me/.local/state/w2t");
}

}  // namespace
}  // namespace w2t::server
