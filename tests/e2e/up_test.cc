// What is up: begun, changed, restarted and taken down, with the real programs.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <memory>
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

class UpTest : public FleetTest {
 protected:
  // A line that stays up, marks its start and its stop, and prints "up" when it
  // may be stopped; `before_stop` runs before the latter mark.
  std::string Stay(const std::string& name, const std::string& extra = "",
                   const std::string& before_stop = ":") const {
    return fmt::format(
        "trap '{3}; echo -{0} >> {1}; exit 0' TERM; echo $$ >> {2}; {4} "
        "echo +{0} >> {1}; echo up; while :; do sleep 0.02; done",
        name, dir_ / "marks", dir_ / "pids", before_stop, extra);
  }
  // db <- api (restart) <- web (restart), and log by itself.
  std::string Shop(const std::string& api = "", const std::string& more = "",
                   const std::string& api_stop = ":") const {
    return dir_.Write(
        "shop.yaml",
        fmt::format("name: shop\nservices:\n"
                    "  db: {{command: \"{}\", ready: 'log:^up$'}}\n"
                    "  api:\n    command: \"{}\"\n    ready: 'log:^up$'\n"
                    "    depends_on: {{db: {{restart: true}}}}\n"
                    "  web:\n    command: \"{}\"\n"
                    "    depends_on: {{api: {{restart: true}}}}\n"
                    "  log: {{command: \"{}\"}}\n{}",
                    Stay("db"), Stay("api", api, api_stop), Stay("web"),
                    Stay("log"), more));
  }
  std::vector<std::string> Marks() const { return ReadLines(dir_ / "marks"); }
  // Those that came since the last call.
  std::vector<std::string> NewMarks() {
    std::vector<std::string> all = Marks();
    std::vector<std::string> fresh(all.begin() + seen_, all.end());
    seen_ = static_cast<ptrdiff_t>(all.size());
    return fresh;
  }
  bool AllGone() const {
    const std::vector<std::string> pids = ReadLines(dir_ / "pids");
    return std::none_of(pids.begin(), pids.end(), [](const std::string& pid) {
      return kill(std::stoi(pid), 0) == 0;
    });
  }
  uint32_t AttemptOf(const std::string& task) {
    const std::vector<v1::TaskStatus> tasks = client_->ListTasks("shop-1");
    const v1::TaskStatus* found = FindTask(tasks, task);
    return found == nullptr ? 0 : found->attempt();
  }
  std::unique_ptr<Process> Start(std::vector<std::string> args) {
    args.insert(args.begin(), {"--server", daemon_->address()});
    return StartCli(std::move(args));
  }
  void Up(const std::string& file) {
    const CliResult result = Cli({"up", file});
    ASSERT_EQ(result.status.code, 0) << result.ToString();
    ASSERT_TRUE(Eventually([&] { return Marks().size() >= 4; }));
    NewMarks();
  }
  void ExpectDown() {
    const CliResult result = Cli({"down", "shop"});
    EXPECT_EQ(result.status.code, 0) << result.ToString();
    EXPECT_THAT(result.out, HasSubstr("shop is down"));
    EXPECT_TRUE(AllGone());
  }

  ptrdiff_t seen_ = 0;
};

