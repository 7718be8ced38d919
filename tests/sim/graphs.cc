#include "tests/sim/graphs.h"

#include "fmt/format.h"

namespace w2t::sim {
namespace {

// Actions: a task or a service, without a probe and with one.
enum Kind : uint32_t { kTask, kProbedTask, kService, kProbedService };

void AddActions(v1::Graph* graph) {
  for (const char* program : {"task", "service"}) {
    for (const bool probe : {false, true}) {
      v1::Action* action = graph->add_actions();
      action->mutable_exec()->add_argv(program);
      if (probe) action->mutable_ready()->set_log_text("ready");
    }
  }
}

v1::Condition AnyCondition(Random& random, uint32_t to) {
  std::vector<v1::Condition> choices = {v1::CONDITION_UNSPECIFIED,
                                        v1::CONDITION_STARTED};
  if (to % 2 == 1) choices.push_back(v1::CONDITION_READY);
  if (to < kService || random.Chance(20)) {
    choices.insert(choices.end(),
                   {v1::CONDITION_SUCCEEDED, v1::CONDITION_SUCCEEDED,
                    v1::CONDITION_FINISHED, v1::CONDITION_FAILED});
  }
  return random.OneOf(choices);
}

void AddDemand(Random& random, v1::Task* task) {
  const auto need = [task](const char* name, uint64_t milli) {
    v1::Resource* resource = task->add_resources();
    resource->set_name(name);
    resource->set_milli(milli);
  };
  switch (random.Below(6)) {
    case 0:
      task->set_resources_set(true);
      break;
    case 1:
      need("cpus", 2'000);
      break;
    case 2:
      need("cpus", 500);
      need("gpus", 1'000);
      break;
    case 3:
      (*task->mutable_host()->mutable_labels())["role"] = "db";
      break;
    default:
      break;
  }
}

void AddRetry(Random& random, v1::Task* task) {
  v1::RetryPolicy* retry = task->mutable_retry();
  retry->set_attempts(static_cast<uint32_t>(random.Between(1, 4)));
  retry->mutable_initial_backoff()->set_seconds(
      static_cast<int64_t>(random.Below(3)));
  retry->mutable_max_backoff()->set_seconds(4);
  if (random.Chance(20)) retry->add_exit_codes(1);
  if (random.Chance(10)) retry->set_on_success(true);
}

}  // namespace

v1::Graph MakeGraph(Random& random, uint64_t most_tasks) {
  v1::Graph graph;
  graph.set_name("g");
  AddActions(&graph);
  const uint64_t size = random.Between(1, most_tasks);
  for (uint64_t i = 0; i < size; ++i) {
    v1::Task* task = graph.add_tasks();
    task->set_name(fmt::format("t{}", i));
    uint32_t action = random.Chance(20) ? kService : kTask;
    if (action == kService) task->set_kind(v1::TASK_KIND_SERVICE);
    if (random.Chance(40)) ++action;
    task->set_action(action);
    for (uint64_t j = 0; j < i && task->depends_on_size() < 3; ++j) {
      if (random.Below(i) >= 2) continue;
      v1::Dependency* dependency = task->add_depends_on();
      dependency->set_task(fmt::format("t{}", j));
      dependency->set_condition(
          AnyCondition(random, graph.tasks(static_cast<int>(j)).action()));
    }
    const auto count = static_cast<uint64_t>(task->depends_on_size());
    if (count > 0 && random.Chance(30)) {
      task->set_trigger(static_cast<uint32_t>(random.Between(1, count)));
    }
    if (action < kService) AddDemand(random, task);
    if (random.Chance(15) && action < kService) {
      task->set_side_effect(v1::SIDE_EFFECT_AT_MOST_ONCE);
    } else if (random.Chance(40)) {
      AddRetry(random, task);
    }
    task->set_allow_failure(random.Chance(20));
    task->set_fail_run(random.Chance(4));
    task->set_priority(static_cast<int32_t>(random.Below(3)));
  }
  return graph;
}

}  // namespace w2t::sim
