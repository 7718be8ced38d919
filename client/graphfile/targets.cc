#include "client/graphfile/targets.h"

#include <cstdint>
#include <vector>

namespace w2t::graphfile {

v1::Graph OnlyNeeded(const v1::Graph& graph, const Blueprint& blueprint,
                     absl::Span<const TaskIndex> targets) {
  std::vector<bool> needed(blueprint.size());
  std::vector<TaskIndex> open;
  const auto need = [&](TaskIndex task) {
    if (needed[task]) return;
    needed[task] = true;
    open.push_back(task);
  };
  for (const TaskIndex task : targets) need(task);
  while (!open.empty()) {
    const TaskIndex task = open.back();
    open.pop_back();
    for (const Blueprint::Edge& edge : blueprint.predecessors(task)) {
      need(edge.task);
    }
    const TaskIndex partner = blueprint.undo_partner(task);
    if (partner != kNoTask) need(partner);
  }
  v1::Graph part;
  part.set_name(graph.name());
  part.set_on_failure(graph.on_failure());
  constexpr uint32_t kNone = UINT32_MAX;
  std::vector<uint32_t> actions(static_cast<size_t>(graph.actions_size()),
                                kNone);
  for (TaskIndex task = 0; task < blueprint.size(); ++task) {
    if (!needed[task]) continue;
    v1::Task& kept = *part.add_tasks();
    kept = graph.tasks(static_cast<int>(task));
    uint32_t& action = actions[kept.action()];
    if (action == kNone) {
      action = static_cast<uint32_t>(part.actions_size());
      *part.add_actions() = graph.actions(static_cast<int>(kept.action()));
    }
    kept.set_action(action);
  }
  return part;
}

}  // namespace w2t::graphfile
