#include "tests/sim/graphs.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"

namespace w2t::sim {
namespace {

// What each bit of an action's index says. The last action is a handler's.
constexpr uint32_t kReady = 1;  // has a probe of readiness
constexpr uint32_t kService = 2;
constexpr uint32_t kLive = 4;
constexpr uint32_t kTimeout = 8;
constexpr uint32_t kHandler = 16;

void AddActions(v1::Graph* graph) {
  for (uint32_t bits = 0; bits < kHandler; ++bits) {
    v1::Action* action = graph->add_actions();
    action->mutable_exec()->add_argv((bits & kService) != 0 ? kServiceProgram
                                                            : "task");
    if ((bits & kReady) != 0) action->mutable_ready()->set_log_text("ready");
    if ((bits & kLive) != 0) action->mutable_live()->set_tcp("80");
    if ((bits & kTimeout) != 0) action->mutable_timeout()->set_seconds(2);
  }
  graph->add_actions()->mutable_handler()->set_name(kHandlerName);
}

uint32_t AnyAction(Random& random) {
  if (random.Chance(5)) return kHandler;
  uint32_t action = random.Chance(20) ? kService : 0;
  if (random.Chance(40)) action |= kReady;
  if (random.Chance(20)) action |= kLive;
  if (action < kService && random.Chance(10)) action |= kTimeout;
  return action;
}

v1::Condition AnyCondition(Random& random, uint32_t to) {
  std::vector<v1::Condition> choices = {v1::CONDITION_UNSPECIFIED,
                                        v1::CONDITION_STARTED};
  if ((to & kReady) != 0) choices.push_back(v1::CONDITION_READY);
  if ((to & kService) == 0 || random.Chance(20)) {
    choices.insert(choices.end(),
                   {v1::CONDITION_SUCCEEDED, v1::CONDITION_SUCCEEDED,
                    v1::CONDITION_FINISHED, v1::CONDITION_FAILED});
  }
  return random.OneOf(choices);
}

// On the tasks before it: some by themselves, some in quorums, and perhaps not
// all of them needed.
void AddDependencies(Random& random, v1::Graph* graph, v1::Task* task) {
  const auto before = static_cast<uint64_t>(graph->tasks_size() - 1);
  const bool in_quorums = random.Chance(25);
  const int most = in_quorums ? 6 : 3;
  std::vector<uint32_t> sizes(in_quorums ? random.Between(1, 2) : 0);
  uint64_t count = 0;
  for (uint64_t i = 0; i < before && task->depends_on_size() < most; ++i) {
    if (random.Below(before) >= static_cast<uint64_t>(most)) continue;
    const v1::Task& from = graph->tasks(static_cast<int>(i));
    v1::Dependency* dependency = task->add_depends_on();
    dependency->set_task(from.name());
    dependency->set_condition(AnyCondition(random, from.action()));
    dependency->set_restart(random.Chance(25));
    const uint64_t quorum = random.Below(sizes.size() + 1);
    dependency->set_quorum(static_cast<uint32_t>(quorum));
    if (quorum == 0 || sizes[quorum - 1]++ == 0) ++count;
  }
  // None may be empty.
  std::vector<uint32_t> numbers;
  for (const uint32_t size : sizes) {
    numbers.push_back(static_cast<uint32_t>(task->quorums_size()) + 1);
    if (size == 0) continue;
    task->add_quorums(static_cast<uint32_t>(random.Between(1, size)));
  }
  for (v1::Dependency& dependency : *task->mutable_depends_on()) {
    if (dependency.quorum() == 0) continue;
    dependency.set_quorum(numbers[dependency.quorum() - 1]);
  }
  if (count > 0 && random.Chance(30)) {
    task->set_trigger(static_cast<uint32_t>(random.Between(1, count)));
  }
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
  const bool service = task->kind() == v1::TASK_KIND_SERVICE;
  if (service && random.Chance(30)) {
    retry->set_unlimited(true);
  } else {
    retry->set_attempts(static_cast<uint32_t>(random.Between(1, 4)));
    if (service && random.Chance(30)) {
      retry->mutable_window()->set_seconds(
          static_cast<int64_t>(random.Between(1, 10)));
    }
  }
  if (service && random.Chance(30)) {
    retry->mutable_stable_after()->set_seconds(
        static_cast<int64_t>(random.Between(1, 4)));
  }
  retry->mutable_initial_backoff()->set_seconds(
      static_cast<int64_t>(random.Below(3)));
  retry->mutable_max_backoff()->set_seconds(4);
  if (random.Chance(20)) retry->add_exit_codes(1);
  if (!service && random.Chance(10)) retry->set_on_success(true);
}

// What undoes some of the tasks.
void AddUndos(Random& random, v1::Graph* graph) {
  const uint64_t policy = random.Below(10);
  if (policy < 5) return;
  graph->set_on_failure(policy < 6 ? v1::ON_FAILURE_CANCEL
                                   : v1::ON_FAILURE_UNDO);
  for (int i = graph->tasks_size(); i-- > 0;) {
    const v1::Task task = graph->tasks(i);
    if (task.kind() == v1::TASK_KIND_SERVICE || !random.Chance(40)) continue;
    v1::Task* undo = graph->add_tasks();
    undo->set_name(task.name() + ".undo");
    undo->set_undo_of(task.name());
    undo->set_action(0);
    if (random.Chance(30)) AddRetry(random, undo);
  }
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
    const uint32_t action = AnyAction(random);
    const bool service = (action & kService) != 0;
    if (service) task->set_kind(v1::TASK_KIND_SERVICE);
    task->set_action(action);
    AddDependencies(random, &graph, task);
    if (random.Chance(10) && action < kHandler) {
      task->mutable_host()->set_worker(kAlwaysThere);
    } else if (!service) {
      AddDemand(random, task);
    }
    if (random.Chance(15) && !service) {
      task->set_side_effect(v1::SIDE_EFFECT_AT_MOST_ONCE);
    } else if (random.Chance(40)) {
      AddRetry(random, task);
    }
    task->set_allow_failure(random.Chance(20));
    task->set_fail_run(random.Chance(4));
    task->set_priority(static_cast<int32_t>(random.Below(5)) - 2);
    if (random.Chance(30)) {
      task->mutable_estimate()->set_seconds(
          static_cast<int64_t>(random.Below(20)));
    }
  }
  AddUndos(random, &graph);
  return graph;
}

v1::Graph ReviseGraph(Random& random, const v1::Graph& running) {
  v1::Graph graph = running;
  std::set<std::string> gone;
  for (const v1::Task& task : running.tasks()) {
    if (task.removed() || random.Chance(10)) gone.insert(task.name());
  }
  // One that was taken out may come back.
  if (!gone.empty() && random.Chance(30)) gone.erase(gone.begin());
  for (const v1::Task& task : running.tasks()) {
    if (gone.contains(task.undo_of())) gone.insert(task.name());
  }
  graph.clear_tasks();
  std::vector<v1::Task> undos;  // nothing may depend on them
  for (const v1::Task& old : running.tasks()) {
    if (gone.contains(old.name())) continue;
    if (!old.undo_of().empty()) {
      undos.push_back(old);
      undos.back().set_removed(false);
      continue;
    }
    v1::Task* task = graph.add_tasks();
    *task = old;
    task->set_removed(false);
    const auto is_gone = [&gone](const v1::Dependency& dependency) {
      return gone.contains(dependency.task());
    };
    auto* edges = task->mutable_depends_on();
    if (std::any_of(edges->begin(), edges->end(), is_gone)) {
      edges->erase(std::remove_if(edges->begin(), edges->end(), is_gone),
                   edges->end());
      for (v1::Dependency& edge : *edges) edge.set_quorum(0);
      task->clear_quorums();
      task->clear_trigger();
    }
    if (!random.Chance(15)) continue;
    if (random.Chance(50)) {
      task->set_priority(task->priority() + 1);
    } else if (task->action() < kHandler) {
      task->set_action(task->action() ^ kLive);
    }
  }
  for (uint64_t more = random.Below(3); more > 0 || graph.tasks().empty();
       more -= more > 0 ? 1 : 0) {
    v1::Task* task = graph.add_tasks();
    task->set_name(fmt::format("n{}", random.Below(1'000'000)));
    const uint32_t action = AnyAction(random);
    if ((action & kService) != 0) task->set_kind(v1::TASK_KIND_SERVICE);
    task->set_action(action);
    AddDependencies(random, &graph, task);
  }
  for (v1::Task& undo : undos) *graph.add_tasks() = std::move(undo);
  return graph;
}

}  // namespace w2t::sim
