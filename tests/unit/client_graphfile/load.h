// Loads texts as files, for tests.
#ifndef W2T_TESTS_UNIT_CLIENT_GRAPHFILE_LOAD_H_
#define W2T_TESTS_UNIT_CLIENT_GRAPHFILE_LOAD_H_

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
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

inline std::vector<std::string> Names(const v1::Graph& graph) {
  std::vector<std::string> names;
  for (const v1::Task& task : graph.tasks()) names.push_back(task.name());
  return names;
}

// Files by their paths, which nothing but a test sees.
using TestFiles = std::map<std::string, std::string>;

inline LoadResult LoadTestFiles(TestFiles files,
                                const std::vector<std::string>& paths,
                                Options options = {}) {
  options.read_file =
      [files = std::move(files)](
          const std::string& path) -> absl::StatusOr<std::string> {
    const auto it = files.find(path);
    if (it == files.end()) return absl::NotFoundError("is not there");
    return it->second;
  };
  return LoadFiles(paths, options);
}

// The faults of files, as people see them.
inline std::vector<std::string> FaultsOfFiles(
    TestFiles files, const std::vector<std::string>& paths,
    const Options& options = {}) {
  std::vector<std::string> faults;
  for (const Fault& fault :
       LoadTestFiles(std::move(files), paths, options).faults) {
    faults.push_back(fault.ToString());
  }
  return faults;
}

// The graph of files that have no faults.
inline v1::Graph GraphOfFiles(TestFiles files,
                              const std::vector<std::string>& paths,
                              const Options& options = {}) {
  const LoadResult result = LoadTestFiles(std::move(files), paths, options);
  for (const Fault& fault : result.faults) {
    ADD_FAILURE() << fault.ToString();
  }
  return result.graph;
}

}  // namespace w2t::graphfile

#endif  // W2T_TESTS_UNIT_CLIENT_GRAPHFILE_LOAD_H_
