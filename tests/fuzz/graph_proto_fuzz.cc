// Any bytes as a graph on the wire: they become a blueprint, or faults that can
// be sent back.
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proto/wire/graph_codec.h"
#include "proto/wire/status_codec.h"
#include "tests/fuzz/program.h"

using w2t::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  w2t::Limits limits;
  limits.max_tasks = 1'000;
  limits.max_edges = 10'000;
  const w2t::wire::DecodedGraph graph = w2t::wire::DecodeGraph(bytes, limits);
  Require((graph.blueprint == nullptr) == (graph.definition == nullptr));
  Require((graph.blueprint == nullptr) == !graph.faults.empty());

  const w2t::wire::DecodedGraph restored = w2t::wire::RestoreGraph(bytes);
  if (graph.blueprint != nullptr) {
    Require(restored.blueprint != nullptr);
    Require(restored.blueprint->size() == graph.blueprint->size());
    Require(restored.blueprint->edges() == graph.blueprint->edges());
    Require(restored.definition->encoded() == bytes);
    for (w2t::TaskIndex i = 0; i < graph.blueprint->size(); ++i) {
      Require(graph.blueprint->action(i) < graph.definition->actions().size());
    }
    return 0;
  }
  const absl::Status status = w2t::wire::ToStatus(graph.faults);
  Require(w2t::wire::DetailOf(status).has_value());
  const absl::Status back = w2t::wire::FromGrpc(w2t::wire::ToGrpc(status));
  Require(w2t::wire::DetailOf(back).has_value());
  Require(w2t::wire::DetailOf(back)->total() == graph.faults.total());
  return 0;
}
