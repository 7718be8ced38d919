// The command line, against a daemon: what it prints, and how it ends.
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"
#include "tests/support/json.h"
#include "tests/support/trace.h"

namespace w2t::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CliTest : public FleetTest {
 protected:
  std::string Hello() const {
    return dir_.Write("hello.yaml",
                      "name: hello\ntasks: {hello: echo hello there}\n");
  }
  // Ends when the file `go` is there.
  std::string Gated() const {
    return dir_.Write(
        "gated.yaml",
        fmt::format("name: gated\n"
                    "tasks:\n"
                    "  gate: |\n"
                    "    echo first line\n"
                    "    {}\n"
                    "    echo last line\n"
                    "  after: {{command: 'true', depends_on: [gate]}}\n",
                    WaitForFile(dir_ / "go")));
  }
};

TEST_F(CliTest, RunEndsWithTheRunsOwnExitCode) {
  StartFleet(2);
  CliResult result = Cli({"run", Hello()});
  EXPECT_EQ(result.status.code, 0) << result.ToString();
  EXPECT_THAT(result.out + result.err, HasSubstr("hello there"));
  result = Cli({"run", dir_.Write("bad.yaml", "tasks: {bad: exit 7}\n")});
  EXPECT_EQ(result.status.code, 1) << result.ToString();
  EXPECT_THAT(result.out + result.err, HasSubstr("bad"));
  EXPECT_THAT(result.out + result.err, HasSubstr("7"));
}

TEST_F(CliTest, ShortTaskIsToldInFullEachTime) {
  StartFleet(1);
  const std::string path =
      dir_.Write("short.yaml", "tasks: {a: 'echo oops >&2; exit 3'}\n");
  for (int i = 0; i < 6; ++i) {
    const CliResult result = Cli({"run", path});
    EXPECT_EQ(result.status.code, 1) << result.ToString();
    EXPECT_THAT(result.out,
                ::testing::StartsWith("start  a  (attempt 1 on w1)\n"
                                      "a | oops\n"
                                      "FAIL   a  exit code 3  after 0."));
  }
}

TEST_F(CliTest, FaultyFileIsRefusedWithItsPlaceAndNothingRuns) {
  StartFleet(1);
  const std::string path = dir_.Write("faulty.yaml",
                                      "tasks:\n"
                                      "  a: {command: 'true', colour: red}\n"
                                      "  b: {command: 'true', "
                                      "depends_on: [aa]}\n"
                                      "  c: {depends_on: a}\n");
  for (const char* command : {"run", "submit", "validate", "plan"}) {
    SCOPED_TRACE(command);
    const CliResult result = Cli({command, path});
    EXPECT_EQ(result.status.code, 2) << result.ToString();
    EXPECT_THAT(result.out + result.err,
                AllOf(HasSubstr("faulty.yaml:2:"), HasSubstr("colour"),
                      HasSubstr("faulty.yaml:3:"), HasSubstr("aa")));
  }
  EXPECT_EQ(Cli({"run", dir_ / "absent.yaml"}).status.code, 2);
  EXPECT_EQ(TextAt(ParseJson(Cli({"-o", "json", "list"}).out), "runs.0.run_id"),
            "");
}

TEST_F(CliTest, BadUsageEndsWith2) {
  EXPECT_EQ(RunCli({}).status.code, 2);
  EXPECT_EQ(RunCli({"rum"}).status.code, 2);
  EXPECT_EQ(RunCli({"run"}).status.code, 2);
  EXPECT_EQ(RunCli({"list", "--no-such-flag"}).status.code, 2);
  EXPECT_EQ(RunCli({"--server", "nonsense", "list"}).status.code, 2);
  EXPECT_EQ(RunCli({"-o", "xml", "list"}).status.code, 2);
}

