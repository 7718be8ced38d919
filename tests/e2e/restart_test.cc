// Clients through a restart of their daemon: they wait for it, go on where they
// were, and show everything once.
#include <signal.h>

#include <chrono>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"
#include "tests/support/json.h"

namespace w2t::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kLines = 300;
constexpr int kSteps = 40;

class RestartTest : public FleetTest {
 protected:
  // "chatty" prints its lines slowly, then waits for the file `go`; beside it a
  // chain of tasks; a failure comes last.
  std::string Graph() const {
    std::string text = fmt::format(
        "name: long\n"
        "tasks:\n"
        "  chatty: |\n"
        "    i=0; while [ $i -lt {} ]; do\n"
        "      i=$((i+1)); echo line $i; sleep 0.005; done\n"
        "    {}\n"
        "    echo the end\n"
        "  last: {{command: exit 7, depends_on: [chatty, s{}]}}\n"
        "  s0: {{command: sleep 0.03}}\n",
        kLines, WaitForFile(dir_ / "go"), kSteps - 1);
    for (int i = 1; i < kSteps; ++i) {
      text += fmt::format("  s{}: {{command: sleep 0.03, depends_on: [s{}]}}\n",
                          i, i - 1);
    }
    return dir_.Write("long.yaml", text);
  }
  static std::string AllLines(std::string_view before) {
    std::string text;
    for (int i = 1; i <= kLines; ++i)
      text += fmt::format("{}line {}\n", before, i);
    return text + fmt::format("{}the end\n", before);
  }
  std::unique_ptr<Process> Start(
      std::vector<std::string> args,
      std::vector<std::pair<std::string, std::string>> env = {}) {
    args.insert(args.begin(), {"--server", daemon_->address()});
    return StartCli(std::move(args), std::move(env));
  }
};

// Lines of `text` that begin with `prefix`.
std::string LinesWith(std::string_view text, std::string_view prefix) {
  std::string found;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = text.substr(0, end + 1);
    if (line.starts_with(prefix)) found += line;
    text.remove_prefix(end + 1);
  }
  return found;
}

