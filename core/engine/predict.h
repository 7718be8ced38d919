// Predicts a run without running it.
#ifndef W2T_CORE_ENGINE_PREDICT_H_
#define W2T_CORE_ENGINE_PREDICT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "w2t/blueprint.h"

namespace w2t {

struct Prediction {
  // From the start of the run to the end of its last task, or until its last
  // service is ready.
  absl::Duration length;
  // Of each task, from the start of the run; of a service, `end` is when it is
  // ready. Equal and zero for a task that would be skipped.
  std::vector<absl::Duration> start;
  std::vector<absl::Duration> end;
};

// Plays `blueprint` under a virtual clock, with the rules of Run and the order
// of the ready queue, on one machine with `slots` cpus that meets every other
// demand: each task takes its estimate and succeeds, each service is ready
// after its estimate. A task that asks for more cpus than there are takes all.
Prediction Predict(std::shared_ptr<const Blueprint> blueprint, uint32_t slots);

}  // namespace w2t

#endif  // W2T_CORE_ENGINE_PREDICT_H_
