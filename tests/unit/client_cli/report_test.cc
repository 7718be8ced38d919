#include "client/cli/report.h"

#include "client/cli/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::TaskStatus Skipped(const std::string& name,
                       const std::vector<std::string>& because) {
  v1::TaskStatus task;
  task.set_name(name);
  task.set_state(v1::TASK_STATE_SKIPPED);
  for (const std::string& cause : because) task.add_waiting_for(cause);
  return task;
}

TEST(GroupSkipped, FollowsSkippedTasksBackToTheFailure) {
  const auto groups =
      GroupSkipped({Skipped("web", {"api"}), Skipped("lb", {"web"}),
                    Skipped("report", {"train"}), Skipped("mail", {})});
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].cause, "api");
  EXPECT_THAT(groups[0].names, ElementsAre("web", "lb"));
  EXPECT_EQ(groups[1].cause, "train");
  EXPECT_EQ(groups[2].cause, "");
}

TEST(GroupSkipped, SurvivesACircle) {
  EXPECT_EQ(GroupSkipped({Skipped("a", {"b"}), Skipped("b", {"a"})}).size(),
            2u);
}

RunReport FailedReport() {
  RunReport report;
  v1::Run& run = report.run;
  run.set_run_id("shop-7");
  run.set_state(v1::RUN_STATE_FAILED);
  run.mutable_counts()->set_succeeded(2);
  run.mutable_counts()->set_failed(1);
  run.mutable_counts()->set_skipped(2);
  run.mutable_create_time()->set_seconds(100);
  run.mutable_end_time()->set_seconds(112);
  RootCause cause;
  cause.task.set_name("api");
  cause.task.set_state(v1::TASK_STATE_FAILED);
  cause.task.set_exit_code(3);
  cause.task.set_attempt(2);
  cause.task.set_worker("w1");
  cause.log_tail = {"connecting", "refused\x1b[2J"};
  report.causes.push_back(cause);
  report.skipped.push_back({.cause = "api", .names = {"web", "lb"}});
  return report;
}

TEST(ReportText, TellsTheRootCauseBeforeWhatFollowsFromIt) {
  EXPECT_EQ(ReportText(FailedReport(), Palette(false)),
            "shop-7 failed in 12.0s: 2 succeeded, 1 failed, 2 skipped\n"
            "root cause: api: exit code 3 (attempt 2 on w1)\n"
            "  | connecting\n"
            "  | refused\n"
            "skipped because of api: web, lb\n");
}

TEST(ReportText, CountsWhatIsTooLongToName) {
  RunReport report = FailedReport();
  for (int i = 0; i < 20; ++i) report.skipped[0].names.push_back("x");
  EXPECT_THAT(ReportText(report, Palette(false)), HasSubstr(" and 12 more\n"));
}

TEST(ReportText, RunThatGoesOnHasLastedSoFar) {
  RunReport report = FailedReport();
  report.run.set_state(v1::RUN_STATE_RUNNING);
  EXPECT_THAT(ReportText(report, Palette(false)),
              HasSubstr("shop-7 running for 12.0s: "));
}

TEST(ReportText, SaysWhyItWasCancelled) {
  RunReport report = FailedReport();
  report.run.set_cancel_reason("wrong branch");
  EXPECT_THAT(ReportText(report, Palette(false)),
              HasSubstr("\ncancelled: wrong branch\n"));
}

TEST(ExitCodeOfRun, IsTheRunsOwn) {
  v1::Run run;
  run.set_state(v1::RUN_STATE_SUCCEEDED);
  EXPECT_EQ(ExitCodeOf(run), 0);
  run.set_state(v1::RUN_STATE_FAILED);
  run.set_exit_code(42);
  EXPECT_EQ(ExitCodeOf(run), 42);
  run.set_exit_code(256);
  EXPECT_EQ(ExitCodeOf(run), 1) << "the system would make it 0";
  run.set_state(v1::RUN_STATE_CANCELLED);
  run.set_exit_code(0);
  EXPECT_EQ(ExitCodeOf(run), 1);
}

TEST(ExitCodeOfStatus, TellsWhatTheCallerCanDo) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 1);
}

}  // namespace
}  // namespace w2t::cli
