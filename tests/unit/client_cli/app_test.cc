#include "client/cli/app.h"

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client_cli/cli_run.h"

namespace w2t::cli {
namespace {

using ::testing::HasSubstr;

constexpr char kWhen2Task[] = R"(name: when2task
tasks:
  setup_db: {command: "true", estimate: 200ms}
  download_assets: {command: "true", estimate: 300ms}
  start_server: {command: "true", estimate: 100ms, depends_on: [setup_db]}
  run_tests:
    command: "true"
    estimate: 200ms
    depends_on: [start_server, download_assets]
)";
constexpr char kFaulty[] = R"(tasks:
  a: {command: x, depends_on: [zz]}
  b: {command: y, colour: red}
)";
constexpr char kNowhere[] = "unix:/nonexistent/w2td.sock";

TEST(Usage, HelpTellsCommandsAndExitCodes) {
  const CliResult help = RunWith({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("completion"));
  EXPECT_THAT(help.out, HasSubstr("130  interrupted"));
  EXPECT_EQ(help.err, "");
  EXPECT_THAT(RunWith({"run", "--help"}).out, HasSubstr("--keep-dir"));
}

TEST(Usage, MistakesEndWith2AndSayWhereToLook) {
  EXPECT_THAT(RunWith({}).err, HasSubstr("name a command"));
  const CliResult unknown = RunWith({"sumbit", "x"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean `submit`?"));
  const CliResult missing = RunWith({"plan"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("see `w2t plan --help`"));
  EXPECT_EQ(RunWith({"list", "-o", "yaml"}).exit_code, 2);
  EXPECT_EQ(RunWith({"plan", "x", "--slots", "0"}).exit_code, 2);
  EXPECT_EQ(RunWith({"plan", "x", "--slots", "many"}).exit_code, 2);
  EXPECT_EQ(RunWith({"list", "--frobnicate"}).exit_code, 2);
}

TEST(Usage, FlagsThatWouldDoNothingAreRefused) {
  const TempFile file(kWhen2Task);
  for (const std::vector<std::string>& flag :
       std::vector<std::vector<std::string>>{{"--slots", "2"},
                                             {"--keep-dir"}}) {
    std::vector<std::string> args = {"-s", kNowhere, "run", file.path()};
    args.insert(args.end(), flag.begin(), flag.end());
    const CliResult result = RunWith(args);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr(flag[0] + " is for the worker"));
  }
  for (const char* scale : {"0", "-1", "nan", "inf", "x"}) {
    const CliResult result =
        RunWith({"plan", file.path(), "--time-scale", scale});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("is not a number above 0"));
  }
  EXPECT_THAT(RunWith({"plan", file.path(), "--time-scale", "2"}).err,
              HasSubstr("--time-scale is for WfFormat traces"));
  EXPECT_EQ(RunWith({"logs", "r", "t", "--attempt", "0"}).exit_code, 2);
}

TEST(Usage, GlobalFlagsStandBeforeOrAfterTheCommand) {
  EXPECT_EQ(RunWith({"-o", "json", "version"}).out,
            RunWith({"version", "-o", "json"}).out);
}

TEST(Server, UnreachableOneIsNamedAndEndsWith3) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"list"},
                                             {"status", "x-1"},
                                             {"watch", "x-1"},
                                             {"logs", "x-1", "a"},
                                             {"cancel", "x-1"},
                                             {"workers"},
                                             {"drain", "w"},
                                             {"version"}}) {
    std::vector<std::string> args = {"--server", kNowhere};
    args.insert(args.end(), command.begin(), command.end());
    const CliResult result = RunWith(args);
    EXPECT_EQ(result.exit_code, 3) << command[0] << result.err;
    EXPECT_THAT(result.err,
                HasSubstr(fmt::format("cannot reach w2td at {}: no such file "
                                      "or directory",
                                      kNowhere)));
  }
}

