// Files of other tools, run by the real programs: process-compose's daemons,
// and docker-compose's containers by a docker that only writes down what it is
// asked for.
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"

namespace w2t::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

using Variables = std::vector<std::pair<std::string, std::string>>;

class ImportTest : public ProgramTest {
 protected:
  // PATH begins with a folder of the test's.
  Variables Environment() const {
    const std::string path = getenv("PATH");
    return {{"PATH", fmt::format("{}:{}", std::string(dir_ / "bin"), path)},
            {"FAKE", dir_ / "fake"},
            {"HOME", dir_ / "fake"}};
  }
  void WriteProgram(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(dir_ / "bin");
    std::filesystem::create_directories(dir_ / "fake");
    const std::string path = dir_.Write("bin/" + name, text);
    ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  }
  bool Exists(const std::string& name) const {
    return std::filesystem::exists(dir_ / name);
  }
};

TEST_F(ImportTest, ADaemonOfProcessComposeStaysUntilItsShutdownCommand) {
  std::filesystem::create_directories(dir_ / "fake");
  const std::string file = dir_.Write(
      "pc.yaml",
      "processes:\n"
      "  server:\n"
      "    command: 'echo launching; (sleep 300 & echo $! > \"$FAKE/pid\"); "
      "sleep 0.2'\n"
      "    is_daemon: true\n"
      "    shutdown: {command: 'kill $(cat $FAKE/pid) && touch $FAKE/down'}\n"
      "  client:\n"
      "    command: 'test -s \"$FAKE/pid\" && echo found'\n"
      "    depends_on: {server: {condition: process_healthy}}\n");
  const CliResult result = RunCli({"run", file}, Environment());
  EXPECT_EQ(result.status.code, 0) << result.ToString();
  EXPECT_THAT(result.out + result.err,
              AllOf(HasSubstr("launching"), HasSubstr("found")));
  EXPECT_TRUE(Exists("fake/down"));
  // The stop was over when its command was, and not when its grace was.
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("KILL")));
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
}

TEST_F(ImportTest, ALauncherThatFailsIsAFailure) {
  const std::string file = dir_.Write(
      "pc.yaml", "processes: {server: {command: exit 4, is_daemon: true}}\n");
  const CliResult result = RunCli({"run", file}, Environment());
  EXPECT_EQ(result.status.code, 1) << result.ToString();
  EXPECT_THAT(result.out + result.err, HasSubstr("4"));
}

TEST_F(ImportTest, VariablesOfCommandsAreSetWhereProcessesRun) {
  const std::string file =
      dir_.Write("pc.yaml",
                 "env_cmds: {WHO: 'echo  it is me', NOT: exit 1}\n"
                 "processes:\n"
                 "  a: {command: 'echo \"$$WHO\" \"${NOT:-unset}\" $LATE'}\n"
                 "environment: [LATE=late]\n");
  const CliResult result = RunCli({"run", file}, Environment());
  EXPECT_EQ(result.status.code, 0) << result.ToString();
  EXPECT_THAT(result.out + result.err, HasSubstr("it is me unset late"));
}

// A container that runs until it is stopped, or until $FAKE/exit.NAME says how
// it ends; its health is what $FAKE/health.NAME says.
constexpr char kDocker[] = R"sh(#!/bin/sh
echo "$*" >> "$FAKE/calls"
if [ "$1" = inspect ]; then
  if [ $# -lt 4 ]; then echo "docker inspect: whom?" >&2; exit 1; fi
  name=${4#id-}
  case "$3" in
    *Health*) cat "$FAKE/health.$name" 2>/dev/null || echo none;;
    *) echo running;;
  esac
  exit
fi
shift
while [ "$1" = -f ] || [ "$1" = -p ]; do shift 2; done
verb=$1
for name; do :; done
case "$verb" in
  up)
    if [ -e "$FAKE/late.$name" ]; then
      until grep -q "ps -q $name" "$FAKE/calls"; do sleep 0.02; done
      sleep 0.1
    fi
    : > "$FAKE/up.$name"
    echo "$name is up"
    if [ -e "$FAKE/exit.$name" ]; then exit "$(cat "$FAKE/exit.$name")"; fi
    until [ -e "$FAKE/stop.$name" ]; do sleep 0.02; done;;
  stop) : > "$FAKE/stop.$name"; echo "stop $name" >> "$FAKE/order";;
  ps) if [ -e "$FAKE/up.$name" ]; then echo "id-$name"; fi;;
esac
)sh";

