// Any bytes as a graph file, in every format: they become a graph, or faults
// that say where.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/graphfile/graph_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using w2t::graphfile::Format;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  w2t::graphfile::Options options;
  options.limits.max_tasks = 1'000;
  options.limits.max_edges = 10'000;
  options.read_file = [](const std::string&) -> absl::StatusOr<std::string> {
    return absl::NotFoundError("no files here");
  };
  for (const Format format :
       {Format::kDetect, Format::kGraph, Format::kProcessCompose,
        Format::kWfFormat, Format::kCompose}) {
    options.format = format;
    const auto result = w2t::graphfile::LoadText(text, "f", options);
    // Either a graph or a reason.
    if (result.faults.empty() != (result.blueprint != nullptr)) std::abort();
    for (const auto& fault : result.faults) {
      if (fault.message.empty()) std::abort();
    }
  }
  return 0;
}