TEST_F(UpTest, ItIsLeftUpWhenAllIsReadyAndTakenDownInReverse) {
  StartFleet(4);
  const CliResult up = Cli({"up", Shop()});
  EXPECT_EQ(up.status.code, 0) << up.ToString();
  EXPECT_THAT(up.out,
              AllOf(HasSubstr("ready  db"), HasSubstr("shop-1 up for"),
                    HasSubstr("`w2t ps shop` shows it, `w2t down shop`")));
  EXPECT_EQ(client_->GetRun("shop-1").state(), v1::RUN_STATE_UP);
  EXPECT_THAT(Cli({"ps"}).out, AllOf(HasSubstr("shop-1 up for"),
                                     HasSubstr("db "), HasSubstr("web ")));
  EXPECT_EQ(TextAt(ParseJson(Cli({"-o", "json", "ps"}).out),
                   "runs.0.run.unique_name"),
            "true");
  // It is there already, and is what the file says.
  const CliResult again = Cli({"up", Shop()});
  EXPECT_EQ(again.status.code, 0) << again.ToString();
  EXPECT_THAT(again.out, HasSubstr("shop-1 is up, and nothing changes"));
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 4; }));
  NewMarks();
  ExpectDown();
  const std::vector<std::string> marks = NewMarks();
  const auto at = [&](const char* mark) {
    return std::find(marks.begin(), marks.end(), mark);
  };
  EXPECT_EQ(marks.size(), 4u);
  EXPECT_LT(at("-web"), at("-api"));
  EXPECT_LT(at("-api"), at("-db"));
  EXPECT_THAT(Cli({"ps"}).out, HasSubstr("nothing is up"));
  EXPECT_THAT(Cli({"down"}).out, HasSubstr("nothing is up"));
  EXPECT_EQ(Cli({"down", "shop"}).status.code, 0);
  EXPECT_EQ(Cli({"down", "shpo"}).status.code, 2);
}

TEST_F(UpTest, ApplyRestartsWhatChangedAndWhatFollowsInOrder) {
  StartFleet(4);
  Up(Shop());
  const CliResult apply = Cli({"apply", Shop("sleep 0;")});
  EXPECT_EQ(apply.status.code, 0) << apply.ToString();
  EXPECT_THAT(apply.out, AllOf(HasSubstr("1 changed, 1 following"),
                               HasSubstr("  ~ api  command changed\n"
                                         "  > web  follows api\n")));
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 8; }));
  EXPECT_THAT(NewMarks(), ElementsAre("-web", "-api", "+api", "+web"));
  EXPECT_EQ(AttemptOf("db"), 1u);
  EXPECT_EQ(AttemptOf("log"), 1u);
  EXPECT_EQ(client_->GetRun("shop-1").revision(), 2u);
  EXPECT_THAT(Cli({"ps"}).out, HasSubstr("revision 2"));
  ExpectDown();
}

TEST_F(UpTest, ADryRunChangesNothing) {
  StartFleet(4);
  const CliResult before = Cli({"up", Shop(), "--dry-run"});
  EXPECT_EQ(before.status.code, 0) << before.ToString();
  EXPECT_THAT(before.out, HasSubstr("  + api\n"));
  EXPECT_THAT(Cli({"ps"}).out, HasSubstr("nothing is up"));
  Up(Shop());
  const std::string changed = Shop("sleep 0;");
  for (const char* command : {"apply", "up"}) {
    const CliResult dry = Cli({command, changed, "--dry-run"});
    EXPECT_EQ(dry.status.code, 0) << dry.ToString();
    EXPECT_THAT(dry.out, HasSubstr("  ~ api  command changed\n"));
  }
  EXPECT_EQ(
      TextAt(ParseJson(Cli({"-o", "json", "apply", changed, "--dry-run"}).out),
             "changes.0.fields.0"),
      "command");
  const CliResult restart = Cli({"restart", "db", "--dry-run"});
  EXPECT_EQ(restart.status.code, 0) << restart.ToString();
  EXPECT_THAT(restart.out, HasSubstr("  ~ db   starts anew\n"
                                     "  > api  follows db\n"
                                     "  > web  follows api\n"));
  EXPECT_EQ(client_->GetRun("shop-1").revision(), 1u);
  ExpectDown();
  EXPECT_EQ(Marks().size(), 8u);
}