TEST(Server, AddressOfNoFormEndsWith2) {
  const CliResult result = RunWith({"--server", "nowhere", "list"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("write HOST:PORT or unix:PATH"));
}

TEST(Plan, ShowsStepsCriticalPathAndLength) {
  const TempFile file(kWhen2Task);
  const CliResult plan = RunWith({"plan", file.path(), "--slots", "2"});
  EXPECT_EQ(plan.exit_code, 0);
  EXPECT_THAT(plan.out, HasSubstr("4 tasks in 3 steps"));
  EXPECT_THAT(plan.out, HasSubstr("expected length  500ms with 2 slots"));
  const CliResult sooner = RunWith({"plan", file.path(), "--slots", "2", "--if",
                                    "setup_db=0s", "--if", "run_tests=100ms"});
  EXPECT_EQ(sooner.exit_code, 0);
  EXPECT_THAT(sooner.out, HasSubstr("expected length  400ms with 2 slots"));
  EXPECT_THAT(sooner.out,
              HasSubstr("supposed: 100ms sooner than the 500ms of the file"));
  const CliResult later =
      RunWith({"plan", file.path(), "--slots", "2", "--if", "run_tests=1s"});
  EXPECT_THAT(later.out, HasSubstr("supposed: 800ms later than the 500ms"));
  EXPECT_THAT(RunWith({"plan", file.path(), "--if", "setup_bd=1s"}).err,
              HasSubstr("did you mean \"setup_db\"?"));
  for (const char* wrong : {"setup_db", "setup_db=", "setup_db=-1s", "=1s"}) {
    EXPECT_EQ(RunWith({"plan", file.path(), "--if", wrong}).exit_code, 2)
        << wrong;
  }
  EXPECT_THAT(plan.out, HasSubstr("setup_db -> start_server -> run_tests"));
}

TEST(Plan, SaysWhichLengthsAreAssumed) {
  const TempFile file("tasks: {a: echo, b: {command: echo, estimate: 2s}}\n");
  EXPECT_THAT(RunWith({"plan", file.path()}).out,
              HasSubstr("assumed: 1 task without an estimate"));
  EXPECT_THAT(RunWith({"-o", "json", "plan", file.path()}).out,
              HasSubstr(R"("name":"a","service":false,"estimate":"1s",)"
                        R"("estimate_assumed":true)"));
}

TEST(Plan, IsAnObjectForPrograms) {
  const TempFile file(kWhen2Task);
  const CliResult plan =
      RunWith({"-o", "json", "plan", file.path(), "--slots", "1"});
  EXPECT_THAT(plan.out, HasSubstr(R"("step_count":3)"));
  EXPECT_THAT(plan.out, HasSubstr(R"("expected_length":"0.800s")"));
  EXPECT_THAT(plan.out, HasSubstr(R"("critical_path_length":"0.500s")"));
  EXPECT_EQ(plan.out.find('\n'), plan.out.size() - 1);
}

TEST(Validate, TellsAllFaultsWithTheirPlaces) {
  const TempFile file(kFaulty);
  for (const char* command : {"validate", "plan", "run", "submit"}) {
    const CliResult result = RunWith({command, file.path()});
    EXPECT_EQ(result.exit_code, 2) << command;
    EXPECT_THAT(result.err, HasSubstr(file.path() + ":2:")) << command;
    EXPECT_THAT(result.err, HasSubstr(file.path() + ":3:")) << command;
    EXPECT_EQ(result.out, "") << command;
  }
}

TEST(Validate, FaultsAreAnObjectForPrograms) {
  const TempFile file(kFaulty);
  const CliResult result = RunWith({"validate", "-o", "json", file.path()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, HasSubstr(R"({"valid":false,"faults":[{"file":)"));
  EXPECT_THAT(result.out, HasSubstr(R"("line":3)"));
}

TEST(Validate, AcceptsAGoodFileWithoutAServer) {
  const TempFile file(kWhen2Task);
  EXPECT_THAT(RunWith({"validate", file.path()}).out,
              HasSubstr("valid; 4 tasks in 3 steps, critical path 500ms"));
  EXPECT_THAT(RunWith({"validate", file.path(), "-o", "json"}).out,
              HasSubstr(R"("valid":true)"));
}

TEST(Version, NeedsNoServer) {
  const CliResult result = RunWith({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out.rfind("w2t ", 0), 0u);
  EXPECT_THAT(RunWith({"version", "-o", "json"}).out,
              HasSubstr(R"("client_version":")"));
}

TEST(Colours, ComeWhenTheyAreAskedFor) {
  const TempFile file(kWhen2Task);
  EXPECT_EQ(RunWith({"plan", file.path()}).out.find('\x1b'), std::string::npos);
  EXPECT_THAT(RunWith({"--color", "always", "plan", file.path()}).out,
              HasSubstr("\x1b[1m"));
}

TEST(Colours, FollowNoColor) {
  std::ostringstream out;
  Context context{.out = out, .err = out, .live = true};
  EXPECT_TRUE(context.palette().on());
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(context.palette().on());
  context.color = "always";
  EXPECT_TRUE(context.palette().on());
  unsetenv("NO_COLOR");
}

}  // namespace
}  // namespace w2t::cli
