#include "tests/bench/shapes.h"

#include <algorithm>
#include <random>

#include "fmt/format.h"
#include "tests/bench/null_handler.h"

namespace w2t::bench {
namespace {

constexpr uint32_t kWidth = 100;
constexpr int kDependencies = 3;

std::string NameOf(uint32_t task) { return fmt::format("t{}", task); }

// Different tasks of the layer before.
void AddLayerDependencies(uint32_t task, std::mt19937& random, v1::Task* out) {
  const uint32_t layer = task / kWidth;
  if (layer == 0) return;
  std::uniform_int_distribution<uint32_t> pick(0, kWidth - 1);
  uint32_t picked[kDependencies];
  for (int i = 0; i < kDependencies; ++i) {
    do {
      picked[i] = (layer - 1) * kWidth + pick(random);
    } while (std::find(picked, picked + i, picked[i]) != picked + i);
    out->add_depends_on()->set_task(NameOf(picked[i]));
  }
}

}  // namespace

std::optional<Shape> ParseShape(std::string_view name) {
  if (name == "independent") return Shape::kIndependent;
  if (name == "chain") return Shape::kChain;
  if (name == "layered") return Shape::kLayered;
  return std::nullopt;
}

v1::Graph MakeGraph(Shape shape, uint32_t count) {
  std::mt19937 random(1);
  v1::Graph graph;
  graph.set_name("bench");
  graph.add_actions()->mutable_handler()->set_name(kNullHandler);
  for (uint32_t i = 0; i < count; ++i) {
    v1::Task& task = *graph.add_tasks();
    task.set_name(NameOf(i));
    if (shape == Shape::kChain && i > 0) {
      task.add_depends_on()->set_task(NameOf(i - 1));
    }
    if (shape == Shape::kLayered) AddLayerDependencies(i, random, &task);
  }
  return graph;
}

}  // namespace w2t::bench
