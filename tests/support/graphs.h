// Graphs for tests, and what is to be said of how they ran.
#ifndef W2T_TESTS_SUPPORT_GRAPHS_H_
#define W2T_TESTS_SUPPORT_GRAPHS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "w2t/v1/graph.pb.h"
#include "w2t/v1/run.pb.h"

namespace w2t::test {

// Adds a task that runs `command` under sh, after `after`. The reference is
// good until the next task is added.
v1::Task& AddShell(v1::Graph& graph, const std::string& name,
                   const std::string& command,
                   const std::vector<std::string>& after = {});
// The action of a task.
v1::Action& ActionOf(v1::Graph& graph, const v1::Task& task);

// Ends when `path` exists. What tests use to keep a task running for as long as
// they like.
std::string WaitForFile(std::string_view path);

// When a task's latest attempt ran, in microseconds since 1970.
struct Span {
  int64_t start_us = 0;
  int64_t end_us = 0;
};
std::map<std::string, Span> SpansOf(const std::vector<v1::TaskStatus>& tasks);
const v1::TaskStatus* FindTask(const std::vector<v1::TaskStatus>& tasks,
                               std::string_view name);

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_GRAPHS_H_
