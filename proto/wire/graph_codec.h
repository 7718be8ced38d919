// Graphs between protobuf and core.
#ifndef W2T_PROTO_WIRE_GRAPH_CODEC_H_
#define W2T_PROTO_WIRE_GRAPH_CODEC_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/definition.h"
#include "w2t/blueprint.h"
#include "w2t/diagnostic.h"
#include "w2t/graph.h"
#include "w2t/limits.h"
#include "w2t/v1/graph.pb.h"

namespace w2t::wire {

// The declaration of a run as a v1.Graph, with its actions at hand.
class GraphDefinition : public Definition {
 public:
  GraphDefinition(std::string encoded, std::vector<v1::Action> actions)
      : encoded_(std::move(encoded)), actions_(std::move(actions)) {}

  std::string_view encoded() const override { return encoded_; }
  const std::vector<v1::Action>& actions() const { return actions_; }

 private:
  const std::string encoded_;
  const std::vector<v1::Action> actions_;
};

// What a v1.Graph comes to: a blueprint and its definition, or all its faults.
struct DecodedGraph {
  std::shared_ptr<const Blueprint> blueprint;         // null: faults
  std::shared_ptr<const GraphDefinition> definition;  // null: faults
  Diagnostics faults;
};

// Checks everything that can be wrong with `graph`: its fields (actions,
// probes, durations, enums, counts) and its structure. Only that of a revised
// run may have tasks that were removed.
enum class GraphUse { kSubmit, kRevision };
DecodedGraph DecodeGraph(const v1::Graph& graph, const Limits& limits,
                         GraphUse use = GraphUse::kSubmit);
// The same for its serialized form; bytes that are no v1.Graph are a fault.
DecodedGraph DecodeGraph(std::string_view encoded, const Limits& limits);

// A graph that was checked when its run was accepted, perhaps by an older
// version or under wider limits: only what a blueprint cannot do without is
// checked again.
DecodedGraph RestoreGraph(std::string_view encoded);

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_GRAPH_CODEC_H_
