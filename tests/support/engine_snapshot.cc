#include "tests/support/engine_snapshot.h"

namespace w2t::testing {

EngineSnapshot::EngineSnapshot(const Engine& engine) : data_(engine.Data()) {
  for (const RunNumber number : data_.runs) {
    const Run& run = *engine.FindRun(number);
    runs_.emplace_back(run.spec(), run.data());
  }
  for (const RunNumber number : data_.ended) {
    const Run* run = engine.FindRun(number);
    ended_.push_back(run != nullptr ? Engine::SummaryOf(*run)
                                    : engine.archived().at(number));
  }
}

absl::StatusOr<std::unique_ptr<Engine>> EngineSnapshot::Restore(
    const EngineOptions& options) const {
  auto engine = std::make_unique<Engine>(options);
  absl::Status status = engine->Restore(data_);
  for (const auto& [spec, data] : runs_) {
    if (status.ok()) status = engine->Restore(spec, data);
  }
  for (const RunSummary& summary : ended_) {
    if (status.ok()) status = engine->Restore(summary);
  }
  if (!status.ok()) return status;
  return engine;
}

}  // namespace w2t::testing
