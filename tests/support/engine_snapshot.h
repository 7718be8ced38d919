// EngineSnapshot: an engine's state taken apart, in memory.
#ifndef W2T_TESTS_SUPPORT_ENGINE_SNAPSHOT_H_
#define W2T_TESTS_SUPPORT_ENGINE_SNAPSHOT_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/engine/engine.h"

namespace w2t::testing {

class EngineSnapshot {
 public:
  explicit EngineSnapshot(const Engine& engine);

  // A fresh engine as the other one was. `options` must outlive it.
  absl::StatusOr<std::unique_ptr<Engine>> Restore(
      const EngineOptions& options) const;

 private:
  EngineData data_;
  std::vector<std::pair<Run::Spec, RunData>> runs_;
  std::vector<RunSummary> ended_;
};

}  // namespace w2t::testing

#endif  // W2T_TESTS_SUPPORT_ENGINE_SNAPSHOT_H_
