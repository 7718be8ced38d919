// Any bytes as the graph of a request: a blueprint, or faults. What is accepted
// is read back from its journaled form as the same graph.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proto/wire/graph_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  w2t::Limits limits;
  limits.max_tasks = 1'000;
  limits.max_edges = 10'000;
  const w2t::wire::DecodedGraph graph = w2t::wire::DecodeGraph(bytes, limits);
  if (graph.faults.empty() != (graph.blueprint != nullptr)) std::abort();
  if (graph.blueprint == nullptr) return 0;

  const std::string_view encoded = graph.definition->encoded();
  const w2t::wire::DecodedGraph restored = w2t::wire::RestoreGraph(encoded);
  if (restored.blueprint == nullptr ||
      restored.blueprint->size() != graph.blueprint->size() ||
      restored.blueprint->edges() != graph.blueprint->edges() ||
      restored.definition->encoded() != encoded) {
    std::abort();
  }
  return 0;
}
