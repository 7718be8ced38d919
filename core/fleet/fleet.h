// Fleet: the workers that the daemon knows, what each one has, and which
// attempts it holds. Not thread-safe: owned by the engine's thread.
#ifndef W2T_CORE_FLEET_FLEET_H_
#define W2T_CORE_FLEET_FLEET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"
#include "core/fleet/worker_spec.h"
#include "core/run/lease.h"

namespace w2t {

// A kind of resource, as an index into Worker::free.
using ResourceKind = uint32_t;

// An amount of one kind.
struct ResourceAmount {
  ResourceKind kind;
  uint64_t milli;
};

struct Worker {
  WorkerNumber number;
  WorkerSpec spec;
  bool draining = false;

  // What it has and what of that is not taken, in thousandths, by ResourceKind.
  // Kinds beyond the end: nothing.
  std::vector<uint64_t> total;
  std::vector<uint64_t> free;
  // What it holds, in the order in which it was given.
  absl::btree_map<Fence, LeaseRef> leases;

  // The stream. Not durable.
  SessionId session;     // none: detached
  bool leaving = false;  // it asked for no more offers on this stream
  bool waits = false;    // HelloEvent::waits
  int64_t last_seen_us = 0;
  int64_t last_ping_us = 0;
  int64_t detached_us = 0;

  // May be given more.
  bool accepting() const {
    return session && !draining && !leaving && leases.size() < spec.max_leases;
  }
  // The same of what may not start yet; half of its leases are kept for what
  // may.
  bool accepting_ahead() const {
    return accepting() && waits && leases.size() < spec.max_leases / 2;
  }
};

class Fleet {
 public:
  Worker& Add(WorkerNumber number, WorkerSpec spec);
  void Remove(WorkerNumber number);

  Worker* Find(WorkerNumber number);
  const Worker* Find(WorkerNumber number) const;
  const Worker* FindByName(std::string_view name) const;
  Worker* FindBySession(SessionId session);

  // `session` none: detaches.
  void Attach(Worker& worker, SessionId session, int64_t now_us);

  // Of the resource with this name; 0 when it has none of it.
  uint64_t FreeOf(const Worker& worker, std::string_view resource) const;
  void Take(Worker& worker, const LeaseRef& lease,
            const std::vector<ResourceAmount>& amounts);
  void Release(Worker& worker, Fence fence,
               const std::vector<ResourceAmount>& amounts);

  // The number of a resource's name, with one user more.
  ResourceKind Intern(std::string_view resource);
  // One user less; without any the name is forgotten, and its number is given
  // to another.
  void Forget(std::string_view resource);
  // Names that are known.
  size_t kinds() const { return kinds_.size(); }

  const absl::btree_map<WorkerNumber, Worker>& workers() const {
    return workers_;
  }
  absl::btree_map<WorkerNumber, Worker>& workers() { return workers_; }
  size_t leases() const { return lease_count_; }
  // Counts up whenever workers come, go, or change what they are.
  uint64_t generation() const { return generation_; }
  void Changed() { ++generation_; }

 private:
  absl::btree_map<WorkerNumber, Worker> workers_;
  absl::flat_hash_map<std::string, WorkerNumber> by_name_;
  absl::flat_hash_map<SessionId, WorkerNumber> by_session_;
  // The names of workers and of shapes come and go: no number is kept for one
  // that nobody has.
  struct Kind {
    ResourceKind number = 0;
    uint64_t users = 0;
  };
  absl::flat_hash_map<std::string, Kind> kinds_;
  std::vector<ResourceKind> unused_kinds_;
  size_t lease_count_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace w2t

#endif  // W2T_CORE_FLEET_FLEET_H_
