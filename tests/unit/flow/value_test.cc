// What bodies return, and what their dependents get.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

using ::testing::ElementsAre;

Result RunHere(Graph graph) {
  return Executor::Cooperative().Run(std::move(graph));
}

TEST(FlowValueTest, PassesResultsAlongTheEdges) {
  Graph graph;
  const auto fetch = graph.Add("fetch", [] { return 20; });
  const auto parse =
      graph.Add("parse", After(fetch), [](int x) { return 2 * x; });
  const auto index =
      graph.Add("index", After(fetch),
                [](int x) -> absl::StatusOr<long> { return x + 2; });
  const auto join =
      graph.Add("join", After(parse, index),
                [](int p, long i) -> Async<double> { co_return p + i + 0.5; });
  const Result result = Executor(2).Run(std::move(graph));
  ASSERT_TRUE(result.ok()) << result.status();
  const absl::StatusOr<double> answer = result[join];
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(*answer, 62.5);
  EXPECT_EQ(result.steps(), 3u);
  EXPECT_EQ(result.succeeded(), 4u);
}

TEST(FlowValueTest, MoveOnlyValuesAreReadInPlaceAndTakenOnce) {
  Graph graph;
  const auto make = graph.Add("make", [] { return std::make_unique<int>(7); });
  const auto read =
      graph.Add("read", After(make),
                [](const std::unique_ptr<int>& value) { return *value + 1; });
  Result result = RunHere(std::move(graph));
  EXPECT_EQ(*result[read], 8);
  ASSERT_NE(result.Get(make), nullptr);
  const absl::StatusOr<std::unique_ptr<int>> taken = result.Take(make);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(**taken, 7);
  EXPECT_EQ(result.Get(make), nullptr);
}

TEST(FlowValueTest, ValuesAreNotCopiedOnTheWay) {
  struct Counted {
    Counted() = default;
    Counted(const Counted& other) : copies(other.copies + 1) {}
    Counted(Counted&&) = default;
    int copies = 0;
  };
  Graph graph;
  const auto make = graph.Add("make", [] { return Counted(); });
  const auto read =
      graph.Add("read", After(make), [](const Counted& c) { return c.copies; });
  EXPECT_EQ(*RunHere(std::move(graph))[read], 0);
}

TEST(FlowValueTest, TasksWithoutAValueOnlyOrder) {
  Graph graph;
  std::vector<std::string> said;
  const auto a = graph.Add("a", [&] { said.push_back("a"); });
  const auto b = graph.Add("b", After(a), [&]() -> absl::Status {
    said.push_back("b");
    return absl::OkStatus();
  });
  const auto c = graph.Add("c", After(a, b), [&]() -> Async<> {
    said.push_back("c");
    co_return;
  });
  const Result result = RunHere(std::move(graph));
  EXPECT_TRUE(result[c].ok());
  EXPECT_THAT(said, ElementsAre("a", "b", "c"));
}

TEST(FlowValueTest, AVectorOfTasksIsPassedAsValues) {
  Graph graph;
  std::vector<Task<int>> parts;
  for (int i = 0; i < 5; ++i) {
    parts.push_back(graph.Add("part", [i] { return i * i; }));
  }
  const auto sum =
      graph.Add("sum", After(parts), [](const Values<int>& values) {
        int total = 0;
        for (const int value : values) total += value;
        return total + static_cast<int>(100 * values.size());
      });
  EXPECT_EQ(*RunHere(std::move(graph))[sum], 530);
}

TEST(FlowValueTest, AnyOfRunsAtTheFirstAndPassesWhatIsThere) {
  Graph graph;
  ManualHost host;
  const auto slow = graph.Add("slow", []() -> Async<int> {
    co_await Sleep(absl::Seconds(10));
    co_return 1;
  });
  const auto fast = graph.Add("fast", []() -> Async<int> {
    co_await Sleep(absl::Seconds(1));
    co_return 2;
  });
  std::vector<int> seen;
  graph.Add("first", AnyOf(slow, fast), [&](const int* s, const int* f) {
    seen = {s == nullptr ? 0 : *s, f == nullptr ? 0 : *f};
  });
  Execution run = Executor(host).Start(std::move(graph));
  host.Advance(absl::Seconds(1));
  EXPECT_THAT(seen, ElementsAre(0, 2));
  host.Advance(absl::Seconds(9));
  EXPECT_TRUE(run.Wait().ok());
}

TEST(FlowValueTest, AtLeastWaitsForAsMany) {
  Graph graph;
  ManualHost host;
  std::vector<Task<int>> all;
  for (int i = 1; i <= 4; ++i) {
    all.push_back(graph.Add("t", [i]() -> Async<int> {
      co_await Sleep(absl::Seconds(i));
      co_return i;
    }));
  }
  std::vector<int> seen;
  graph.Add("quorum", AtLeast(3, all), [&](Values<int> values) {
    seen.assign(values.begin(), values.end());
    EXPECT_FALSE(values.has(3));
  });
  Execution run = Executor(host).Start(std::move(graph));
  host.Advance(absl::Seconds(2.5));
  EXPECT_TRUE(seen.empty());
  host.Advance(absl::Seconds(0.5));
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
  host.Advance(absl::Seconds(1));
  EXPECT_TRUE(run.Wait().ok());
}

TEST(FlowValueTest, SeveralClausesMustAllHold) {
  Graph graph;
  const auto good = graph.Add("good", [] { return 1; });
  const auto bad = graph.Add(
      "bad", []() -> absl::Status { return absl::AbortedError("no"); });
  const auto mend =
      graph.Add("mend", After(good), AfterFailure(bad),
                [](int g, const absl::Status& why) {
                  return std::to_string(g) + std::string(why.message());
                });
  EXPECT_EQ(*RunHere(std::move(graph))[mend], "1no");
}

TEST(FlowValueTest, BodiesAndValuesAreDestroyedWithTheResult) {
  const auto alive = std::make_shared<int>(1);
  {
    Graph graph;
    graph.Add("a", [alive] { return alive; });
    const Result result = RunHere(std::move(graph));
    EXPECT_EQ(alive.use_count(), 3);
  }
  EXPECT_EQ(alive.use_count(), 1);
  {
    Graph graph;
    graph.Add("never run", [alive] {});
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(FlowValueTest, AHandleOfAnotherGraphIsFoundOut) {
  Graph one;
  const auto a = one.Add("a", [] { return 1; });
  Graph two;
  const auto b = two.Add("b", After(a), [](int x) { return x; });
  const Result result = RunHere(std::move(two));
  EXPECT_TRUE(absl::IsInvalidArgument(result.status())) << result.status();
  Graph three;
  three.Add("c", [] { return 3; });
  const Result other = RunHere(std::move(three));
  EXPECT_TRUE(absl::IsInvalidArgument(other[b].status()));
  EXPECT_EQ(other.state(b), TaskState::kWaiting);
}

}  // namespace
}  // namespace w2t::flow
