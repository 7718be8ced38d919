// Any bytes as a graph file: they become a graph, or faults that say where.
#ifndef W2T_TESTS_FUZZ_LOAD_TEXT_H_
#define W2T_TESTS_FUZZ_LOAD_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "client/graphfile/graph_file.h"
#include "tests/fuzz/program.h"

namespace w2t::fuzz {

// The only other file that there is, "self", is the same one.
inline void TryLoadText(const uint8_t* data, size_t size,
                        graphfile::Format format) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  graphfile::Options options;
  options.format = format;
  options.limits.max_tasks = 1'000;
  options.limits.max_edges = 10'000;
  options.environment = {{"A", "a"}, {"B", ""}};
  options.read_file =
      [text](const std::string& path) -> absl::StatusOr<std::string> {
    if (path.ends_with("self")) return std::string(text);
    return absl::NotFoundError("no such file");
  };
  const auto check = [](const graphfile::LoadResult& result) {
    // Either a graph or a reason.
    Require(result.faults.empty() == (result.blueprint != nullptr));
    for (const auto& fault : result.faults) Require(!fault.message.empty());
  };
  check(graphfile::LoadText(text, "f", options));
  // The file on top of itself, to be run.
  options.for_run = true;
  check(graphfile::LoadFiles({"self", "self"}, options));
}

}  // namespace w2t::fuzz

#endif  // W2T_TESTS_FUZZ_LOAD_TEXT_H_
