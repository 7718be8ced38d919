// docker-compose files that are to be run, by the docker CLI.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr char kShop[] = R"(
services:
  db:
    image: "pg:${TAG}"
    healthcheck: {test: pg_isready, interval: 2s, timeout: 1s, retries: 4, start_period: 10s}
    stop_grace_period: 1m
  cache: {image: c, environment: [TOKEN, A=b]}
  init: {image: i, depends_on: {db: {condition: service_healthy}}}
  web: {image: w, depends_on: {init: {condition: service_completed_successfully}, cache: {condition: service_started}}}
)";

LoadResult ToRun(TestFiles files, const std::vector<std::string>& paths,
                 Options options = {}) {
  options.for_run = true;
  return LoadTestFiles(std::move(files), paths, std::move(options));
}

const v1::Action& ActionFor(const v1::Graph& graph, const std::string& name) {
  static const v1::Action kNone;
  for (const v1::Task& task : graph.tasks()) {
    if (task.name() != name) continue;
    return graph.actions(static_cast<int>(task.action()));
  }
  ADD_FAILURE() << "there is no task " << name;
  return kNone;
}

std::vector<std::string> EdgesOf(const v1::Graph& graph,
                                 const std::string& name) {
  std::vector<std::string> edges;
  for (const v1::Task& task : graph.tasks()) {
    if (task.name() != name) continue;
    for (const v1::Dependency& edge : task.depends_on()) {
      edges.push_back(edge.task() + " " +
                      v1::Condition_Name(edge.condition()).substr(10));
    }
  }
  return edges;
}

TEST(ComposeRunTest, EachServiceIsAContainerBehindOneThatCreatesThemAll) {
  const LoadResult result =
      ToRun({{"/srv/My Shop/c.yml", kShop}}, {"/srv/My Shop/c.yml"},
            {.environment = {{"TAG", "15"}, {"TOKEN", "t"}, {"OTHER", "o"}}});
  ASSERT_THAT(result.faults, IsEmpty());
  const v1::Graph& graph = result.graph;
  EXPECT_THAT(Names(graph), ElementsAre("docker compose create", "db", "cache",
                                        "init", "web"));
  EXPECT_THAT(
      ActionFor(graph, "docker compose create").exec().shell(),
      AllOf(HasSubstr("no docker CLI with the compose plugin"),
            HasSubstr("exec 'docker' 'compose' '-f' '/srv/My Shop/c.yml' '-p' "
                      "'myshop' create 'db' 'cache' 'init' 'web'")));
  const v1::Action& db = ActionFor(graph, "db");
  EXPECT_THAT(db.exec().argv(),
              ElementsAre("docker", "compose", "-f", "/srv/My Shop/c.yml", "-p",
                          "myshop", "up", "--no-deps", "--no-log-prefix",
                          "--exit-code-from", "db", "db"));
  EXPECT_EQ(db.stop().command(),
            "'docker' 'compose' '-f' '/srv/My Shop/c.yml' '-p' 'myshop' stop "
            "'db'");
  EXPECT_EQ(db.stop().grace().seconds(), 60 + 30);
  // What the file takes from outside goes along, and nothing else.
  EXPECT_THAT(db.exec().env(),
              UnorderedElementsAre(testing::Pair("TAG", "15"),
                                   testing::Pair("TOKEN", "t")));
  EXPECT_THAT(result.notes, IsEmpty());
}

TEST(ComposeRunTest, DockerSaysWhenAContainerIsThere) {
  const v1::Graph graph = ToRun({{"/c.yml", kShop}}, {"/c.yml"}).graph;
  const v1::Probe& health = ActionFor(graph, "db").ready();
  EXPECT_THAT(health.exec(),
              AllOf(HasSubstr(".State.Health.Status"), HasSubstr(" ps -q 'db'"),
                    Not(HasSubstr("pg_isready"))));
  EXPECT_EQ(health.failures(), 1u);
  EXPECT_EQ(health.deadline().seconds(), 10 + 5 * 3 + 30);
  EXPECT_THAT(ActionFor(graph, "cache").ready().exec(), HasSubstr("running)"));
  EXPECT_FALSE(ActionFor(graph, "init").has_ready());
  EXPECT_THAT(EdgesOf(graph, "web"),
              ElementsAre("init SUCCEEDED", "cache READY",
                          "docker compose create SUCCEEDED"));
}

TEST(ComposeRunTest, WhatNobodyNeedsAndNothingRestartsMayEnd) {
  const v1::Graph graph =
      ToRun({{"/c.yml",
              "services:\n"
              "  db: {image: x}\n"
              "  init: {image: x, depends_on: [db]}\n"
              "  web: {image: x, restart: always, depends_on: [db]}\n"}},
            {"/c.yml"})
          .graph;
  EXPECT_EQ(graph.tasks(1).kind(), v1::TASK_KIND_SERVICE);
  EXPECT_EQ(graph.tasks(2).kind(), v1::TASK_KIND_TASK);
  EXPECT_EQ(graph.tasks(3).kind(), v1::TASK_KIND_SERVICE);
}

