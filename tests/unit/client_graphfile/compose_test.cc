// docker-compose files: what they come to, and what is said about them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "load.h"

namespace w2t::graphfile {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::vector<std::string> ComposeNotes(const std::string& text,
                                      const Options& options = {}) {
  const LoadResult result = LoadText(text, "c.yml", options);
  EXPECT_THAT(result.faults, IsEmpty());
  return result.notes;
}

// "b after a ready" for each edge.
std::vector<std::string> Conditions(const v1::Graph& graph) {
  std::vector<std::string> edges;
  for (const v1::Task& task : graph.tasks()) {
    for (const v1::Dependency& dependency : task.depends_on()) {
      edges.push_back(task.name() + " after " + dependency.task() + " " +
                      v1::Condition_Name(dependency.condition()).substr(10));
    }
  }
  return edges;
}

TEST(ComposeTest, IsToldByItsImages) {
  EXPECT_EQ(LoadText("services: {a: {image: x}}", "f", {}).format,
            Format::kCompose);
  EXPECT_EQ(LoadText("services: {a: {build: .}}", "f", {}).format,
            Format::kCompose);
  EXPECT_EQ(LoadText("services: {a: {command: x}}", "f", {}).format,
            Format::kGraph);
}

TEST(ComposeTest, DependsOnAndUsesAreEdges) {
  const v1::Graph graph = GraphOf(R"(
name: shop
services:
  web:
    image: web
    links: ["cache:c", db]
    volumes_from: [data:ro, "container:x"]
    network_mode: service:vpn
    depends_on:
      db: {condition: service_healthy}
      init: {condition: service_completed_successfully}
      mail: {condition: service_started}
  db: {image: db, healthcheck: {test: [CMD, pg_isready], interval: 5s, retries: 3}}
  init: {image: i, depends_on: [db]}
  mail: {image: m, network_mode: host}
  cache: {image: c}
  data: {image: d}
  vpn: {build: .}
)");
  EXPECT_EQ(graph.name(), "shop");
  EXPECT_THAT(Conditions(graph),
              ElementsAre("web after db READY", "web after init SUCCEEDED",
                          "web after mail STARTED", "web after cache STARTED",
                          "web after data STARTED", "web after vpn STARTED",
                          "init after db STARTED"));
  EXPECT_EQ(graph.tasks(0).kind(), v1::TASK_KIND_SERVICE);
  EXPECT_EQ(graph.tasks(2).kind(), v1::TASK_KIND_TASK);
  EXPECT_EQ(graph.actions(1).ready().exec(), "pg_isready");
  EXPECT_EQ(graph.actions(1).ready().failures(), 3u);
}

TEST(ComposeTest, WhatIsNotCarriedOverIsListedByKey) {
  EXPECT_THAT(ComposeNotes(R"(
version: "3"
x-common: {a: 1}
services:
  a: {image: x, ports: ["80:80"], environment: {A: b}, x-mine: 1}
  b: {image: x, restart: always, depends_on: {a: {condition: service_started, restart: true}}}
networks: {n: }
)"),
              ElementsAre("not carried over: environment, image, networks, "
                          "ports"));
}

TEST(ComposeTest, RestartsAreCarriedOver) {
  const v1::Graph graph = GraphOf(R"(
services:
  a: {image: x, restart: unless-stopped}
  b: {image: x, restart: "on-failure:3", depends_on: {a: {condition: service_started, restart: true}}}
  c: {image: x, restart: "no"}
)");
  EXPECT_TRUE(graph.tasks(0).retry().unlimited());
  EXPECT_TRUE(graph.tasks(0).retry().on_success());
  EXPECT_EQ(graph.tasks(1).retry().attempts(), 4u);
  EXPECT_TRUE(graph.tasks(1).depends_on(0).restart());
  EXPECT_FALSE(graph.tasks(2).has_retry());
  EXPECT_THAT(FaultsOf("services:\n  a: {image: x, restart: on-failure:x}\n"),
              ElementsAre("2:26: \"restart\" must be no, always, "
                          "unless-stopped or on-failure:N, not "
                          "\"on-failure:x\""));
}

TEST(ComposeTest, FaultsStandWhereTheyAre) {
  EXPECT_THAT(
      FaultsOf("services:\n  a: {image: x, port: [1]}\n  b: {command: x}\n"
               "  c: {image: x, depends_on: [d]}\n  e: {image: x, depends_on: "
               "{a: {condition: healthy}}}\n"),
      ElementsAre(
          "2:17: unknown key \"port\"; did you mean \"ports\"?",
          "3:3: \"b\" has neither an image nor a build",
          "4:30: task \"c\" depends on \"d\"; there is no such task",
          "5:45: unknown condition \"healthy\"; there are succeeded, finished, "
          "failed, started and ready"));
  EXPECT_THAT(FaultsOf("services:\n  a: {image: x, depends_on: [b]}\n  b: "
                       "{image: x, depends_on: [c]}\n  c: {image: x, "
                       "depends_on: [b]}\n"),
              ElementsAre("3:30: dependency cycle: b -> c -> b"));
}

TEST(ComposeTest, LintSaysWhatDockerComposeDoesNot) {
  EXPECT_THAT(
      ComposeNotes(R"(
services:
  a: {image: x, healthcheck: {test: "true"}}
  b: {image: x, healthcheck: {test: [NONE]}}
  c: {image: x, depends_on: {a: {condition: service_started}, b: {condition: service_healthy}}}
  d: {image: x, restart: always}
  e: {image: x, depends_on: {d: {condition: service_completed_successfully}}}
)"),
      ElementsAre(
          "c.yml:5:63: \"c\" waits until \"b\" is healthy, which has no "
          "healthcheck here: unless its image brings one, \"c\" never starts",
          "c.yml:7:30: \"e\" waits until \"d\" has completed, which is always "
          "restarted",
          "c.yml:3:17: \"a\" has a healthcheck, and nobody waits for it: "
          "condition: service_healthy does",
          "not carried over: image"));
}

TEST(ComposeTest, ProfilesAndRequired) {
  constexpr char kText[] = R"(
services:
  a: {image: x, profiles: [p]}
  b: {image: x, depends_on: {a: {condition: service_started, required: false}}}
)";
  EXPECT_THAT(Names(GraphOf(kText)), ElementsAre("b"));
  Options options;
  options.profiles = {"p"};
  EXPECT_THAT(Conditions(GraphOf(kText, options)),
              ElementsAre("b after a STARTED"));
}