TEST_F(CliTest, UnreachableServerEndsWith3) {
  const std::string nowhere = "unix:" + (dir_ / "nobody.sock");
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"list"},
                                             {"workers"},
                                             {"status", "x-1"},
                                             {"watch", "x-1"},
                                             {"logs", "x-1", "t"},
                                             {"cancel", "x-1"},
                                             {"submit", Hello()},
                                             {"run", Hello()}}) {
    std::vector<std::string> all = {"--server", nowhere};
    all.insert(all.end(), args.begin(), args.end());
    const CliResult result = RunCli(all);
    EXPECT_EQ(result.status.code, 3) << args[0] << result.ToString();
    EXPECT_THAT(result.err, HasSubstr("nobody.sock")) << args[0];
  }
  // Named by the environment: not a reason to start a server of one's own.
  const CliResult result = RunCli({"run", Hello()}, {{"W2T_SERVER", nowhere}});
  EXPECT_EQ(result.status.code, 3) << result.ToString();
}

TEST_F(CliTest, UnknownRunsAndTasksAreNamed) {
  StartFleet(1);
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"status", "nobody-9"},
                                             {"watch", "nobody-9"},
                                             {"logs", "nobody-9", "t"},
                                             {"cancel", "nobody-9"}}) {
    const CliResult result = Cli(args);
    EXPECT_NE(result.status.code, 0) << args[0];
    EXPECT_THAT(result.err, HasSubstr("nobody-9")) << args[0];
    EXPECT_THAT(result.err, Not(HasSubstr("terminate"))) << args[0];
  }
}

TEST_F(CliTest, InterruptedRunIsCancelledAndEndsWith130) {
  StartFleet(1);
  const auto process =
      StartCli({"--server", daemon_->address(), "run", Gated()});
  ASSERT_TRUE(Eventually([this] {
    return Cli({"list"}).out.find("gated-1") != std::string::npos;
  }));
  ASSERT_TRUE(client_->WaitForTask("gated-1", "gate", v1::TASK_STATE_RUNNING));
  process->Signal(SIGINT);
  const ExitStatus status = process->WaitForExit();
  EXPECT_EQ(status.code, 130)
      << status.ToString() << process->out() << process->err();
  EXPECT_EQ(client_->WaitForEnd("gated-1").state(), v1::RUN_STATE_CANCELLED);
}

TEST_F(CliTest, RunOnASharedServerGoesOnWhenNobodyReadsItAnyMore) {
  StartFleet(1);
  // It goes on printing, so that the loss is noticed.
  const std::string path = dir_.Write(
      "ticks.yaml", fmt::format("tasks:\n"
                                "  t: |\n"
                                "    until [ -e {} ]; do\n"
                                "      echo tick; sleep 0.02; done\n",
                                dir_ / "go"));
  for (const char* reader : {"| head -n 1", ">/dev/full"}) {
    SCOPED_TRACE(reader);
    std::filesystem::remove(dir_ / "go");
    Process shell(
        {.argv = {"/bin/sh", "-c",
                  fmt::format("{{ {} --server {} run {}; echo "
                              "\"rc=$?\" >&2; }} {}",
                              CliPath(), daemon_->address(), path, reader)}});
    EXPECT_EQ(shell.WaitForExit().code, 0);
    EXPECT_THAT(shell.err(), AllOf(HasSubstr("goes on"), HasSubstr("rc=1")));
    const std::string run_id =
        TextAt(ParseJson(Cli({"-o", "json", "list"}).out), "runs.0.run_id");
    EXPECT_EQ(client_->GetRun(run_id).state(), v1::RUN_STATE_RUNNING);
    dir_.Write("go", "");
    EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  }
}