constexpr char kShop[] =
    "name: shop\n"
    "services:\n"
    "  db: {image: pg, healthcheck: {test: pg_isready}}\n"
    "  init: {image: i, depends_on: {db: {condition: service_healthy}}}\n"
    "  web:\n"
    "    image: w\n"
    "    depends_on: {init: {condition: service_completed_successfully}}\n";

std::vector<std::string> Calls(const std::vector<std::string>& lines,
                               const std::string& verb) {
  std::vector<std::string> calls;
  for (const std::string& line : lines) {
    const size_t at = line.find(" -p shop " + verb);
    if (at != std::string::npos) calls.push_back(line.substr(at + 9));
  }
  return calls;
}

TEST_F(ImportTest, ContainersComeUpInOrderAndAreStoppedInReverse) {
  WriteProgram("docker", kDocker);
  dir_.Write("fake/health.db", "starting\n");
  dir_.Write("fake/exit.init", "0");
  const std::string file = dir_.Write("c.yml", kShop);
  const auto process = StartCli({"run", file}, Environment());
  ASSERT_TRUE(process->WaitForLine("db is up")) << process->err();
  EXPECT_FALSE(Exists("fake/up.init"));
  dir_.Write("fake/health.db", "healthy\n");
  ASSERT_TRUE(process->WaitForLine("web is up")) << process->err();
  process->Signal(SIGINT);
  EXPECT_EQ(process->WaitForExit().code, 130) << process->err();
  const std::vector<std::string> calls = ReadLines(dir_ / "fake/calls");
  EXPECT_THAT(Calls(calls, "create"),
              ::testing::ElementsAre("create db init web"));
  const std::string up = "up --no-deps --no-log-prefix --exit-code-from ";
  EXPECT_THAT(
      Calls(calls, "up"),
      ::testing::ElementsAre(up + "db db", up + "init init", up + "web web"));
  EXPECT_THAT(ReadLines(dir_ / "fake/order"),
              ::testing::ElementsAre("stop web", "stop db"));
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
}

TEST_F(ImportTest, AnUnhealthyContainerFailsWhatWaitsForIt) {
  WriteProgram("docker", kDocker);
  dir_.Write("fake/health.db", "unhealthy\n");
  const CliResult result =
      RunCli({"run", dir_.Write("c.yml", kShop)}, Environment());
  EXPECT_EQ(result.status.code, 1) << result.ToString();
  EXPECT_FALSE(Exists("fake/up.init"));
  EXPECT_THAT(result.out + result.err, HasSubstr("db: not ready"));
}

TEST_F(ImportTest, AContainerThatIsNotThereYetIsNotUnhealthy) {
  WriteProgram("docker", kDocker);
  dir_.Write("fake/late.db", "");
  dir_.Write("fake/health.db", "healthy\n");
  const auto process =
      StartCli({"run", dir_.Write("c.yml", kShop)}, Environment());
  EXPECT_TRUE(process->WaitForLine("init is up")) << process->out();
  process->Signal(SIGINT);
  EXPECT_EQ(process->WaitForExit().code, 130) << process->err();
}

TEST_F(ImportTest, AContainersExitCodeCounts) {
  WriteProgram("docker", kDocker);
  dir_.Write("fake/health.db", "healthy\n");
  dir_.Write("fake/exit.init", "7");
  const CliResult result =
      RunCli({"run", dir_.Write("c.yml", kShop)}, Environment());
  EXPECT_EQ(result.status.code, 1) << result.ToString();
  EXPECT_THAT(result.out + result.err, HasSubstr("7"));
  EXPECT_FALSE(Exists("fake/up.web"));
}

TEST_F(ImportTest, ATargetThatEndsEndsTheRun) {
  WriteProgram("docker", kDocker);
  dir_.Write("fake/health.db", "healthy\n");
  dir_.Write("fake/exit.init", "0");
  const CliResult result =
      RunCli({"run", dir_.Write("c.yml", kShop), "init"}, Environment());
  EXPECT_EQ(result.status.code, 0) << result.ToString();
  EXPECT_THAT(ReadLines(dir_ / "fake/calls"),
              Contains(HasSubstr("create db init")));
  EXPECT_FALSE(Exists("fake/up.web"));
}

TEST_F(ImportTest, WithoutADockerCliItSaysSo) {
  WriteProgram("docker", "#!/bin/sh\nexit 1\n");
  const CliResult result =
      RunCli({"run", dir_.Write("c.yml", kShop)}, Environment());
  EXPECT_EQ(result.status.code, 1) << result.ToString();
  EXPECT_THAT(result.out + result.err,
              HasSubstr("has no docker CLI with the compose plugin"));
}

}  // namespace
}  // namespace w2t::test
