// Shapes: the distinct demands of all runs. Placement is decided shape by
// shape, so that its cost follows the number of shapes and not of tasks. Not
// thread-safe: owned by the engine's thread.
#ifndef W2T_CORE_SCHEDULE_SHAPES_H_
#define W2T_CORE_SCHEDULE_SHAPES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/fleet/fleet.h"
#include "w2t/graph.h"

namespace w2t {

using ShapeId = uint32_t;

struct Shape {
  Demand demand;
  std::vector<ResourceAmount> amounts;  // without those that are 0
  uint32_t users = 0;
  // Workers that could run it if they were empty, as of `generation`.
  std::vector<WorkerNumber> eligible;
  uint64_t generation = UINT64_MAX;
};

class Shapes {
 public:
  explicit Shapes(Fleet* fleet) : fleet_(*fleet) {}

  // Counts one more user of the shape, which is new when nobody had it.
  ShapeId Intern(const Demand& demand);
  // Counts one less; true when that was the last. Its number is used again.
  bool Release(ShapeId id);
  const Shape& at(ShapeId id) const { return shapes_[id]; }
  size_t size() const { return shapes_.size(); }

  // Workers that could run `id` if they were empty.
  const std::vector<WorkerNumber>& Eligible(ShapeId id);

  // True when `worker` has enough left for `shape`.
  static bool Fits(const Shape& shape, const Worker& worker);

  // Whether `worker` could run `demand` if it had nothing else to do.
  static bool Suits(const Demand& demand, const WorkerSpec& worker);
  // Why no worker takes `shape` now, in words.
  static std::string WhyNot(const Demand& demand, const Fleet& fleet);

 private:
  Fleet& fleet_;
  std::vector<Shape> shapes_;
  absl::flat_hash_map<Demand, ShapeId> ids_;
  std::vector<ShapeId> unused_;
};

}  // namespace w2t

#endif  // W2T_CORE_SCHEDULE_SHAPES_H_