TEST_F(CliTest, SubmitWatchStatusListAndCancelTellTheSameStory) {
  StartFleet(2);
  const CliResult submitted = Cli({"submit", Gated()});
  EXPECT_EQ(submitted.status.code, 0) << submitted.ToString();
  EXPECT_EQ(submitted.out, "gated-1\n");
  ASSERT_TRUE(client_->WaitForTask("gated-1", "gate", v1::TASK_STATE_RUNNING));
  EXPECT_THAT(Cli({"status", "gated-1"}).out,
              AllOf(HasSubstr("gated-1"), HasSubstr("running"),
                    HasSubstr("gate"), HasSubstr("waiting")));
  EXPECT_THAT(Cli({"list"}).out,
              AllOf(HasSubstr("gated-1"), HasSubstr("running")));
  EXPECT_THAT(Cli({"workers"}).out,
              AllOf(HasSubstr("w1"), HasSubstr("online")));
  const auto watch =
      StartCli({"--server", daemon_->address(), "watch", "gated-1"});
  ASSERT_TRUE(watch->WaitForLine("gate"));
  const CliResult cancelled = Cli({"cancel", "gated-1", "--reason", "enough"});
  EXPECT_EQ(cancelled.status.code, 0) << cancelled.ToString();
  EXPECT_EQ(watch->WaitForExit().code, 1) << watch->out() << watch->err();
  EXPECT_THAT(Cli({"status", "gated-1"}).out,
              AllOf(HasSubstr("cancelled"), HasSubstr("enough")));
}

TEST_F(CliTest, JsonHasTheProtocolsFieldNames) {
  StartFleet(2);
  const auto json = [this](std::vector<std::string> args) {
    args.insert(args.begin(), {"-o", "json"});
    const CliResult result = Cli(std::move(args));
    EXPECT_EQ(result.status.code, 0) << result.ToString();
    return ParseJson(result.out);
  };
  EXPECT_EQ(TextAt(json({"submit", Gated()}), "run_id"), "gated-1");
  ASSERT_TRUE(client_->WaitForTask("gated-1", "gate", v1::TASK_STATE_RUNNING));
  const auto workers = json({"workers"});
  EXPECT_EQ(TextAt(workers, "workers.0.name"), "w1");
  EXPECT_EQ(TextAt(workers, "workers.0.state"), "WORKER_STATE_ONLINE");
  EXPECT_EQ(TextAt(workers, "workers.0.leases"), "1");
  const auto open = json({"status", "gated-1"});
  EXPECT_EQ(TextAt(open, "tasks.0.name"), "gate");
  EXPECT_EQ(TextAt(open, "tasks.1.name"), "after");
  EXPECT_EQ(TextAt(open, "tasks.1.why"), "waits for gate");
  dir_.Write("go", "");
  client_->WaitForEnd("gated-1");
  const auto list = json({"list"});
  EXPECT_EQ(TextAt(list, "runs.0.run_id"), "gated-1");
  EXPECT_EQ(TextAt(list, "runs.0.state"), "RUN_STATE_SUCCEEDED");
  EXPECT_EQ(TextAt(list, "runs.0.exit_code"), "0");
  const auto status = json({"status", "gated-1", "--tasks"});
  EXPECT_EQ(TextAt(status, "run.run_id"), "gated-1");
  EXPECT_EQ(TextAt(status, "run.counts.succeeded"), "2");
  EXPECT_EQ(TextAt(status, "tasks.0.name"), "gate");
  EXPECT_EQ(TextAt(status, "tasks.0.state"), "TASK_STATE_SUCCEEDED");
  EXPECT_NE(TextAt(status, "tasks.0.start_time"), "");
  EXPECT_NE(TextAt(json({"version"}), "server.version"), "");
  EXPECT_EQ(TextAt(json({"validate", Gated()}), "valid"), "true");
}

