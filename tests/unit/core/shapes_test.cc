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
