#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "client/cli/completion_spec.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client_cli/cli_run.h"

namespace w2t::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// What bash offers for the last word of a command line.
std::string Complete(const std::string& words) {
  const TempFile script(RunWith({"completion", "bash"}).out);
  const TempFile driver(fmt::format(
      "source {}\nCOMP_WORDS=({})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
      "_w2t 2>/dev/null\necho \"${{COMPREPLY[*]}}\"\n",
      script.path(), words));
  FILE* shell = popen(fmt::format("bash {}", driver.path()).c_str(), "r");
  std::string text;
  for (int c = fgetc(shell); c != EOF; c = fgetc(shell)) {
    text.push_back(static_cast<char>(c));
  }
  pclose(shell);
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

TEST(ReadSpec, HasEveryCommandAndFlag) {
  std::ostringstream sink;
  Context context{.out = sink, .err = sink};
  const auto app = MakeApp(context);
  const CompletionSpec spec = ReadSpec(*app);
  std::vector<std::string> names;
  for (const CommandSpec& command : spec.commands) {
    names.push_back(command.name);
    EXPECT_NE(command.description, "") << command.name;
    for (const OptionSpec& option : command.options) {
      EXPECT_NE(option.description, "") << command.name;
    }
  }
  EXPECT_THAT(names, UnorderedElementsAre(
                         "run", "up", "down", "ps", "restart", "apply", "scale",
                         "submit", "watch", "status", "list", "logs", "cancel",
                         "validate", "plan", "explain", "critical-chain",
                         "workers", "drain", "completion", "version"));
}

TEST(Completion, EveryScriptKnowsEveryFlag) {
  std::ostringstream sink;
  Context context{.out = sink, .err = sink};
  const auto app = MakeApp(context);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = RunWith({"completion", shell}).out;
    for (const CommandSpec& command : ReadSpec(*app).commands) {
      EXPECT_THAT(script, HasSubstr(command.name)) << shell;
      for (const OptionSpec& option : command.options) {
        const std::string flag =
            std::string(shell) == "fish" && option.flags[0].starts_with("--")
                ? "-l " + option.flags[0].substr(2)
                : option.flags[0];
        EXPECT_THAT(script, HasSubstr(flag)) << shell << command.name;
      }
    }
  }
}

TEST(Completion, IsMadeForThreeShells) {
  EXPECT_EQ(RunWith({"completion", "tcsh"}).exit_code, 2);
  EXPECT_THAT(RunWith({"completion", "zsh"}).out, HasSubstr("#compdef w2t"));
  EXPECT_THAT(RunWith({"completion", "bash", "-o", "json"}).out,
              HasSubstr(R"({"shell":"bash","script":"#)"));
}

TEST(BashCompletion, OffersCommandsFlagsAndValues) {
  if (std::system("bash -c true") != 0) GTEST_SKIP() << "there is no bash";
  EXPECT_EQ(Complete("w2t pl"), "plan");
  EXPECT_EQ(Complete("w2t plan --sl"), "--slots");
  EXPECT_EQ(Complete("w2t plan --format w"), "wfformat");
  EXPECT_EQ(Complete("w2t -o ''"), "text json");
  EXPECT_EQ(Complete("w2t -o json run --keep"), "--keep-dir");
  EXPECT_EQ(Complete("w2t completion ''"), "bash zsh fish");
  EXPECT_EQ(Complete("w2t run --col"), "--color");
}

}  // namespace
}  // namespace w2t::cli
