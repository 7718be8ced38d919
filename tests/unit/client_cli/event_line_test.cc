#include "client/cli/event_line.h"

#include <memory>

#include "gtest/gtest.h"
#include "tests/unit/client_cli/watch_items.h"
#include "w2t/graph.h"

namespace w2t::cli {
namespace {

class EventLineTest : public ::testing::Test {
 protected:
  // The line of the last of `events`.
  std::string LineOf(const std::vector<EventSpec>& events) {
    const auto changes = view_.Apply(Events(events));
    return EventLine(view_, changes.back(), blueprint_.get(), Palette(false));
  }
  void Build(const Graph& graph) {
    blueprint_ = Blueprint::Build(graph, Limits()).blueprint;
    ASSERT_NE(blueprint_, nullptr);
    std::vector<std::string> names;
    for (const TaskSpec& task : graph.tasks()) names.push_back(task.name);
    view_.Apply(Snapshot(names));
  }

  RunView view_;
  std::shared_ptr<const Blueprint> blueprint_;
};

TEST_F(EventLineTest, StartNamesAttemptAndWorker) {
  view_.Apply(Snapshot({"migrate"}));
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_RUNNING, .worker = "w1"}}),
            "start  migrate  (attempt 1 on w1)");
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_RUNNING, .attempt = 2}}),
            "start  migrate  (attempt 2)");
}

TEST_F(EventLineTest, OutcomesSayHowLongAndWhy) {
  view_.Apply(Snapshot({"api"}));
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_RUNNING, .at_ms = 1000},
                    {.state = v1::TASK_STATE_SUCCEEDED, .at_ms = 1210}}),
            "done   api  0.21s");
  EXPECT_EQ(
      LineOf({{.state = v1::TASK_STATE_RUNNING, .at_ms = 2000},
              {.state = v1::TASK_STATE_FAILED, .at_ms = 3500, .exit_code = 3}}),
      "FAIL   api  exit code 3  after 1.50s");
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_LEASED, .at_ms = 4000},
                    {.state = v1::TASK_STATE_TIMED_OUT, .at_ms = 5000}}),
            "FAIL   api  timed out  after 1.00s");
}

TEST_F(EventLineTest, FailedAttemptThatIsRepeatedIsNoFailure) {
  view_.Apply(Snapshot({"api"}));
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_BACKOFF, .exit_code = 1}}),
            "retry  api  attempt 1 failed: exit code 1");
}

TEST_F(EventLineTest, AttemptThatIsRepeatedAtOnceIsTold) {
  view_.Apply(Snapshot({"api"}));
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_RUNNING},
                    {.state = v1::TASK_STATE_WAITING}}),
            "retry  api  attempt 1 did not end well");
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_READY}}), "");
}

TEST_F(EventLineTest, WhatAWorkerHadAheadIsTakenBackInSilence) {
  view_.Apply(Snapshot({"api"}));
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_LEASED},
                    {.state = v1::TASK_STATE_WAITING}}),
            "");
}

TEST_F(EventLineTest, ServicesBecomeReadyAndStop) {
  view_.Apply(Snapshot({"db"}, {}, /*service=*/true));
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_RUNNING, .at_ms = 0},
                    {.state = v1::TASK_STATE_UP, .at_ms = 500}}),
            "ready  db  0.50s");
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_CANCELLED, .at_ms = 1500}}),
            "stop   db  1.50s");
}

TEST_F(EventLineTest, WhatNeverRanIsCancelledInSilence) {
  view_.Apply(Snapshot({"web"}));
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_READY, .attempt = 0}}), "");
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_CANCELLED, .attempt = 0}}), "");
}

TEST_F(EventLineTest, SkipGoesBackToItsRootCause) {
  Graph graph("shop");
  graph.Add({.name = "api"});
  graph.Add({.name = "web", .depends_on = {{"api"}}});
  graph.Add({.name = "lb", .depends_on = {{"web"}}});
  Build(graph);
  EXPECT_EQ(
      LineOf({{.task = 0, .state = v1::TASK_STATE_FAILED},
              {.task = 1, .state = v1::TASK_STATE_SKIPPED, .attempt = 0},
              {.task = 2, .state = v1::TASK_STATE_SKIPPED, .attempt = 0}}),
      "skip   lb  because of api");
}

TEST_F(EventLineTest, SkipBecauseNothingFailed) {
  Graph graph("shop");
  graph.Add({.name = "deploy"});
  graph.Add(
      {.name = "rollback", .depends_on = {{"deploy", Condition::kFailed}}});
  Build(graph);
  EXPECT_EQ(
      LineOf({{.task = 0, .state = v1::TASK_STATE_SUCCEEDED},
              {.task = 1, .state = v1::TASK_STATE_SKIPPED, .attempt = 0}}),
      "skip   rollback  because deploy succeeded");
}

TEST_F(EventLineTest, SkipWithoutABlueprintStillSaysThatMuch) {
  view_.Apply(Snapshot({"web"}));
  EXPECT_EQ(LineOf({{.state = v1::TASK_STATE_SKIPPED, .attempt = 0}}),
            "skip   web");
}

}  // namespace
}  // namespace w2t::cli