TEST_F(CliTest, RunAndWatchAsJsonAreOneObjectALine) {
  StartFleet(2);
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"run", Hello()},
                                             {"watch", "hello-1"}}) {
    std::vector<std::string> all = {"-o", "json"};
    all.insert(all.end(), args.begin(), args.end());
    const CliResult result = Cli(all);
    EXPECT_EQ(result.status.code, 0) << result.ToString();
    const std::vector<std::string> lines = SplitLines(result.out);
    ASSERT_FALSE(lines.empty());
    for (const auto& line : lines) {
      EXPECT_TRUE(ParseJson(line).has_struct_value()) << line;
    }
    EXPECT_THAT(result.out, HasSubstr("RUN_STATE_SUCCEEDED"));
  }
}

TEST_F(CliTest, LogsAreShownAndFollowed) {
  StartFleet(1);
  ASSERT_EQ(Cli({"submit", Gated()}).status.code, 0);
  const auto follower = StartCli(
      {"--server", daemon_->address(), "logs", "-f", "gated-1", "gate"});
  ASSERT_TRUE(follower->WaitForLine("first line"))
      << follower->out() << follower->err();
  const CliResult now = Cli({"logs", "gated-1", "gate"});
  EXPECT_EQ(now.status.code, 0);
  EXPECT_THAT(now.out,
              AllOf(HasSubstr("first line"), Not(HasSubstr("last line"))));
  EXPECT_THAT(Cli({"logs", "gated-1", "after"}).err,
              HasSubstr("after has not been started; it is waiting"));
  dir_.Write("go", "");
  EXPECT_EQ(follower->WaitForExit().code, 0) << follower->err();
  EXPECT_EQ(follower->out(), "first line\nlast line\n");
  client_->WaitForEnd("gated-1");
  EXPECT_EQ(Cli({"logs", "gated-1", "gate"}).out, "first line\nlast line\n");
}

TEST_F(CliTest, WatchGoesOnWhenTheDaemonIsStartedAnew) {
  StartFleet(1);
  ASSERT_EQ(Cli({"submit", Gated()}).status.code, 0);
  const auto watch =
      StartCli({"--server", daemon_->address(), "watch", "gated-1"});
  ASSERT_TRUE(watch->WaitForLine("gate"));
  ASSERT_TRUE(client_->WaitForTask("gated-1", "gate", v1::TASK_STATE_RUNNING));
  daemon_->Kill();
  RestartDaemon();
  dir_.Write("go", "");
  EXPECT_EQ(watch->WaitForExit().code, 0) << watch->out() << watch->err();
}

TEST_F(CliTest, RepeatedRequestIdIsTheSameRun) {
  StartFleet(1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Cli({"submit", Hello(), "--request-id", "r1"}).out, "hello-1\n");
  }
}

TEST_F(CliTest, PlanNeedsNoServer) {
  const std::string path =
      dir_.Write("example.yaml",
                 "name: example\n"
                 "tasks:\n"
                 "  setup_db: {command: sleep 0.2, estimate: 200ms}\n"
                 "  download_assets: {command: sleep 0.3, estimate: 300ms}\n"
                 "  start_server: {command: sleep 0.1, estimate: 100ms,\n"
                 "    depends_on: [setup_db]}\n"
                 "  run_tests: {command: sleep 0.2, estimate: 200ms,\n"
                 "    depends_on: [start_server, download_assets]}\n");
  const CliResult plan = RunCli({"plan", path, "--slots", "2"});
  EXPECT_EQ(plan.status.code, 0) << plan.ToString();
  EXPECT_THAT(plan.out, AllOf(HasSubstr("3 steps"), HasSubstr("500ms")));
  const auto json =
      ParseJson(RunCli({"-o", "json", "plan", path, "--slots", "2"}).out);
  EXPECT_EQ(TextAt(json, "step_count"), "3");
  EXPECT_EQ(TextAt(json, "expected_length"), "0.500s");

  // It ends as planned: what may start does, whatever else runs in its step.
  StartFleet(2);
  const CliResult run = Cli({"run", path});
  EXPECT_EQ(run.status.code, 0) << run.ToString();
  const Trace trace(*client_, daemon_->address(), "example-1");
  EXPECT_LT(trace.Started("start_server"), trace.Ended("download_assets"))
      << trace.ToString();
  EXPECT_TRUE(trace.Before("setup_db", "start_server"));
  EXPECT_TRUE(trace.Before("start_server", "run_tests"));
  EXPECT_TRUE(trace.Before("download_assets", "run_tests"));
  // Nothing lies between the end of the last dependency and the start but the
  // word that it is ready: no other event, hence no wait.
  const uint64_t last_dependency =
      std::max(trace.Ended("start_server"), trace.Ended("download_assets"));
  EXPECT_EQ(trace.FirstSeq("run_tests", v1::TASK_STATE_LEASED),
            last_dependency + 2)
      << trace.ToString();
}

