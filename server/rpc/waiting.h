// Why a task that depends on nothing any more makes others wait.
#ifndef W2T_SERVER_RPC_WAITING_H_
#define W2T_SERVER_RPC_WAITING_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "core/engine/engine.h"
#include "server/rpc/session.h"

namespace w2t::server {

// For the tasks of one run at one moment. Each answer is one line of a few
// hundred bytes at most, and takes no longer for a large run than for a small
// one, but for what is asked of the scheduler, which is asked once for each
// demand. Not thread-safe; the engine must outlive it.
class Waiting {
 public:
  // What the session of a worker knows of the probe of a lease.
  using FindProbe =
      std::function<std::optional<ProbeNews>(SessionId, uint64_t fence)>;

  // Without `find_probe` nobody knows what probes have found.
  Waiting(const Engine& engine, const Run& run, absl::Time now,
          FindProbe find_probe = nullptr)
      : engine_(engine),
        run_(run),
        now_(now),
        find_probe_(std::move(find_probe)) {}

  // Empty when there is nothing to say, or the task waits for others
  // (Run::KindOfWait). A ready task: why no worker has it. One in backoff: what
  // went wrong, when it is tried again, and how often. One that a worker has:
  // that the worker is gone, that it is being stopped, that it waits for its
  // turn there, that the probe has not passed, and what it found. A cancelled
  // one: why.
  std::string Of(TaskIndex task);
  // What is left of the timeout of one that runs; infinite: it has none.
  absl::Duration TimeLeft(TaskIndex task) const;

 private:
  std::string OfReady(TaskIndex task);
  std::string OfBackoff(TaskIndex task) const;
  // "; 2 of 5 restarts left in 10m"
  std::string AttemptsLeft(TaskIndex task) const;
  std::string OfHeld(TaskIndex task) const;
  std::string OfCancelled(TaskIndex task) const;
  // What its worker says of its probe, or of its start.
  std::optional<ProbeNews> NewsOf(const Worker* worker,
                                  const TaskRecord& record) const;
  // "; probe 7 failed 2s ago: ...", or empty.
  std::string LastProbe(const Worker* worker, const TaskRecord& record) const;
  // "4s", from now on.
  std::string Until(int64_t us) const;

  const Engine& engine_;
  const Run& run_;
  const absl::Time now_;
  const FindProbe find_probe_;
  absl::flat_hash_map<uint32_t, std::string> by_demand_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_WAITING_H_
