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

}  // namespace
}  // namespace w2t::cli