TEST(ComposeRunTest, OnlyHealthThatIsWaitedForCanFail) {
  const v1::Graph graph =
      ToRun({{"/c.yml",
              "services:\n"
              "  a: {image: x, healthcheck: {test: t, interval: 1s}}\n"
              "  b: {image: x, healthcheck: {disable: false}}\n"
              "  c: {image: x, depends_on: [a, b]}\n"}},
            {"/c.yml"})
          .graph;
  const v1::Probe& a = ActionFor(graph, "a").ready();
  EXPECT_THAT(a.exec(), AllOf(HasSubstr("healthy)"), Not(HasSubstr("exit 1"))));
  EXPECT_EQ(a.deadline().seconds(), 24 * 3600);
  EXPECT_THAT(ActionFor(graph, "b").ready().exec(), HasSubstr("running)"));
}

TEST(ComposeRunTest, TargetsAreCreatedWithWhatTheyNeed) {
  const v1::Graph graph =
      ToRun({{"/c.yml", kShop}}, {"/c.yml"}, {.targets = {"init"}}).graph;
  EXPECT_THAT(Names(graph), ElementsAre("docker compose create", "db", "init"));
  EXPECT_THAT(graph.actions(0).exec().shell(),
              testing::EndsWith("create 'db' 'init'"));
}

TEST(ComposeRunTest, TheProjectHasTheNameThatDockerComposeGivesIt) {
  const auto name = [](const std::string& text, Environment environment) {
    const LoadResult result = ToRun({{"/d/c.yml", text}}, {"/d/c.yml"},
                                    {.environment = std::move(environment)});
    return ActionFor(result.graph, "a").exec().argv(5);
  };
  EXPECT_EQ(name("services: {a: {image: x}}", {}), "d");
  EXPECT_EQ(name("name: n\nservices: {a: {image: x}}", {}), "n");
  EXPECT_EQ(name("name: n\nservices: {a: {image: x}}",
                 {{"COMPOSE_PROJECT_NAME", "outer"}}),
            "outer");
}

TEST(ComposeRunTest, FilesAreMergedAsDockerComposeDoes) {
  const TestFiles files = {
      {"/c.yml",
       "services:\n"
       "  a: {image: x, depends_on: [b], healthcheck: {test: [CMD, one], "
       "interval: 5s}}\n"
       "  b: {image: x}\n"},
      {"/o.yml",
       "services:\n"
       "  a: {depends_on: {b: {condition: service_healthy}, c: {condition: "
       "service_started}}, healthcheck: {test: [CMD, two]}}\n"
       "  b: {healthcheck: {test: \"true\"}}\n"
       "  c: {image: x}\n"}};
  const LoadResult result = LoadTestFiles(files, {"/c.yml", "/o.yml"}, {});
  ASSERT_THAT(result.faults, IsEmpty());
  EXPECT_EQ(result.format, Format::kCompose);
  EXPECT_THAT(EdgesOf(result.graph, "a"), ElementsAre("b READY", "c STARTED"));
  EXPECT_EQ(ActionFor(result.graph, "a").ready().exec(), "two");
  EXPECT_EQ(ActionFor(result.graph, "a").ready().every().seconds(), 5);
  const v1::Graph run = ToRun(files, {"/c.yml", "/o.yml"}).graph;
  EXPECT_THAT(ActionFor(run, "c").exec().argv(),
              testing::IsSupersetOf({"-f", "/c.yml", "/o.yml"}));
}

TEST(ComposeRunTest, IncludedServicesAreThere) {
  const LoadResult result =
      ToRun({{"/c.yml",
              "include: [one.yml, {path: [two.yml], project_directory: .}]\n"
              "services: {a: {image: x, depends_on: [b, c]}}\n"},
             {"/one.yml", "services: {b: {image: x}}\n"},
             {"/two.yml", "services: {c: {image: x}}\n"}},
            {"/c.yml"});
  ASSERT_THAT(result.faults, IsEmpty());
  EXPECT_THAT(Names(result.graph),
              ElementsAre("docker compose create", "b", "c", "a"));
  EXPECT_THAT(ActionFor(result.graph, "b").exec().argv(),
              Not(testing::Contains("/one.yml")));
}

TEST(ComposeRunTest, StandardInputHasNoPathForDocker) {
  Options options;
  options.for_run = true;
  const LoadResult result = LoadText("services: {a: {image: x}}", "-", options);
  ASSERT_EQ(result.faults.size(), 1u);
  EXPECT_EQ(result.faults[0].ToString(),
            "<stdin>: docker compose needs a file that has a path; what comes "
            "from standard input can be planned only");
}

}  // namespace
}  // namespace w2t::graphfile
