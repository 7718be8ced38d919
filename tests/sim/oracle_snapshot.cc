// Whether a snapshot would be what it stands for.
#include <memory>
#include <utility>

#include "fmt/format.h"
#include "proto/wire/graph_codec.h"
#include "proto/wire/snapshot_codec.h"
#include "tests/sim/oracle.h"

namespace w2t::sim {
namespace {

absl::Status RestoreRun(const Run& run, Engine* engine) {
  absl::StatusOr<wire::RunParts> parts = wire::DecodeRun(wire::EncodeRun(run));
  if (!parts.ok()) return parts.status();
  wire::DecodedGraph graph =
      wire::RestoreGraph(run.spec().definition->encoded());
  if (graph.blueprint == nullptr) {
    return absl::DataLossError(graph.faults.Summary());
  }
  parts->spec.blueprint = std::move(graph.blueprint);
  parts->spec.definition = std::move(graph.definition);
  return engine->Restore(std::move(parts->spec), std::move(parts->data));
}

absl::Status RestoreEnded(const RunSummary& summary, Engine* engine) {
  absl::StatusOr<RunSummary> read =
      wire::DecodeEnded(wire::EncodeEnded(summary));
  return read.ok() ? engine->Restore(*std::move(read)) : read.status();
}

absl::Status RestoreAll(const Engine& engine, Engine* to) {
  const absl::StatusOr<EngineData> data =
      wire::DecodeEngine(wire::EncodeEngine(engine.Data()));
  if (!data.ok()) return data.status();
  absl::Status status = to->Restore(*data);
  for (const RunNumber number : data->runs) {
    if (status.ok()) status = RestoreRun(*engine.FindRun(number), to);
  }
  for (const RunNumber number : data->ended) {
    const auto archived = engine.archived().find(number);
    if (!status.ok()) break;
    status = RestoreEnded(archived == engine.archived().end()
                              ? Engine::SummaryOf(*engine.FindRun(number))
                              : archived->second,
                          to);
  }
  return status;
}

}  // namespace

void Oracle::CheckSnapshot(const Engine& engine) {
  Engine restored(options_);
  const absl::Status status = RestoreAll(engine, &restored);
  if (!status.ok()) {
    Fault(fmt::format("a snapshot cannot be read: {}", status.ToString()));
  } else if (restored.Hash() != engine.Hash()) {
    Fault("a snapshot leads to another state");
  }
}

}  // namespace w2t::sim
