// What a failure means for everything else.
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Status No() { return absl::UnavailableError("no route"); }

TEST(FlowFailureTest, SkipsWhatLiesBehindAndFinishesTheRest) {
  Graph graph;
  const auto bad = graph.Add("bad", [] { return No(); });
  const auto behind = graph.Add("behind", After(bad), [] { return 1; });
  const auto further = graph.Add("further", After(behind), [](int) {});
  const auto apart = graph.Add("apart", [] { return 2; });
  const Result result = Executor(2).Run(std::move(graph));
  EXPECT_EQ(result[bad], No());
  EXPECT_EQ(result.state(behind), TaskState::kSkipped);
  EXPECT_EQ(result.state(further), TaskState::kSkipped);
  EXPECT_EQ(result.CauseOf(further.index()), bad.index());
  EXPECT_THAT(std::string(result[further].message()),
              HasSubstr("\"bad\" failed"));
  EXPECT_EQ(*result[apart], 2);
  EXPECT_EQ(result.total(), 4u);
  EXPECT_EQ(result.succeeded(), 1u);
  EXPECT_EQ(result.failed(), 1u);
  EXPECT_EQ(result.skipped(), 2u);
  EXPECT_EQ(result.status(), absl::UnavailableError("task \"bad\": no route"));
  ASSERT_EQ(result.failures().size(), 1u);
  EXPECT_EQ(result.failures()[0].name, "bad");
  ASSERT_EQ(result.successes().size(), 1u);
  EXPECT_EQ(result.successes()[0].name, "apart");
}

TEST(FlowFailureTest, ExceptionsAreInternal) {
  Graph graph;
  const auto known =
      graph.Add("known", []() -> int { throw std::runtime_error("broken"); });
  const auto unknown = graph.Add("unknown", [] { throw 3; });
  const auto async = graph.Add("async", []() -> Async<int> {
    co_await Sleep(absl::ZeroDuration());
    throw std::runtime_error("late");
  });
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(result[known].status(), absl::InternalError("broken"));
  EXPECT_EQ(result[unknown],
            absl::InternalError("an exception of an unknown type"));
  EXPECT_EQ(result[async].status(), absl::InternalError("late"));
}

TEST(FlowFailureTest, AnErrorOfACoroutineIsItsFailure) {
  Graph graph;
  const auto task =
      graph.Add("task", []() -> Async<absl::StatusOr<int>> { co_return No(); });
  static_assert(std::is_same_v<decltype(task), const Task<int>>);
  EXPECT_EQ(Executor::Cooperative().Run(std::move(graph))[task].status(), No());
}

TEST(FlowFailureTest, AfterEndRunsInAnyCase) {
  Graph graph;
  const auto bad =
      graph.Add("bad", []() -> absl::StatusOr<int> { return No(); });
  const auto skipped =
      graph.Add("skipped", After(bad), [](int x) { return x; });
  const auto good = graph.Add("good", [] { return 5; });
  std::vector<bool> there;
  const auto last =
      graph.Add("last", AfterEnd(bad, skipped, good),
                [&](const int* b, const int* s, const int* g) {
                  there = {b != nullptr, s != nullptr, g != nullptr};
                });
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(result.state(last), TaskState::kSucceeded);
  EXPECT_THAT(there, ElementsAre(false, false, true));
}

TEST(FlowFailureTest, AfterFailureIsSkippedWhenAllIsWell) {
  Graph graph;
  const auto good = graph.Add("good", [] {});
  const auto mend =
      graph.Add("mend", AfterFailure(good), [](const absl::Status&) {});
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(result.state(mend), TaskState::kSkipped);
  EXPECT_EQ(result.CauseOf(mend.index()), good.index());
  EXPECT_THAT(std::string(result[mend].message()),
              HasSubstr("\"good\" succeeded"));
}

TEST(FlowFailureTest, AQuorumIsSkippedOnceItCanNotBeReached) {
  Graph graph;
  std::vector<Task<>> tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(
        graph.Add("t", [i] { return i == 1 ? absl::OkStatus() : No(); }));
  }
  const auto one = graph.Add("one", AtLeast(1, tasks), [] {});
  const auto two = graph.Add("two", AtLeast(2, tasks), [] {});
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(result.state(one), TaskState::kSucceeded);
  EXPECT_EQ(result.state(two), TaskState::kSkipped);
}

TEST(FlowFailureTest, RepeatsABodyWithBackoff) {
  Graph graph;
  ManualHost host;
  std::vector<double> at;
  const auto flaky = graph.Add("flaky", [&]() -> absl::StatusOr<int> {
    at.push_back(absl::ToDoubleSeconds(host.now()));
    if (at.size() < 4) return No();
    return 9;
  });
  graph.Retry(flaky, {.attempts = 5,
                      .initial_backoff = absl::Seconds(1),
                      .max_backoff = absl::Seconds(2)});
  Execution run = Executor(host).Start(std::move(graph));
  host.Advance(absl::Seconds(60));
  const Result result = run.Wait();
  EXPECT_EQ(*result[flaky], 9);
  EXPECT_THAT(at, ElementsAre(0, 1, 3, 5));
  EXPECT_TRUE(result.failures().empty());
}

TEST(FlowFailureTest, ARepeatedCoroutineStartsAnew) {
  Graph graph;
  int calls = 0;
  const auto flaky = graph.Add("flaky", [&]() -> Async<absl::Status> {
    co_await Sleep(absl::ZeroDuration());
    co_return ++calls < 3 ? No() : absl::OkStatus();
  });
  graph.Retry(flaky, {.attempts = 3});
  EXPECT_TRUE(Executor::Cooperative().Run(std::move(graph))[flaky].ok());
  EXPECT_EQ(calls, 3);
}

TEST(FlowFailureTest, TheLastOfTooManyFailuresCounts) {
  Graph graph;
  int calls = 0;
  const auto bad = graph.Add(
      "bad", [&] { return absl::AbortedError(std::to_string(++calls)); });
  graph.Retry(bad, {.attempts = 3});
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_EQ(result[bad], absl::AbortedError("3"));
  EXPECT_EQ(result.failed(), 1u);
}

TEST(FlowFailureTest, MayCancelEverythingElse) {
  Graph graph;
  ManualHost host;
  const auto bad = graph.Add("bad", [] { return No(); });
  const auto sleeper = graph.Add("sleeper", []() -> Async<bool> {
    co_return co_await Sleep(absl::Hours(1));
  });
  const auto later = graph.Add("later", AfterEnd(sleeper), [](const bool*) {});
  graph.Order(bad, later);
  const auto apart = graph.Add("apart", [] {});
  Execution run = Executor(host).Start(std::move(graph),
                                       {.on_failure = OnFailure::kCancel});
  host.RunAll();
  ASSERT_TRUE(run.done());
  const Result result = run.Wait();
  EXPECT_EQ(result.status(), absl::UnavailableError("task \"bad\": no route"));
  EXPECT_EQ(result.state(sleeper), TaskState::kCancelled);
  EXPECT_EQ(result.state(apart), TaskState::kCancelled);
  EXPECT_EQ(result.state(later), TaskState::kSkipped);
  EXPECT_EQ(result.succeeded(), 0u);
}

}  // namespace
}  // namespace w2t::flow
