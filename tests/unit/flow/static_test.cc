// Blueprints that are checked by the compiler. What it refuses is in
// tests/compile_fail.
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

using ::testing::ElementsAre;

constexpr auto kPipeline = blueprint(
    task<"join", "parse", "index">([](int p, long i) { return p + i + 0.5; }),
    task<"fetch">([] { return 20; }),
    task<"parse", "fetch">([](int x) { return 2 * x; }),
    task<"index", "fetch">(
        [](int x) -> absl::StatusOr<long> { return x + 2; }));

TEST(StaticBlueprintTest, PutsTasksWrittenInAnyOrderAfterTheirDependencies) {
  static_assert(kPipeline.size() == 4);
  EXPECT_THAT(kPipeline.order(),
              ElementsAre("fetch", "parse", "index", "join"));
}

TEST(StaticBlueprintTest, RunsOnEveryExecutorAndGivesTypedValuesByName) {
  Executor executors[] = {Executor(2), Executor::Cooperative(),
                          Executor::OneAtATime()};
  for (Executor& executor : executors) {
    const auto result = executor.Run(kPipeline);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result.succeeded(), 4u);
    EXPECT_EQ(result.steps(), 3u);
    const absl::StatusOr<double> join = result.Of<"join">();
    EXPECT_EQ(*join, 62.5);
    static_assert(
        std::is_same_v<decltype(result.Of<"index">()), absl::StatusOr<long>>);
    EXPECT_EQ(*result.Get<"parse">(), 40);
  }
}

TEST(StaticBlueprintTest, TakesTheBodiesThatAGraphTakes) {
  struct Doubled {
    Async<long> operator()(const int& x) const { co_return 2L * x; }
  };
  constexpr auto kAll = blueprint(
      task<"number">(+[] { return 5; }),  // a function pointer
      task<"void", "number">([](const int&, std::stop_token) {}),
      task<"status", "void">([] { return absl::OkStatus(); }),
      task<"async", "status", "number">(Doubled()),
      task<"own", "async">([](long x) { return std::make_unique<long>(x); }),
      task<"generic", "own">([](const auto& own) { return *own + 1; }));
  auto result = Executor(2).Run(kAll);
  ASSERT_TRUE(result.ok()) << result.status();
  static_assert(std::is_same_v<decltype(result.Of<"void">()), absl::Status>);
  EXPECT_TRUE(result.Of<"void">().ok());
  EXPECT_EQ(*result.Of<"generic">(), 11);
  const absl::StatusOr<std::unique_ptr<long>> own = result.Take<"own">();
  EXPECT_EQ(**own, 10);
  EXPECT_EQ(result.Get<"own">(), nullptr);
}

TEST(StaticBlueprintTest, ArgumentsComeInTheOrderOfTheNamesWithoutVoid) {
  constexpr auto kMixed = blueprint(
      task<"say", "word", "log", "number">([](const std::string& word, int n) {
        return word + std::to_string(n);
      }),
      task<"log">([] {}), task<"number">([] { return 7; }),
      task<"word">([] { return std::string("w"); }));
  EXPECT_EQ(*Executor::Cooperative().Run(kMixed).Of<"say">(), "w7");
}

TEST(StaticBlueprintTest, AFailureSkipsDependentsAndIsFoundByName) {
  constexpr auto kFailing =
      blueprint(task<"bad">([]() -> absl::StatusOr<int> {
                  return absl::DataLossError("torn");
                }),
                task<"after", "bad">([](int x) { return x; }));
  const auto result = Executor::Cooperative().Run(kFailing);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(result.state<"bad">(), TaskState::kFailed);
  EXPECT_EQ(result.state<"after">(), TaskState::kSkipped);
  EXPECT_EQ(result.Of<"bad">().status().message(), "torn");
  EXPECT_FALSE(result.Of<"after">().ok());
  EXPECT_EQ(result.Get<"after">(), nullptr);
  const AnyTask bad = result.tasks().Of<"bad">();
  EXPECT_EQ(result.CauseOf(result.tasks().Of<"after">().index()), bad.index());
}

TEST(StaticBlueprintTest, EachRunHasBodiesOfItsOwn) {
  const auto counting =
      blueprint(task<"count">([n = 0]() mutable { return ++n; }));
  EXPECT_EQ(*Executor(1).Run(counting).Of<"count">(), 1);
  EXPECT_EQ(*Executor(1).Run(counting).Of<"count">(), 1);
}

TEST(StaticBlueprintTest, ItsGraphCanBeExtended) {
  auto [graph, tasks] = kPipeline.MakeGraph("extended");
  static_assert(std::is_same_v<decltype(tasks.Of<"join">()), Task<double>>);
  const auto twice = graph.Add("twice", After(tasks.Of<"join">()),
                               [](double sum) { return 2 * sum; });
  graph.Retry(tasks.Of<"fetch">(), {.attempts = 2});
  const BlueprintOr checked = graph.Check();
  ASSERT_NE(checked.blueprint, nullptr);
  EXPECT_EQ(checked.blueprint->name(), "extended");
  const Result result = Executor(2).Run(std::move(graph));
  EXPECT_EQ(*result[twice], 125.0);
  EXPECT_EQ(*result[tasks.Of<"fetch">()], 20);
}

TEST(StaticBlueprintTest, OptionsOfTheRunApply) {
  const auto result = Executor(1).Run(kPipeline, {.timings = true});
  EXPECT_EQ(result.CriticalPath().size(), 3u);
}

TEST(StaticBlueprintTest, ReadsBesideALocalConstant) {
  const auto result = Executor(1).Run(kPipeline);
  constexpr int kExpected = 40;
  EXPECT_EQ(*result.Of<"parse">(), kExpected);
}

// Whether Add takes them can be asked without an error.
template <typename... Arguments>
concept CanBeAdded = requires(Graph graph, Arguments... arguments) {
  graph.Add("name", arguments...);
};

TEST(GraphTest, WhetherABodyFitsCanBeAsked) {
  using Number = After<Task<int>>;
  using OfInt = int (*)(int);
  using OfString = int (*)(std::string);
  using OfNothing = int (*)();
  static_assert(CanBeAdded<Number, OfInt>);
  static_assert(!CanBeAdded<Number, OfString>);
  static_assert(!CanBeAdded<Number, OfNothing>);
  static_assert(CanBeAdded<OfNothing>);
  static_assert(!CanBeAdded<OfInt>);
  static_assert(!CanBeAdded<Task<int>, OfInt>);
}

}  // namespace
}  // namespace w2t::flow