TEST_F(UpTest, ScalesUpAndDown) {
  StartFleet(8);
  const std::string file = dir_.Write(
      "shop.yaml",
      fmt::format(
          "name: shop\nservices:\n"
          "  api: {{command: \"{}\", ready: 'log:^up$', replicas: 2}}\n"
          "  lb: {{command: \"{}\", depends_on: {{api: {{ready: 1}}}}}}\n",
          Stay("api"), Stay("lb")));
  const CliResult up = Cli({"up", file});
  ASSERT_EQ(up.status.code, 0) << up.ToString();
  const CliResult more = Cli({"scale", file, "api=4"});
  EXPECT_EQ(more.status.code, 0) << more.ToString();
  EXPECT_THAT(more.out, AllOf(HasSubstr("+ api-2"), HasSubstr("+ api-3"),
                              HasSubstr("it goes on running")));
  EXPECT_TRUE(client_->WaitForTask("shop-1", "api-3", v1::TASK_STATE_UP));
  const CliResult fewer = Cli({"scale", file, "api=1"});
  EXPECT_EQ(fewer.status.code, 0) << fewer.ToString();
  EXPECT_THAT(fewer.out, AllOf(HasSubstr("- api-1"), HasSubstr("- api-3")));
  const auto marks = Marks();
  EXPECT_EQ(std::count(marks.begin(), marks.end(), "+api"), 4);
  EXPECT_EQ(std::count(marks.begin(), marks.end(), "-api"), 3);
  EXPECT_EQ(AttemptOf("lb"), 1u);
  EXPECT_EQ(AttemptOf("api-0"), 1u);
  EXPECT_THAT(Cli({"ps"}).out, Not(HasSubstr("api-2")));
  EXPECT_EQ(Cli({"scale", file, "lb=2"}).status.code, 2);
  EXPECT_EQ(Cli({"scale", file, "api=0"}).status.code, 2);
  ExpectDown();
}

TEST_F(UpTest, WithTargetsOnlyTheyAndWhatTheyNeedAreTouched) {
  StartFleet(4);
  const CliResult first = Cli({"up", Shop(), "api"});
  ASSERT_EQ(first.status.code, 0) << first.ToString();
  EXPECT_THAT(NewMarks(), ElementsAre("+db", "+api"));
  // What is not named is left as it is, and not taken out.
  const CliResult second = Cli({"up", Shop("sleep 0;"), "log"});
  ASSERT_EQ(second.status.code, 0) << second.ToString();
  EXPECT_THAT(second.out, HasSubstr("shop-1: 1 added"));
  const CliResult rest = Cli({"apply", Shop()});
  EXPECT_EQ(rest.status.code, 0) << rest.ToString();
  EXPECT_THAT(rest.out, HasSubstr("shop-1: 1 added"));
  EXPECT_EQ(AttemptOf("api"), 1u);
  ExpectDown();
}

TEST_F(UpTest, ARolloutChangesOneReplicaAfterTheOther) {
  StartFleet(8);
  const auto write = [&](const char* extra) {
    return dir_.Write(
        "shop.yaml",
        fmt::format("name: shop\nservices:\n"
                    "  api: {{command: \"{}\", ready: 'log:^up$', replicas: 3, "
                    "rollout: {{max_parallel: 1}}}}\n",
                    Stay("api-${REPLICA}", extra)));
  };
  const CliResult up = Cli({"up", write("")});
  ASSERT_EQ(up.status.code, 0) << up.ToString();
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 3; }));
  NewMarks();
  const CliResult apply = Cli({"apply", write("sleep 0;")});
  EXPECT_EQ(apply.status.code, 0) << apply.ToString();
  EXPECT_THAT(apply.out, HasSubstr("in 3 batches"));
  EXPECT_THAT(NewMarks(), ElementsAre("-api-0", "+api-0", "-api-1", "+api-1",
                                      "-api-2", "+api-2"));
  ExpectDown();
}

