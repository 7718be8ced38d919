// Distinct demands, and that they are forgotten with the runs that had them.
#include "core/schedule/shapes.h"

#include <string>

#include "core/fleet/fleet.h"
#include "gtest/gtest.h"
#include "tests/support/engine_env.h"
#include "tests/support/graph_builder.h"

namespace w2t::testing {
namespace {

TEST(ShapesTest, EqualDemandsShareAShape) {
  Fleet fleet;
  Shapes shapes(&fleet);
  const ShapeId plain = shapes.Intern({});
  EXPECT_EQ(shapes.Intern({}), plain);
  EXPECT_NE(shapes.Intern({.worker = "w1"}), plain);
  EXPECT_EQ(shapes.size(), 2u);
}

TEST(ShapesTest, AShapeGoesWithItsLastUser) {
  Fleet fleet;
  Shapes shapes(&fleet);
  const ShapeId plain = shapes.Intern({});
  shapes.Intern({});
  EXPECT_FALSE(shapes.Release(plain));
  EXPECT_EQ(shapes.Intern({}), plain);
  EXPECT_FALSE(shapes.Release(plain));
  EXPECT_TRUE(shapes.Release(plain));
}

TEST(ShapesTest, EverNewDemandsDoNotPileUp) {
  Fleet fleet;
  Shapes shapes(&fleet);
  for (int i = 0; i < 1'000; ++i) {
    const ShapeId id = shapes.Intern({.worker = std::to_string(i)});
    EXPECT_EQ(shapes.at(id).demand.worker, std::to_string(i));
    EXPECT_TRUE(shapes.Release(id));
  }
  EXPECT_EQ(shapes.size(), 1u);
}

TEST(ShapesTest, NamesOfResourcesGoWithTheirLastUser) {
  Fleet fleet;
  Shapes shapes(&fleet);
  const ShapeId gpu = shapes.Intern({.resources = {{"gpus", 1'000}}});
  for (uint32_t i = 1; i <= 1'000; ++i) {
    const std::string own = "r" + std::to_string(i);
    Worker& worker =
        fleet.Add(WorkerNumber{i},
                  {.name = "w", .resources = {{"gpus", 2'000}, {own, 5'000}}});
    EXPECT_TRUE(Shapes::Fits(shapes.at(gpu), worker));
    const ShapeId wants = shapes.Intern({.resources = {{own, 6'000}}});
    EXPECT_FALSE(Shapes::Fits(shapes.at(wants), worker));
    EXPECT_LE(worker.free.size(), 2u);
    fleet.Remove(WorkerNumber{i});
    EXPECT_EQ(fleet.kinds(), 2u);  // the shape still has it
    shapes.Release(wants);
    EXPECT_EQ(fleet.kinds(), 1u);
  }
  shapes.Release(gpu);
  EXPECT_EQ(fleet.kinds(), 0u);
}

TEST(ShapesTest, WhatWaitedInAnEndedRunDoesNotLiveOnInAnotherOne) {
  // Both runs' demands get the same number, one after the other.
  EngineEnv env;
  env.Submit(GraphBuilder().Task("a").Demands({.worker = "w1"}).Task("b"));
  EXPECT_TRUE(env.Cancel().ok());
  env.Submit(GraphBuilder().Task("c").Demands({.worker = "w2"}).Task("d"));
  env.Hello("w1", {.slots = 9});
  EXPECT_EQ(env.State("c"), TaskState::kReady);
  EXPECT_EQ(env.State("d"), TaskState::kLeased);
  env.Hello("w2", {.slots = 9});
  EXPECT_EQ(env.WorkerOf("c"), "w2");
}

}  // namespace
}  // namespace w2t::testing
