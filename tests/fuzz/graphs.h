// Small graphs of every kind, as a program says.
#ifndef W2T_TESTS_FUZZ_GRAPHS_H_
#define W2T_TESTS_FUZZ_GRAPHS_H_

#include <algorithm>
#include <set>
#include <string>

#include "proto/wire/graph_codec.h"
#include "proto/wire/graph_merge.h"
#include "tests/fuzz/program.h"

namespace w2t::fuzz {

inline void MakeTask(Program& program, v1::Graph& graph) {
  const auto others = static_cast<uint32_t>(graph.tasks_size());
  v1::Task& task = *graph.add_tasks();
  const uint32_t kind = program.Byte();
  if (kind % 5 == 0) task.set_kind(v1::TASK_KIND_SERVICE);
  if (kind % 7 == 0) task.mutable_retry()->set_attempts(3);
  if (kind % 11 == 0) task.set_fail_run(true);
  if (kind % 13 == 0) task.set_allow_failure(true);
  if (kind % 17 == 1) task.set_side_effect(v1::SIDE_EFFECT_AT_MOST_ONCE);
  for (uint32_t edges = program.Below(3); others > 0 && edges > 0; --edges) {
    v1::Dependency& edge = *task.add_depends_on();
    edge.set_task(graph.tasks(static_cast<int>(program.Below(others))).name());
    const uint32_t what = program.Byte();
    edge.set_condition(static_cast<v1::Condition>(what % 6));
    edge.set_restart(what >= 128);
  }
  if (task.depends_on_size() > 1 && kind % 3 == 0) task.set_trigger(1);
}

// What undoes those of its tasks that the program chooses.
inline void MakeUndos(Program& program, v1::Graph& graph) {
  for (int i = graph.tasks_size(); i-- > 0;) {
    if (program.Flag()) continue;
    v1::Task& undo = *graph.add_tasks();
    const std::string& name = graph.tasks(i).name();
    undo.set_name("undo-" + name);
    undo.set_undo_of(name);
  }
}

// May have faults, such as an edge that is there twice.
inline v1::Graph MakeGraph(Program& program) {
  v1::Graph graph;
  graph.add_actions()->mutable_exec()->set_shell("true");
  graph.mutable_actions(0)->mutable_ready()->set_log_text("x");
  const uint32_t size = program.Byte();
  for (uint32_t i = 0; i <= size % 6; ++i) {
    MakeTask(program, graph);
    graph.mutable_tasks(static_cast<int>(i))
        ->set_name(std::string(1, static_cast<char>('a' + i)));
  }
  if (size >= 64) graph.set_on_failure(v1::ON_FAILURE_CANCEL);
  if (size >= 128) {
    graph.set_on_failure(v1::ON_FAILURE_UNDO);
    MakeUndos(program, graph);
  }
  return graph;
}

// Takes those tasks out, and what depends on them or undoes them waits for them
// no more.
inline void TakeOut(const std::set<std::string>& names, v1::Graph& graph) {
  auto& tasks = *graph.mutable_tasks();
  tasks.erase(std::remove_if(tasks.begin(), tasks.end(),
                             [&](const v1::Task& task) {
                               return names.contains(task.name()) ||
                                      names.contains(task.undo_of());
                             }),
              tasks.end());
  for (v1::Task& task : tasks) {
    auto& edges = *task.mutable_depends_on();
    edges.erase(std::remove_if(edges.begin(), edges.end(),
                               [&](const v1::Dependency& edge) {
                                 return names.contains(edge.task());
                               }),
                edges.end());
    if (edges.size() < 2) task.clear_trigger();
  }
}

// What is to run in the place of `running`: tasks change, go, come and come
// back. May have faults.
inline wire::GraphMerge ReviseGraph(Program& program,
                                    const v1::Graph& running) {
  v1::Graph wanted = running;
  std::set<std::string> gone;
  for (v1::Task& task : *wanted.mutable_tasks()) {
    const uint32_t what = program.Byte();
    if ((what % 8 == 0) != task.removed()) gone.insert(task.name());
    if (what % 8 == 1) task.set_priority(task.priority() + 1);
    if (what % 8 == 2) task.clear_depends_on();
    if (what % 8 == 2) task.clear_trigger();
    if (what == 3) task.set_kind(v1::TASK_KIND_SERVICE);
    task.set_removed(false);
  }
  TakeOut(gone, wanted);
  for (uint32_t more = program.Below(3); more > 0; --more) {
    MakeTask(program, wanted);
    wanted.mutable_tasks()->rbegin()->set_name(
        std::string(1, static_cast<char>('h' + program.Below(8))));
  }
  return wire::MergeGraphs(running, wanted);
}

}  // namespace w2t::fuzz

#endif  // W2T_TESTS_FUZZ_GRAPHS_H_