TEST_F(CliTest, ExplainsWhatATaskWaitsForAndWhatTookSoLong) {
  const std::string path =
      dir_.Write("waits.yaml",
                 "name: waits\n"
                 "services:\n"
                 "  db: {command: sleep 1000, ready: \"exec:test -e " +
                     std::string(dir_ / "ready") +
                     "\"}\n"
                     "tasks:\n"
                     "  migrate: {command: 'true', depends_on: [db]}\n"
                     "  smoke: {command: 'true', depends_on: [migrate]}\n"
                     "  big: {command: 'true', resources: {cpus: 2}}\n");
  StartFleet(1);
  const std::string run_id = Cli({"submit", path}).out;
  ASSERT_TRUE(client_->WaitForTask("waits-1", "db", v1::TASK_STATE_RUNNING))
      << run_id;
  const CliResult smoke = Cli({"explain", "smoke"});
  EXPECT_EQ(smoke.status.code, 0) << smoke.ToString();
  EXPECT_THAT(smoke.out,
              AllOf(HasSubstr("smoke: waiting\n"),
                    HasSubstr("\n  migrate must have succeeded: waiting\n"),
                    HasSubstr("\n    db must be ready: running on w1 for "),
                    HasSubstr("waits for its probe exec:test -e ")));
  EXPECT_THAT(Cli({"explain", "big", "--run", "waits-1"}).out,
              HasSubstr("big: ready; no connected worker has 2 cpus"));
  const CliResult typo = Cli({"explain", "smok"});
  EXPECT_EQ(typo.status.code, 2) << typo.ToString();
  EXPECT_THAT(typo.err, HasSubstr("has no task 'smok'; did you mean 'smoke'?"));

  dir_.Write("ready", "");
  AddWorker({.name = "w2", .slots = 2});
  EXPECT_EQ(client_->WaitForEnd("waits-1").state(), v1::RUN_STATE_SUCCEEDED);
  const CliResult chain = Cli({"critical-chain"});
  EXPECT_EQ(chain.status.code, 0) << chain.ToString();
  EXPECT_THAT(chain.out, HasSubstr("waits-1: "));
  EXPECT_THAT(Cli({"-o", "json", "critical-chain"}).out,
              HasSubstr(R"({"links":[{"task":{"name":")"));
}

TEST_F(CliTest, VersionAndCompletionNeedNoServer) {
  EXPECT_THAT(RunCli({"version"}).out, HasSubstr("w2t "));
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const CliResult result = RunCli({"completion", shell});
    EXPECT_EQ(result.status.code, 0) << result.ToString();
    EXPECT_THAT(result.out, HasSubstr("validate")) << shell;
  }
  EXPECT_EQ(RunCli({"completion", "cmd"}).status.code, 2);
  const CliResult help = RunCli({"--help"});
  EXPECT_EQ(help.status.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("run"), HasSubstr("130")));
}

TEST_F(CliTest, PipedOutputHasNoColoursAndNoControlCharacters) {
  StartFleet(1);
  const CliResult result = Cli({"run", Hello()});
  EXPECT_EQ(result.status.code, 0);
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(result.out, Not(HasSubstr("\r")));
}

}  // namespace
}  // namespace w2t::test
