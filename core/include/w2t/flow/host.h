// Host: where tasks run. A program implements it to run graphs on threads of
// its own; the examples have hosts of asio and of oneTBB.
#ifndef W2T_FLOW_HOST_H_
#define W2T_FLOW_HOST_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace w2t::flow {

// Thread-safe. Must outlive all runs on it and, as these post jobs, all calls of
// Resumer::Resume. A job does not throw.
class Host {
 public:
  using Job = absl::AnyInvocable<void()>;

  virtual ~Host() = default;

  // Calls `job` soon, once, on any thread but not inside of Post. A job may be
  // destroyed without having been called only when no run on this host is left.
  virtual void Post(Job job) = 0;
  // The same once `delay` has passed.
  virtual void PostAfter(absl::Duration delay, Job job) = 0;

  // How many jobs of one run may be called at the same time, 1 to 64.
  virtual int threads() const { return 1; }
  // How many tasks one job may run before it makes way for others and posts the
  // rest anew. At least 1.
  virtual uint32_t slice() const { return UINT32_MAX; }
};

}  // namespace w2t::flow

#endif  // W2T_FLOW_HOST_H_
