// Loads texts as files, for tests.
#ifndef W2T_TESTS_UNIT_CLIENT_GRAPHFILE_LOAD_H_
#define W2T_TESTS_UNIT_CLIENT_GRAPHFILE_LOAD_H_

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "client/graphfile/graph_file.h"

namespace w2t::graphfile {

// The faults of a text, as people see them, without the file's name.
inline std::vector<std::string> FaultsOf(std::string_view text,
                                         const Options& options = {}) {
  const LoadResult result = LoadText(text, "f", options);
  std::vector<std::string> faults;
  for (const Fault& fault : result.faults) {
    faults.push_back(fault.ToString().substr(2));
  }
  EXPECT_EQ(faults.empty(), result.blueprint != nullptr);
  return faults;
}

// The graph of a text that has no faults.
inline v1::Graph GraphOf(std::string_view text, const Options& options = {}) {
  const LoadResult result = LoadText(text, "f", options);
  for (const Fault& fault : result.faults) {
    ADD_FAILURE() << fault.ToString();
  }
  return result.graph;
}

// The task of a text that has one.
inline v1::Task TaskOf(std::string_view text) {
  const v1::Graph graph = GraphOf(text);
  EXPECT_EQ(graph.tasks_size(), 1);
  return graph.tasks_size() == 0 ? v1::Task() : graph.tasks(0);
}

// What the first task of a text does.
inline v1::Action ActionOf(std::string_view text) {
  const v1::Graph graph = GraphOf(text);
  if (graph.tasks_size() == 0) return {};
  return graph.actions(graph.tasks(0).action());
}

}  // namespace w2t::graphfile

#endif  // W2T_TESTS_UNIT_CLIENT_GRAPHFILE_LOAD_H_
