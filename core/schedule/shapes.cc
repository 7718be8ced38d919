#include "core/schedule/shapes.h"

#include <algorithm>

#include "fmt/format.h"

namespace w2t {
namespace {

// What can keep a worker from ever running a demand, in the order in which it
// is told.
enum class Obstacle { kName, kCapability, kLabel, kResource, kNone };

uint64_t AmountOf(const WorkerSpec& spec, std::string_view resource) {
  for (const Resource& has : spec.resources) {
    if (has.name == resource) return has.milli;
  }
  return 0;
}

Obstacle FindObstacle(const Demand& demand, const WorkerSpec& spec) {
  if (!demand.worker.empty() && demand.worker != spec.name) {
    return Obstacle::kName;
  }
  if (std::find(spec.capabilities.begin(), spec.capabilities.end(),
                demand.capability) == spec.capabilities.end()) {
    return Obstacle::kCapability;
  }
  for (const auto& label : demand.labels) {
    if (std::find(spec.labels.begin(), spec.labels.end(), label) ==
        spec.labels.end()) {
      return Obstacle::kLabel;
    }
  }
  for (const Resource& resource : demand.resources) {
    if (AmountOf(spec, resource.name) < resource.milli) {
      return Obstacle::kResource;
    }
  }
  return Obstacle::kNone;
}

std::string Describe(Obstacle obstacle, const Demand& demand) {
  std::string text;
  switch (obstacle) {
    case Obstacle::kName:
      return fmt::format("worker \"{}\" is not connected", demand.worker);
    case Obstacle::kCapability:
      if (demand.capability == kExecCapability) {
        return "no connected worker runs programs";
      }
      return fmt::format("no connected worker serves {}", demand.capability);
    case Obstacle::kLabel:
      for (const auto& [key, value] : demand.labels) {
        text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value);
      }
      return fmt::format("no connected worker has the labels {}", text);
    case Obstacle::kResource:
      for (const Resource& resource : demand.resources) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ",
                            resource.milli / 1000.0, resource.name);
      }
      return fmt::format("no connected worker has {}", text);
    case Obstacle::kNone:
      break;
  }
  return text;
}

}  // namespace

ShapeId Shapes::Intern(const Demand& demand) {
  const auto [it, added] = ids_.try_emplace(demand, ShapeId{0});
  if (added) {
    if (unused_.empty()) {
      unused_.push_back(static_cast<ShapeId>(shapes_.size()));
      shapes_.emplace_back();
    }
    it->second = unused_.back();
    unused_.pop_back();
    Shape& shape = shapes_[it->second];
    shape = Shape{.demand = demand, .amounts = {}, .eligible = {}};
    for (const Resource& resource : demand.resources) {
      if (resource.milli == 0) continue;
      shape.amounts.push_back({fleet_.Intern(resource.name), resource.milli});
    }
  }
  ++shapes_[it->second].users;
  return it->second;
}

bool Shapes::Release(ShapeId id) {
  Shape& shape = shapes_[id];
  if (--shape.users > 0) return false;
  for (const Resource& resource : shape.demand.resources) {
    if (resource.milli != 0) fleet_.Forget(resource.name);
  }
  ids_.erase(shape.demand);
  shape = Shape();
  unused_.push_back(id);
  return true;
}

const std::vector<WorkerNumber>& Shapes::Eligible(ShapeId id) {
  Shape& shape = shapes_[id];
  if (shape.generation != fleet_.generation()) {
    shape.generation = fleet_.generation();
    shape.eligible.clear();
    for (const auto& [number, worker] : fleet_.workers()) {
      if (worker.session &&
          FindObstacle(shape.demand, worker.spec) == Obstacle::kNone) {
        shape.eligible.push_back(number);
      }
    }
  }
  return shape.eligible;
}

bool Shapes::Fits(const Shape& shape, const Worker& worker) {
  for (const ResourceAmount& amount : shape.amounts) {
    if (amount.kind >= worker.free.size() ||
        worker.free[amount.kind] < amount.milli) {
      return false;
    }
  }
  return true;
}

bool Shapes::Suits(const Demand& demand, const WorkerSpec& worker) {
  return FindObstacle(demand, worker) == Obstacle::kNone;
}

std::string Shapes::WhyNot(const Demand& demand, const Fleet& fleet) {
  // The worker that comes nearest tells what is missing.
  Obstacle nearest = Obstacle::kName;
  int connected = 0;
  int eligible = 0;
  int closed = 0;
  for (const auto& [number, worker] : fleet.workers()) {
    if (!worker.session) continue;
    ++connected;
    const Obstacle obstacle = FindObstacle(demand, worker.spec);
    nearest = std::max(nearest, obstacle);
    if (obstacle != Obstacle::kNone) continue;
    ++eligible;
    if (worker.draining || worker.leaving) ++closed;
  }
  if (!demand.worker.empty() && nearest == Obstacle::kName) {
    return Describe(Obstacle::kName, demand);
  }
  if (connected == 0) return "no worker is connected";
  if (nearest != Obstacle::kNone) return Describe(nearest, demand);
  if (closed == eligible) {
    return fmt::format("{} of {} workers that fit are draining", closed,
                       eligible);
  }
  return fmt::format("{} of {} workers that fit are full", eligible - closed,
                     eligible);
}

}  // namespace w2t
