// How commands take graph files.
#include <cstdlib>

#include "gmock/gmock.h"
#include "tests/unit/client_cli/cli_run.h"

namespace w2t::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(GraphInput, FurtherFilesCountOnTopOfTheFirst) {
  const TempFile base("tasks: {a: x, b: {command: x, depends_on: [a]}}\n");
  const TempFile more("tasks: {a: {estimate: 7s}, c: x}\n");
  const TempFile bad("tasks: {b: {depends_on: [nobody]}}\n");
  EXPECT_THAT(
      RunWith({"plan", base.path(), "-f", more.path()}).out,
      AllOf(HasSubstr("3 tasks in 2 steps"), HasSubstr("critical path    8s")));
  EXPECT_THAT(RunWith({"validate", base.path(), "-f", more.path(), "--file",
                       bad.path()})
                  .err,
              AllOf(HasSubstr(bad.path() + ":1:26: "),
                    HasSubstr("1 fault in " + base.path() + ", " + more.path() +
                              ", " + bad.path())));
}

TEST(GraphInput, VariablesAreThoseOfTheEnvironment) {
  const TempFile file("name: ${W2T_TEST_NAME:?say which}\ntasks: {a: x}\n");
  unsetenv("W2T_TEST_NAME");
  EXPECT_THAT(
      RunWith({"plan", file.path()}).err,
      HasSubstr(file.path() + ":1:7: the variable W2T_TEST_NAME is not set or "
                              "empty: say which"));
  setenv("W2T_TEST_NAME", "shop", 1);
  EXPECT_THAT(RunWith({"plan", file.path()}).out, HasSubstr("shop: 1 task"));
  unsetenv("W2T_TEST_NAME");
}

TEST(GraphInput, TargetsAndWhatTheyNeedAreAllThereIs) {
  const TempFile file(
      "tasks: {a: x, b: {command: x, depends_on: [a]}, c: x}\n");
  EXPECT_THAT(RunWith({"plan", file.path(), "b"}).out,
              AllOf(HasSubstr("2 tasks in 2 steps"), Not(HasSubstr(" c "))));
  EXPECT_THAT(RunWith({"validate", file.path(), "c", "a"}).out,
              HasSubstr("2 tasks in 1 step"));
  const CliResult unknown = RunWith({"run", file.path(), "d"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("there is no task \"d\""));
}

TEST(GraphInput, ProfilesAreNamedByOptionOrByTheEnvironment) {
  const TempFile file(
      "tasks: {a: x, b: {command: x, profiles: [p]}, c: {command: x, "
      "profiles: [q]}}\n");
  EXPECT_THAT(RunWith({"plan", file.path()}).out, HasSubstr("1 task in"));
  EXPECT_THAT(RunWith({"plan", file.path(), "--profile", "p"}).out,
              HasSubstr("2 tasks in"));
  EXPECT_THAT(
      RunWith({"plan", "--profile", "p", "--profile", "q", file.path()}).out,
      HasSubstr("3 tasks in"));
  setenv("W2T_PROFILES", "q,p", 1);
  EXPECT_THAT(RunWith({"plan", file.path()}).out, HasSubstr("3 tasks in"));
  unsetenv("W2T_PROFILES");
  EXPECT_THAT(RunWith({"plan", file.path(), "--profile", "r"}).err,
              HasSubstr("w2t: note: no task has the profile \"r\""));
}

TEST(GraphInput, ComposeFilesArePlannedAndChecked) {
  const TempFile file(
      "services: {db: {image: x, healthcheck: {test: \"true\"}}, web: {image: "
      "y, depends_on: [db]}}\n");
  const CliResult plan = RunWith({"plan", file.path()});
  EXPECT_EQ(plan.exit_code, 0);
  EXPECT_THAT(plan.out, HasSubstr("2 tasks in 2 steps"));
  EXPECT_THAT(RunWith({"validate", file.path()}).err,
              AllOf(HasSubstr("nobody waits for it"),
                    HasSubstr("not carried over: image")));
}

}  // namespace
}  // namespace w2t::cli
