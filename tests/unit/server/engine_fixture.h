// An engine with runs and a worker, for tests of what the daemon tells of them.
#ifndef W2T_TESTS_UNIT_SERVER_ENGINE_FIXTURE_H_
#define W2T_TESTS_UNIT_SERVER_ENGINE_FIXTURE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/engine/engine.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/wire/graph_codec.h"
#include "server/loop/inbox.h"

namespace w2t::server {

// `tasks` tasks that all do the same, the first `chained` of them in a chain.
inline v1::Graph MakeGraph(std::string name, int tasks, int chained = 0) {
  v1::Graph graph;
  graph.set_name(std::move(name));
  graph.add_actions()->mutable_exec()->set_shell("true");
  for (int i = 0; i < tasks; ++i) {
    v1::Task* task = graph.add_tasks();
    task->set_name(fmt::format("t{}", i));
    if (i > 0 && i < chained) {
      task->add_depends_on()->set_task(fmt::format("t{}", i - 1));
    }
  }
  return graph;
}

class EngineFixture {
 public:
  explicit EngineFixture(const Limits& limits = Limits())
      : limits_(limits), engine_({.limits = limits_}) {
    engine_.Start(now_);
  }

  const Engine& engine() const { return engine_; }
  View view() const { return {engine_, workers_}; }
  absl::Time now() const { return now_; }

  std::vector<Action> Step(Event event) {
    now_ += absl::Milliseconds(1);
    StepResult result = engine_.Step({&event, 1}, now_);
    workers_.Learn(result.facts);
    return std::move(result.actions);
  }

  // The run's number.
  RunNumber Submit(const v1::Graph& graph) {
    wire::DecodedGraph decoded = wire::DecodeGraph(graph, limits_);
    EXPECT_TRUE(decoded.faults.empty()) << decoded.faults.Summary();
    SubmitEvent event;
    event.blueprint = std::move(decoded.blueprint);
    event.definition = std::move(decoded.definition);
    Collect(Step(std::move(event)));
    return engine_.runs().rbegin()->first;
  }
  // A worker with `slots`; what is offered to anybody is kept in `offers`.
  void AddWorker(int slots) {
    HelloEvent hello;
    hello.session = SessionId{1};
    hello.spec.name = "w1";
    hello.spec.instance = "i";
    hello.spec.resources = {{kCpus, static_cast<uint64_t>(slots) * 1'000}};
    hello.spec.capabilities = {kExecCapability};
    hello.spec.max_leases = 10'000;
    Collect(Step(std::move(hello)));
  }
  // The worker says of all that it holds that it is in `state`.
  void ReportAll(TaskState state, int32_t exit_code = 0) {
    ReportsEvent event;
    event.session = SessionId{1};
    event.seq = ++seq_;
    event.reports.leases = std::exchange(offers_, LeaseColumns());
    event.reports.state.assign(event.reports.leases.size(), state);
    event.reports.exit_code.assign(event.reports.leases.size(), exit_code);
    Collect(Step(std::move(event)));
  }

  const LeaseColumns& offers() const { return offers_; }

 private:
  void Collect(std::vector<Action> actions) {
    for (Action& action : actions) {
      const auto* offer = std::get_if<OfferLeases>(&action);
      if (offer == nullptr) continue;
      for (size_t i = 0; i < offer->leases.size(); ++i) {
        offers_.Add(offer->leases.at(i));
      }
    }
  }

  const Limits limits_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  Engine engine_;
  WorkerNames workers_;
  LeaseColumns offers_;
  uint64_t seq_ = 0;
};

}  // namespace w2t::server

#endif  // W2T_TESTS_UNIT_SERVER_ENGINE_FIXTURE_H_