int Count(std::string_view text, std::string_view what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

// Whether the events of `w2t watch -o json` count up by one, from the snapshot
// on, to the end of the run.
void ExpectGapless(const std::string& out) {
  uint64_t next = 0;
  bool ended = false;
  for (size_t at = 0; at < out.size();) {
    const size_t end = out.find('\n', at);
    const auto item = ParseJson(out.substr(at, end - at));
    at = end + 1;
    if (At(item, "snapshot") != nullptr) {
      EXPECT_EQ(next, 0u) << "a second snapshot";
      next = std::stoull(TextAt(item, "snapshot.seq")) + 1;
    } else if (At(item, "events") != nullptr) {
      EXPECT_EQ(std::stoull(TextAt(item, "events.first_seq")), next);
      next += At(item, "events.task")->list_value().values_size();
    } else {
      ended |= At(item, "ended") != nullptr;
    }
  }
  EXPECT_TRUE(ended);
}

TEST_F(RestartTest, RunWatchAndLogsShowEverythingOnce) {
  StartDaemon({"--reattach-window", "60s"});
  AddWorker({.slots = 4});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const auto run = Start({"run", Graph()});
  ASSERT_TRUE(run->WaitForLine("line 1"));
  const auto watch = Start({"-o", "json", "watch", "long-1"});
  const auto logs = Start({"logs", "-f", "long-1", "chatty"});
  const auto late = Start({"watch", "--logs", "long-1"});
  ASSERT_TRUE(watch->WaitForLine("snapshot"));
  ASSERT_TRUE(late->WaitForLine("chatty | line 1"));
  for (const char* const line : {"line 50\n", "line 150\n"}) {
    ASSERT_TRUE(Eventually(
        [&] { return logs->out().find(line) != std::string::npos; }));
    daemon_->Kill();
    const int times = line[5] == '5' ? 1 : 2;
    for (Process* process : {run.get(), watch.get(), late.get(), logs.get()}) {
      ASSERT_TRUE(Eventually([&] {
        return Count(process->err(), "trying again for 1m") == times;
      })) << process->err();
    }
    RestartDaemon();
    for (Process* process : {run.get(), watch.get(), late.get(), logs.get()}) {
      ASSERT_TRUE(Eventually([&] {
        return Count(process->err(), " is back after ") == times;
      })) << process->err();
    }
  }
  dir_.Write("go", "");
  EXPECT_EQ(run->WaitForExit().code, 1) << run->out() << run->err();
  EXPECT_EQ(watch->WaitForExit().code, 1) << watch->err();
  EXPECT_EQ(late->WaitForExit().code, 1) << late->err();
  EXPECT_EQ(logs->WaitForExit().code, 0) << logs->err();
  EXPECT_EQ(logs->out(), AllLines(""));
  EXPECT_EQ(LinesWith(run->out(), "chatty | "), AllLines("chatty | "));
  EXPECT_EQ(LinesWith(late->out(), "chatty | "), AllLines("chatty | "));
  ExpectGapless(watch->out());
  for (int i = 0; i < kSteps; ++i) {
    EXPECT_EQ(Count(run->out(), fmt::format("s{} ", i)), 2)
        << "its start and its end, once each: s" << i;
  }
}

TEST_F(RestartTest, TheOutputOfManyServicesAtOnceIsShownOnce) {
  constexpr int kServices = 300;
  StartDaemon({"--reattach-window", "60s"});
  AddWorker({.slots = 2 * kServices});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  std::string text = fmt::format("name: many\ntasks:\n  gate: |\n    {}\n",
                                 WaitForFile(dir_ / "go"));
  text += "services:\n";
  for (int i = 0; i < kServices; ++i) {
    text += fmt::format(
        "  s{}: {{command: \"echo up {}; exec sleep 3600\", ready: "
        "'log:up'}}\n",
        i, i);
  }
  const auto run = Start({"run", dir_.Write("many.yaml", text)});
  const auto shown = [&] { return Count(run->out(), " | up "); };
  EXPECT_TRUE(Eventually([&] { return shown() == kServices; })) << shown();
  daemon_->Kill();
  ASSERT_TRUE(run->WaitForLine("trying again for 1m"));
  RestartDaemon();
  ASSERT_TRUE(run->WaitForLine(" is back after "));
  dir_.Write("go", "");
  EXPECT_EQ(run->WaitForExit().code, 0) << run->err();
  for (int i = 0; i < kServices; ++i) {
    const std::string line = fmt::format("s{0} | up {0}\n", i);
    EXPECT_EQ(Count("\n" + run->out(), "\n" + line), 1) << line;
  }
}

TEST_F(RestartTest, ADaemonThatStaysAwayEndsThemWith3) {
  StartDaemon();
  AddWorker({.slots = 4});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const std::vector<std::pair<std::string, std::string>> env = {
      {"W2T_WAIT_FOR_SERVER", "400ms"}};
  const auto run = Start({"run", Graph()}, env);
  ASSERT_TRUE(run->WaitForLine("line 1"));
  const auto watch = Start({"watch", "long-1"}, env);
  const auto logs = Start({"logs", "-f", "long-1", "chatty"}, env);
  ASSERT_TRUE(watch->WaitForLine("s"));
  ASSERT_TRUE(logs->WaitForLine("line 1"));
  daemon_->Kill();
  for (Process* process : {run.get(), watch.get(), logs.get()}) {
    EXPECT_EQ(process->WaitForExit().code, 3) << process->err();
    EXPECT_THAT(process->err(),
                AllOf(HasSubstr("trying again for 400ms"),
                      HasSubstr("w2t: error: cannot reach w2td at " +
                                daemon_->address())));
  }
  EXPECT_THAT(run->err(), HasSubstr("`w2t watch long-1` comes back to it"));
}

TEST_F(RestartTest, ASubmitWaitsForADaemonThatIsNotThereYetWhenToldTo) {
  StartDaemon();
  daemon_->Kill();
  const auto submit = Start({"submit", "--wait-for-server", "1m", Graph()});
  ASSERT_TRUE(submit->WaitForLine("trying again for 1m"));
  daemon_->Start();
  EXPECT_EQ(submit->WaitForExit().code, 0) << submit->err();
  EXPECT_EQ(submit->out(), "long-1\n");
  EXPECT_THAT(submit->err(), HasSubstr(" is back after "));
}

TEST_F(RestartTest, AnInterruptEndsTheWaiting) {
  StartDaemon();
  AddWorker({.slots = 4});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const auto run = Start({"run", Graph()});
  ASSERT_TRUE(run->WaitForLine("line 1"));
  daemon_->Kill();
  ASSERT_TRUE(run->WaitForLine("trying again"));
  run->Signal(SIGINT);
  EXPECT_EQ(run->WaitForExit().code, 130) << run->err();
}

TEST_F(RestartTest, ARequestIdIsRememberedAcrossARestart) {
  StartDaemon();
  const std::string graph = Graph();
  ASSERT_EQ(Cli({"submit", "--request-id", "r1", graph}).out, "long-1\n");
  daemon_->Kill();
  daemon_->Start();
  EXPECT_EQ(Cli({"submit", "--request-id", "r1", graph}).out, "long-1\n");
  const CliResult other =
      Cli({"submit", "--request-id", "r1", "--hold", graph});
  EXPECT_EQ(other.status.code, 2);
  EXPECT_THAT(other.err, AllOf(HasSubstr("r1"), HasSubstr("long-1"),
                               HasSubstr("hold was false, and is true")));
}

}  // namespace
}  // namespace w2t::test