TEST_F(UpTest, AnApplyGoesOnWhenTheDaemonIsKilledInItsMiddle) {
  StartFleet(4);
  const std::string stop = WaitForFile(dir_ / "go");
  Up(Shop("", "", stop));
  const auto apply = Start({"apply", Shop("sleep 0;", "", stop)});
  // web has stopped, and api is being stopped.
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 5; }));
  daemon_->Kill();
  RestartDaemon();
  EXPECT_EQ(client_->GetRun("shop-1").revision(), 1u);
  dir_.Write("go", "");
  const ExitStatus status = apply->WaitForExit();
  EXPECT_EQ(status.code, 0) << apply->out() << apply->err();
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 8; }));
  EXPECT_THAT(NewMarks(), ElementsAre("-web", "-api", "+api", "+web"));
  EXPECT_EQ(client_->GetRun("shop-1").revision(), 2u);
  ExpectDown();
}

TEST_F(UpTest, KillingTheCommandInTheMiddleChangesNothing) {
  StartFleet(4);
  const std::string stop = WaitForFile(dir_ / "go");
  Up(Shop("", "", stop));
  const auto apply = Start({"apply", Shop("sleep 0;", "", stop)});
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 5; }));
  // A second one waits for the first one's revision.
  const auto second = Start({"apply", Shop("sleep 0; :;", "", stop)});
  EXPECT_TRUE(second->WaitForLine("another change of shop-1 is going on"));
  second->Kill();
  apply->Kill();
  dir_.Write("go", "");
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 8; }));
  EXPECT_THAT(NewMarks(), ElementsAre("-web", "-api", "+api", "+web"));
  EXPECT_EQ(client_->GetRun("shop-1").revision(), 2u);
  ExpectDown();
}

TEST_F(UpTest, OfManyAtOnceExactlyOneBeginsTheRun) {
  StartFleet(4);
  const std::string file = Shop();
  std::vector<std::unique_ptr<Process>> ups;
  for (int i = 0; i < 5; ++i) ups.push_back(Start({"up", file}));
  int began = 0;
  for (const auto& up : ups) {
    const ExitStatus status = up->WaitForExit();
    EXPECT_EQ(status.code, 0) << up->out() << up->err();
    began += up->out().find("nothing changes") == std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(began, 1);
  EXPECT_EQ(TextAt(ParseJson(Cli({"-o", "json", "list"}).out), "runs.1.run_id"),
            "");
  ASSERT_TRUE(Eventually([&] { return Marks().size() >= 4; }));
  ExpectDown();
  EXPECT_EQ(Marks().size(), 8u);
}

TEST_F(UpTest, WhatFailedIsReportedAndARestartBringsBackWhatWasSkipped) {
  StartFleet(4);
  const std::string file = Shop(fmt::format(
      "test -e {} || {{ echo no licence; exit 3; }};", dir_ / "licence"));
  const CliResult up = Cli({"up", file});
  EXPECT_EQ(up.status.code, 1) << up.ToString();
  EXPECT_THAT(up.out, AllOf(HasSubstr("root cause: api: exit code 3"),
                            HasSubstr("  | no licence"),
                            HasSubstr("skipped because of api: web")));
  EXPECT_EQ(client_->GetRun("shop-1").state(), v1::RUN_STATE_UP);
  dir_.Write("licence", "");
  const CliResult restart = Cli({"restart", "api"});
  EXPECT_EQ(restart.status.code, 0) << restart.ToString();
  EXPECT_TRUE(client_->WaitForTask("shop-1", "web", v1::TASK_STATE_RUNNING));
  EXPECT_EQ(client_->GetRun("shop-1").failures_size(), 0);
  EXPECT_EQ(AttemptOf("db"), 1u);
  ExpectDown();
}

TEST_F(UpTest, AWaiterThatIsRestartedWhileItWaitsStartsOnce) {
  StartFleet(4);
  const std::string file =
      Shop("", fmt::format("  late: {{command: \"{}\", depends_on: [gate]}}\n"
                           "tasks: {{gate: \"{}\"}}\n",
                           Stay("late"), WaitForFile(dir_ / "go")));
  const auto up = Start({"up", file});
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 4; }));
  ASSERT_TRUE(client_->WaitForTask("shop-1", "gate", v1::TASK_STATE_RUNNING));
  const CliResult restart = Cli({"restart", "late", "--detach"});
  EXPECT_EQ(restart.status.code, 0) << restart.ToString();
  EXPECT_EQ(AttemptOf("gate"), 1u);
  dir_.Write("go", "");
  EXPECT_EQ(up->WaitForExit().code, 0) << up->out() << up->err();
  EXPECT_TRUE(Eventually([&] { return Marks().size() == 5; }));
  EXPECT_EQ(std::ranges::count(Marks(), "+late"), 1);
  EXPECT_EQ(AttemptOf("gate"), 1u);
  ExpectDown();
}

