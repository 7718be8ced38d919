#include "proto/wire/graph_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/wire/text_proto.h"

namespace w2t::wire {
namespace {

using ::testing::ElementsAre;

std::shared_ptr<const Blueprint> Decode(const v1::Graph& graph) {
  DecodedGraph decoded = DecodeGraph(graph, Limits());
  EXPECT_TRUE(decoded.faults.empty()) << decoded.faults.Summary();
  EXPECT_NE(decoded.definition, nullptr);
  return decoded.blueprint;
}

TEST(GraphCodecTest, CarriesEveryFieldOfATask) {
  const auto blueprint = Decode(FromText<v1::Graph>(R"pb(
    name: "shop"
    actions { exec { argv: "true" } }
    actions {
      exec { shell: "serve" }
      ready { tcp: "[::1]:80" }
    }
    tasks { name: "db" kind: TASK_KIND_SERVICE action: 1 }
    tasks { name: "seed" kind: TASK_KIND_TASK }
    tasks {
      name: "check"
      depends_on { task: "db" }
      depends_on { task: "seed" condition: CONDITION_FINISHED }
      trigger: 1
      retry {
        attempts: 4
        initial_backoff { seconds: 2 }
        max_backoff { seconds: 8 }
        exit_codes: [ 3, 4 ]
        on_success: true
      }
      resources { name: "gpus" milli: 500 }
      resources { name: "cpus" milli: 2000 }
      host {
        worker: "w1"
        labels { key: "role" value: "db" }
      }
      priority: -7
      estimate { nanos: 200000000 }
      allow_failure: true
      fail_run: true
      side_effect: SIDE_EFFECT_AT_LEAST_ONCE
    }
    tasks {
      name: "pay"
      side_effect: SIDE_EFFECT_AT_MOST_ONCE
      depends_on { task: "check" }
      depends_on { task: "db" quorum: 1 }
      depends_on { task: "seed" quorum: 1 }
      quorums: 1
    }
  )pb"));
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->name(), "shop");
  const TaskIndex db = blueprint->Find("db");
  const TaskIndex check = blueprint->Find("check");
  EXPECT_EQ(blueprint->kind(db), TaskKind::kService);
  EXPECT_EQ(blueprint->kind(blueprint->Find("seed")), TaskKind::kTask);
  EXPECT_TRUE(blueprint->has_probe(db));
  EXPECT_EQ(blueprint->action(db), 1u);
  ASSERT_EQ(blueprint->predecessors(check).size(), 2u);
  EXPECT_EQ(blueprint->predecessors(check)[0].condition, Condition::kReady);
  EXPECT_EQ(blueprint->predecessors(check)[1].condition, Condition::kFinished);
  EXPECT_EQ(blueprint->need(check), 1u);
  EXPECT_EQ(blueprint->priority(check), -7);
  EXPECT_EQ(blueprint->estimate(check), absl::Milliseconds(200));
  EXPECT_TRUE(blueprint->allow_failure(check));
  EXPECT_TRUE(blueprint->fail_run(check));
  EXPECT_FALSE(blueprint->at_most_once(check));
  const TaskIndex pay = blueprint->Find("pay");
  EXPECT_EQ(blueprint->countable(pay), 2u);
  EXPECT_EQ(blueprint->predecessors(pay)[0].quorum, 0u);
  EXPECT_EQ(blueprint->predecessors(pay)[2].quorum, 1u);
  EXPECT_EQ(blueprint->quorums()[0].need, 1u);
  EXPECT_TRUE(blueprint->at_most_once(blueprint->Find("pay")));

  const RetryPolicy& retry = blueprint->retry(check);
  EXPECT_EQ(retry.attempts, 4u);
  EXPECT_EQ(retry.initial_backoff, absl::Seconds(2));
  EXPECT_EQ(retry.max_backoff, absl::Seconds(8));
  EXPECT_THAT(retry.exit_codes, ElementsAre(3, 4));
  EXPECT_TRUE(retry.on_success);

  const Demand& demand = blueprint->demands()[blueprint->demand(check)];
  EXPECT_EQ(demand.capability, "exec");
  EXPECT_THAT(demand.resources,
              ElementsAre(Resource{"cpus", 2000}, Resource{"gpus", 500}));
  EXPECT_EQ(demand.worker, "w1");
  EXPECT_THAT(demand.labels,
              ElementsAre(std::pair<std::string, std::string>("role", "db")));
}

TEST(GraphCodecTest, FillsInDefaults) {
  const auto blueprint = Decode(FromText<v1::Graph>(R"pb(
    actions { exec { argv: "true" } }
    actions { handler { name: "resize" } }
    tasks { name: "task" }
    tasks { name: "service" kind: TASK_KIND_SERVICE }
    tasks { name: "handler" action: 1 }
    tasks { name: "nothing" resources_set: true }
    tasks {
      name: "retried"
      retry {
        attempts: 2
        initial_backoff { seconds: 2 }
      }
    })pb"));
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->name(), "run");
  const auto demand = [&](std::string_view task) -> const Demand& {
    return blueprint->demands()[blueprint->demand(blueprint->Find(task))];
  };
  EXPECT_EQ(demand("task"), Demand());
  EXPECT_TRUE(demand("service").resources.empty());
  EXPECT_EQ(demand("handler").capability, "handler:resize");
  EXPECT_THAT(demand("handler").resources, ElementsAre(Resource{"cpus", 1000}));
  EXPECT_TRUE(demand("nothing").resources.empty());
  const TaskIndex task = blueprint->Find("task");
  EXPECT_EQ(blueprint->retry(task), RetryPolicy());
  EXPECT_EQ(blueprint->estimate(task), kDefaultEstimate);
  EXPECT_FALSE(blueprint->has_probe(task));
  EXPECT_EQ(blueprint->retry(blueprint->Find("retried")).max_backoff,
            absl::Seconds(2));
}

TEST(GraphCodecTest, TasksWithTheSameDemandShareIt) {
  v1::Graph graph = SmallGraph();
  for (int i = 0; i < 1000; ++i) {
    v1::Task* const task = graph.add_tasks();
    task->set_name("t" + std::to_string(i));
    task->mutable_retry()->set_attempts(i % 2 == 0 ? 2 : 3);
    if (i % 3 == 0) (*task->mutable_host()->mutable_labels())["role"] = "db";
  }
  const auto blueprint = Decode(graph);
  ASSERT_NE(blueprint, nullptr);
  EXPECT_EQ(blueprint->demands().size(), 2u);
}

TEST(GraphCodecTest, TakesEveryKindOfProbe) {
  const auto blueprint = Decode(FromText<v1::Graph>(R"pb(
    actions {
      exec { shell: "a" }
      ready { tcp: "5432" }
    }
    actions {
      exec { shell: "a" }
      ready { tcp: "db.example:5432" successes: 3 }
    }
    actions {
      exec { shell: "a" }
      ready { exec: "pg_isready" }
    }
    actions {
      exec { shell: "a" }
      ready { log_regex: "listening on [0-9]{1,5}$" }
    }
    actions {
      exec { shell: "a" }
      ready { log_text: "(ready" }
    }
    actions {
      exec { shell: "a" }
      ready {
        http {
          url: "http://db.example:80/healthz?a=b"
          method: "HEAD"
          headers { key: "X-Key" value: "a b" }
          statuses: 204
        }
      }
      live { http { url: "https://user@[::1]" skip_tls_verify: true } }
    }
    actions {
      exec { shell: "a" }
      ready { grpc: "50051" }
      live { grpc: "db.example:50051/shop.Cart" failures: 2 }
    }
    actions {
      exec { shell: "a" }
      ready { notify {} }
      live { notify {} }
    }
    tasks { name: "a" })pb"));
  EXPECT_NE(blueprint, nullptr);
}

TEST(GraphCodecTest, ReportsFieldsAndStructureTogetherInTheGraphsOrder) {
  const v1::Graph graph = FromText<v1::Graph>(R"pb(
    actions { exec { argv: "true" } }
    tasks {
      name: "a"
      depends_on { task: "b" }
    }
    tasks {
      name: "b"
      depends_on { task: "a" }
      priority: 2000000
    }
    tasks {
      name: "c"
      depends_on { task: "aa" }
    }
    tasks { name: "c" kind: 9 })pb");
  const DecodedGraph decoded = DecodeGraph(graph, Limits());
  std::vector<std::string> fields;
  for (const Diagnostic& fault : decoded.faults.listed()) {
    fields.push_back(fault.field);
  }
  EXPECT_THAT(fields,
              ElementsAre("graph.tasks[0].depends_on[0].task",
                          "graph.tasks[1].priority",
                          "graph.tasks[2].depends_on[0].task",
                          "graph.tasks[3].kind", "graph.tasks[3].name"));
  EXPECT_THAT(decoded.faults.listed()[0].path, ElementsAre("a", "b", "a"));
}

TEST(GraphCodecTest, CountsAllFaultsAndListsTheFirst) {
  v1::Graph graph = SmallGraph();
  for (int i = 0; i < 500; ++i) {
    v1::Task* const task = graph.add_tasks();  // two faults each
    task->set_name("t" + std::to_string(i));
    task->set_priority(5'000'000);
    task->set_action(7);
  }
  const DecodedGraph decoded = DecodeGraph(graph, Limits());
  EXPECT_EQ(decoded.faults.total(), 1000u);
  EXPECT_EQ(decoded.faults.listed().size(), 100u);
}

TEST(GraphCodecTest, AnEmptyGraphIsAFault) {
  const DecodedGraph decoded = DecodeGraph(v1::Graph(), Limits());
  ASSERT_EQ(decoded.faults.total(), 1u);
  EXPECT_EQ(decoded.faults.listed()[0].code, DiagnosticCode::kEmptyGraph);
}

TEST(GraphCodecTest, EncodesTheSameGraphToTheSameBytes) {
  std::string first;
  for (int round = 0; round < 20; ++round) {
    v1::Graph graph = SmallGraph();
    auto& env = *graph.mutable_actions(0)->mutable_exec()->mutable_env();
    for (int i = 0; i < 50; ++i) {
      // In another order each time.
      env["V" + std::to_string((i * 7 + round) % 50)] = "x";
    }
    const DecodedGraph decoded = DecodeGraph(graph, Limits());
    ASSERT_NE(decoded.definition, nullptr);
    const std::string encoded(decoded.definition->encoded());
    if (round == 0) first = encoded;
    EXPECT_EQ(encoded, first);
  }
}

TEST(GraphCodecTest, KeepsTheActions) {
  const DecodedGraph decoded = DecodeGraph(SmallGraph(), Limits());
  ASSERT_NE(decoded.definition, nullptr);
  ASSERT_EQ(decoded.definition->actions().size(), 1u);
  EXPECT_EQ(decoded.definition->actions()[0].exec().argv(0), "true");
}

TEST(GraphCodecTest, ReadsItsSerializedForm) {
  const std::string encoded = SmallGraph().SerializeAsString();
  const DecodedGraph decoded = DecodeGraph(encoded, Limits());
  ASSERT_NE(decoded.blueprint, nullptr);
  EXPECT_EQ(decoded.definition->encoded(), encoded);
  EXPECT_EQ(decoded.definition->actions().size(), 1u);
}

TEST(GraphCodecTest, BytesThatAreNoGraphAreAFault) {
  const DecodedGraph decoded = DecodeGraph("\xff\xff\xff", Limits());
  ASSERT_EQ(decoded.faults.total(), 1u);
  EXPECT_EQ(decoded.faults.listed()[0].field, "graph");
}

TEST(RestoreGraphTest, PassesOverLimitsThatWereLoweredAndRulesThatAreNewer) {
  v1::Graph graph = SmallGraph();
  graph.mutable_tasks(0)->set_name(std::string(1000, 'x'));
  graph.mutable_tasks(0)->set_priority(2'000'000);
  const std::string encoded = graph.SerializeAsString();
  EXPECT_EQ(DecodeGraph(encoded, Limits()).blueprint, nullptr);
  const DecodedGraph restored = RestoreGraph(encoded);
  ASSERT_NE(restored.blueprint, nullptr) << restored.faults.Summary();
  EXPECT_EQ(restored.blueprint->task_name(0).size(), 1000u);
}

TEST(RestoreGraphTest, RefusesWhatCannotRun) {
  v1::Graph graph = SmallGraph();
  graph.mutable_tasks(0)->set_action(5);
  EXPECT_EQ(RestoreGraph(graph.SerializeAsString()).blueprint, nullptr);
  EXPECT_EQ(RestoreGraph("").blueprint, nullptr);
  EXPECT_EQ(RestoreGraph("\xff").blueprint, nullptr);
}

}  // namespace
}  // namespace w2t::wire
