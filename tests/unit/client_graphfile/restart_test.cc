// Keys that say how what is up is restarted and changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::RetryPolicy RestartOf(const std::string& restart) {
  return TaskOf("services: {a: {command: x, restart: " + restart + "}}")
      .retry();
}

TEST(RestartTest, WithoutABoundUnlessThereIsOne) {
  const v1::RetryPolicy always = RestartOf("always");
  EXPECT_TRUE(always.unlimited());
  EXPECT_TRUE(always.on_success());
  EXPECT_EQ(always.attempts(), 0u);
  EXPECT_EQ(always.initial_backoff().nanos(), 100'000'000);
  EXPECT_EQ(always.max_backoff().seconds(), 30);
  EXPECT_EQ(always.stable_after().seconds(), 10);
  EXPECT_FALSE(RestartOf("on-failure").on_success());
  EXPECT_TRUE(RestartOf("{policy: on-failure, backoff: 2s..4s}").unlimited());
  const v1::RetryPolicy bounded =
      RestartOf("{policy: always, backoff: 2s..4s, limit: 5 in 10m}");
  EXPECT_FALSE(bounded.unlimited());
  EXPECT_EQ(bounded.attempts(), 6u);
  EXPECT_EQ(bounded.window().seconds(), 600);
  EXPECT_EQ(bounded.initial_backoff().seconds(), 2);
  EXPECT_EQ(bounded.max_backoff().seconds(), 4);
  EXPECT_FALSE(RestartOf("{limit: 5}").has_window());
}

TEST(RestartTest, NoTakesBackWhatTheDefaultsSay) {
  const v1::Graph graph = GraphOf(
      "defaults: {services: {restart: always}}\n"
      "services: {a: x, b: {command: x, restart: no}}");
  EXPECT_TRUE(graph.tasks(0).retry().unlimited());
  EXPECT_FALSE(graph.tasks(1).has_retry());
}

TEST(RestartTest, WhatIsWrongIsSaidWhereItIs) {
  EXPECT_THAT(FaultsOf("tasks: {a: {command: x, restart: always}}"),
              ElementsAre("1:25: \"restart\" is for services; a task has "
                          "\"retry\""));
  EXPECT_THAT(FaultsOf("services: {a: {command: x, restart: sometimes}}"),
              ElementsAre("1:37: \"restart\" must be no, on-failure or always, "
                          "not \"sometimes\""));
  EXPECT_THAT(FaultsOf("services: {a: {command: x, restart: {limit: 5 of 3}}}"),
              ElementsAre("1:45: \"limit\" must be a number of restarts such "
                          "as 5 or 5 in 10m, not \"5 of 3\""));
  EXPECT_THAT(FaultsOf("services: {a: {command: x, restart: {limit: 5000}}}"),
              ElementsAre(testing::AllOf(
                  testing::StartsWith("1:45: "),
                  testing::HasSubstr("max_retry_attempts of 1000"))));
  EXPECT_THAT(
      FaultsOf("services: {a: {command: x, restart: no, retry: 3}}"),
      ElementsAre("1:48: \"retry\" and \"restart\" exclude each other"));
}

TEST(RestartTest, AnEdgeCarriesARestart) {
  const v1::Graph graph = GraphOf(
      "services: {a: x, b: {command: x, depends_on: {a: {restart: true}}}}");
  EXPECT_TRUE(graph.tasks(1).depends_on(0).restart());
  EXPECT_THAT(FaultsOf("services: {a: x, b: {command: x, depends_on: {a: "
                       "{restart: 1}}}}"),
              ElementsAre("1:60: \"restart\" must be true or false, not "
                          "\"1\""));
}

LoadResult Rolled(const std::string& rollout, uint32_t replicas) {
  return LoadText(
      "services: {a: {command: x, replicas: " + std::to_string(replicas) +
          ", rollout: " + rollout + "}, b: x}",
      "f", {});
}

TEST(RolloutTest, IsReadForTheReplicas) {
  const LoadResult result = Rolled("{max_parallel: 2, min_ready: 50%}", 3);
  ASSERT_EQ(result.rollouts.size(), 1u);
  EXPECT_THAT(result.rollouts[0].tasks, ElementsAre("a-0", "a-1", "a-2"));
  EXPECT_EQ(result.rollouts[0].max_parallel, 2u);
  EXPECT_EQ(result.rollouts[0].min_ready, 2u);
  EXPECT_EQ(Rolled("{min_ready: 2}", 3).rollouts[0].min_ready, 2u);
}

TEST(RolloutTest, LeavesSomethingToBeChanged) {
  EXPECT_THAT(FaultsOf("services: {a: {command: x, replicas: 3, rollout: "
                       "{min_ready: 90%}}}"),
              ElementsAre("1:12: \"min_ready\" of \"a\" is 3 of its 3 "
                          "replicas, which leaves none to be changed"));
  EXPECT_THAT(Rolled("{min_ready: 1}", 1).faults, IsEmpty());
  EXPECT_THAT(FaultsOf("tasks: {a: {command: x, replicas: 3, rollout: "
                       "{max_parallel: 1}}}"),
              ElementsAre("1:9: \"rollout\" is for services; \"a\" is a task"));
}

TEST(ScaleTest, TakesThePlaceOfWhatTheFileSays) {
  Options options;
  options.replicas["a"] = 3;
  EXPECT_THAT(
      Names(GraphOf("services: {a: {command: x, replicas: 1}}", options)),
      ElementsAre("a-0", "a-1", "a-2"));
  EXPECT_THAT(Names(GraphOf("services: {a: {command: x, matrix: {v: [p, q]}, "
                            "replicas: 1}}",
                            options)),
              testing::SizeIs(6));
  EXPECT_THAT(
      Names(GraphOf("processes:\n  a: {command: x, replicas: 5}", options)),
      ElementsAre("a-0", "a-1", "a-2"));
}

TEST(ScaleTest, NeedsATaskWithReplicas) {
  Options options;
  options.replicas["a"] = 3;
  EXPECT_THAT(FaultsOf("services: {a: x}", options),
              ElementsAre(testing::HasSubstr(
                  "\"a\" cannot have 3 replicas: the file says `replicas` of "
                  "no task of this name")));
  EXPECT_THAT(FaultsOf("services: {b: {image: x}}", options),
              ElementsAre(testing::HasSubstr("can be scaled")));
}

}  // namespace
}  // namespace w2t::graphfile