TEST_F(UpTest, AnInterruptLeavesWhatIsComingUp) {
  StartFleet(4);
  const std::string file = Shop(
      "", fmt::format("tasks: {{gate: \"{}\"}}\n", WaitForFile(dir_ / "go")));
  const auto up = Start({"up", file});
  ASSERT_TRUE(Eventually([&] { return Marks().size() == 4; }));
  up->Signal(SIGINT);
  EXPECT_EQ(up->WaitForExit().code, 130) << up->out() << up->err();
  EXPECT_THAT(up->err(), HasSubstr("the run goes on"));
  EXPECT_EQ(client_->GetRun("shop-1").state(), v1::RUN_STATE_RUNNING);
  // A second one shows the rest.
  const auto again = Start({"up", file});
  EXPECT_TRUE(again->WaitForLine("shop-1 is up, and nothing changes"));
  dir_.Write("go", "");
  EXPECT_EQ(again->WaitForExit().code, 0) << again->out() << again->err();
  ExpectDown();
}

TEST_F(UpTest, ATimeoutSaysWhatIsWaitedForAndLeavesIt) {
  StartFleet(4);
  const std::string file = dir_.Write(
      "shop.yaml",
      fmt::format("name: shop\nservices: {{db: {{command: \"{}\", ready: "
                  "'exec:exit 7'}}}}\n",
                  Stay("db")));
  const CliResult up = Cli({"up", file, "--timeout", "300ms"});
  EXPECT_EQ(up.status.code, 1) << up.ToString();
  EXPECT_THAT(up.err, AllOf(HasSubstr("shop-1 is not up after 300ms"),
                            HasSubstr("db: waits for its probe exec:exit 7")));
  EXPECT_EQ(client_->GetRun("shop-1").state(), v1::RUN_STATE_RUNNING);
  ExpectDown();
}

TEST_F(UpTest, DownNamesWhatItWaitsForAndTheNextUpWaitsForItsEnd) {
  StartFleet(4);
  Up(Shop("", "", WaitForFile(dir_ / "go")));
  const auto down = Start({"down", "shop"});
  const auto line = down->WaitForLine("stopping api on w1");
  ASSERT_TRUE(line.has_value()) << down->out();
  EXPECT_THAT(*line, HasSubstr("db waits for api"));
  const auto up = Start({"up", Shop()});
  EXPECT_TRUE(up->WaitForLine("shop-1 is being stopped; waiting for its end"));
  dir_.Write("go", "");
  EXPECT_EQ(down->WaitForExit().code, 0) << down->out() << down->err();
  EXPECT_EQ(up->WaitForExit().code, 0) << up->out() << up->err();
  EXPECT_EQ(client_->GetRun("shop-2").state(), v1::RUN_STATE_UP);
  ExpectDown();
}

TEST_F(UpTest, ChangingWhatIsNotUpSaysWhatToDo) {
  StartFleet(1);
  const CliResult apply = Cli({"apply", Shop()});
  EXPECT_EQ(apply.status.code, 2) << apply.ToString();
  EXPECT_THAT(apply.err, HasSubstr("shop is not up; `w2t up "));
  const CliResult restart = Cli({"restart", "api"});
  EXPECT_EQ(restart.status.code, 2) << restart.ToString();
  EXPECT_THAT(restart.err, HasSubstr("nothing is up; `w2t up FILE`"));
}

}  // namespace
}  // namespace w2t::test