TEST(ComposeTest, VariablesComeFromOutsideOrDotEnvOrAreEmpty) {
  const LoadResult result = LoadTestFiles(
      {{"d/c.yml",
        "name: ${NAME}\nservices: {a: {image: \"x:${TAG}\", healthcheck: "
        "{test: \"$$A ${B}${C:-d}\"}}, b: {image: x, depends_on: {a: "
        "{condition: \"${HOW}\"}}}}"},
       {"d/.env", "NAME=shop\nHOW=service_started\n"}},
      {"d/c.yml"}, {.environment = {{"HOW", "service_healthy"}}});
  ASSERT_THAT(result.faults, IsEmpty());
  EXPECT_EQ(result.graph.name(), "shop");
  EXPECT_EQ(result.graph.actions(0).ready().exec(), "$A d");
  EXPECT_THAT(Conditions(result.graph), ElementsAre("b after a READY"));
  EXPECT_THAT(result.notes, ElementsAre("empty, because they are not set: B, "
                                        "TAG",
                                        "not carried over: image"));
}

class ComposeCaseTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFolder)) {
      GTEST_SKIP() << "SKIPPED: " << kFolder << " is absent";
    }
  }

  LoadResult LoadCase(const std::string& name, Options options = {}) {
    return LoadFile((kFolder / name).string(), options);
  }

  const std::filesystem::path kFolder =
      std::filesystem::path(W2T_SOURCE_DIR) / "../shared/cases/deploy/compose";
};

TEST_F(ComposeCaseTest, AllButTheCircularOneLoad) {
  for (const auto& file : std::filesystem::directory_iterator(kFolder)) {
    const LoadResult result = LoadFile(file.path().string(), {});
    EXPECT_EQ(result.format, Format::kCompose) << file.path();
    if (file.path().filename() == "compose-depends-on-cycle.yaml") {
      ASSERT_EQ(result.faults.size(), 1u);
      EXPECT_EQ(result.faults[0].message,
                "dependency cycle: service1 -> service2 -> service3 -> "
                "service1");
      EXPECT_EQ(result.faults[0].line, 6u);
    } else {
      EXPECT_THAT(result.faults, IsEmpty()) << file.path();
    }
  }
}

TEST_F(ComposeCaseTest, ATargetSelectsExactlyWhatItNeeds) {
  Options options;
  options.targets = {"desired"};
  EXPECT_THAT(
      Names(
          LoadCase("TestStartSingleServiceAndDependency.yaml", options).graph),
      ElementsAre("desired", "dep_1", "dep_2"));
}

TEST_F(ComposeCaseTest, TheOrderIsTheOneTheyMean) {
  const auto steps = [](const LoadResult& result) {
    std::vector<std::string> names(result.blueprint->steps());
    for (TaskIndex i = 0; i < result.blueprint->size(); ++i) {
      std::string& step = names[result.blueprint->step(i) - 1];
      step += (step.empty() ? "" : " ") +
              std::string(result.blueprint->task_name(i));
    }
    return names;
  };
  EXPECT_THAT(steps(LoadCase("nginx-golang-postgres.yaml")),
              ElementsAre("db", "backend", "proxy"));
  EXPECT_THAT(steps(LoadCase("TestCascadeFail.yaml")),
              ElementsAre("running", "exit", "fail"));
  EXPECT_THAT(steps(LoadCase("TestUpWait.yaml")),
              ElementsAre("oneshot", "longrunning"));
  EXPECT_THAT(steps(LoadCase("TestInitContainer.yaml")),
              ElementsAre("foo", "bar"));
  EXPECT_THAT(steps(LoadCase("TestUpServiceUnhealthy.yaml")),
              ElementsAre("fail", "depends"));
}

TEST_F(ComposeCaseTest, LintFindsWhatWillNeverStart) {
  EXPECT_THAT(LoadCase("TestUpWithDependencyExit.yaml").notes,
              Contains(HasSubstr("\"web\" waits until \"db\" is healthy, which "
                                 "has no healthcheck here")));
  EXPECT_THAT(LoadCase("example-voting-app.yml").notes,
              ElementsAre(StartsWith("not carried over: build, ")));
}

}  // namespace
}  // namespace w2t::graphfile
