// StopMutexChecks: what the programs call first in main.
//
// Some builds of abseil look for deadlocks at each lock of each mutex, gRPC's
// too, which takes a tenth of the daemon's time. A debug build keeps that.
#ifndef W2T_PROTO_WIRE_MUTEX_CHECKS_H_
#define W2T_PROTO_WIRE_MUTEX_CHECKS_H_

#include "absl/synchronization/mutex.h"

namespace w2t::wire {

inline void StopMutexChecks() {
#ifdef NDEBUG
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
}

}  // namespace w2t::wire

#endif  // W2T_PROTO_WIRE_MUTEX_CHECKS_H_
