// The names of workers by number, also of those that are gone: runs outlive the
// workers that ran their tasks. Remembers the latest kMost. Not thread-safe:
// owned by the loop.
#ifndef W2T_SERVER_LOOP_WORKER_NAMES_H_
#define W2T_SERVER_LOOP_WORKER_NAMES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "core/base/ids.h"
#include "core/engine/fact.h"

namespace w2t::server {

class WorkerNames {
 public:
  static constexpr size_t kMost = 100'000;

  // Takes note of the workers that join in these facts.
  void Learn(const FactBatch& batch);
  void Add(WorkerNumber worker, std::string name);
  // Empty when the number is not known.
  std::string_view Find(WorkerNumber worker) const;
  // All that are known, the newest last.
  const absl::btree_map<WorkerNumber, std::string>& all() const {
    return names_;
  }
  // The number of the newest; none when there is none.
  WorkerNumber last() const {
    return names_.empty() ? WorkerNumber() : names_.rbegin()->first;
  }

 private:
  absl::btree_map<WorkerNumber, std::string> names_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_LOOP_WORKER_NAMES_H_
