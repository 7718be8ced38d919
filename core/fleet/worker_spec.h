// What a worker says of itself when it dials.
#ifndef W2T_CORE_FLEET_WORKER_SPEC_H_
#define W2T_CORE_FLEET_WORKER_SPEC_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "w2t/graph.h"

namespace w2t {

struct WorkerSpec {
  std::string name;      // unique among live workers
  std::string instance;  // tells a restarted process from one that dials again
  std::vector<std::pair<std::string, std::string>> labels;  // sorted by key
  std::vector<Resource> resources;                          // sorted by name
  std::vector<std::string> capabilities;                    // sorted
  uint32_t max_leases = 0;
  std::string version;
  // Number of its latest stream, counted by its process from 1. 0: it does not
  // count them.
  uint64_t stream = 0;

  bool operator==(const WorkerSpec&) const = default;
};

}  // namespace w2t

#endif  // W2T_CORE_FLEET_WORKER_SPEC_H_
