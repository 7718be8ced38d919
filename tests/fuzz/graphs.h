// Small graphs of every kind, as a program says.
#ifndef W2T_TESTS_FUZZ_GRAPHS_H_
#define W2T_TESTS_FUZZ_GRAPHS_H_

#include <string>

#include "proto/wire/graph_codec.h"
#include "tests/fuzz/program.h"

namespace w2t::fuzz {

// May have faults, such as an edge that is there twice.
inline v1::Graph MakeGraph(Program& program) {
  const auto name = [](uint32_t i) {
    return std::string(1, static_cast<char>('a' + i));
  };
  v1::Graph graph;
  graph.add_actions()->mutable_exec()->set_shell("true");
  graph.mutable_actions(0)->mutable_ready()->set_log_text("x");
  const uint32_t tasks = 1 + program.Below(6);
  for (uint32_t i = 0; i < tasks; ++i) {
    v1::Task& task = *graph.add_tasks();
    task.set_name(name(i));
    const uint32_t kind = program.Byte();
    if (kind % 5 == 0) task.set_kind(v1::TASK_KIND_SERVICE);
    if (kind % 7 == 0) task.mutable_retry()->set_attempts(3);
    if (kind % 11 == 0) task.set_fail_run(true);
    if (kind % 13 == 0) task.set_allow_failure(true);
    for (uint32_t edges = program.Below(3); i > 0 && edges > 0; --edges) {
      v1::Dependency& edge = *task.add_depends_on();
      edge.set_task(name(program.Below(i)));
      edge.set_condition(static_cast<v1::Condition>(program.Below(6)));
    }
    if (task.depends_on_size() > 1 && kind % 3 == 0) task.set_trigger(1);
  }
  return graph;
}

}  // namespace w2t::fuzz

#endif  // W2T_TESTS_FUZZ_GRAPHS_H_
