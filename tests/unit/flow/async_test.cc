// Coroutines as bodies.
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

using ::testing::ElementsAre;

TEST(FlowAsyncTest, WhatWaitsMakesWay) {
  Graph graph;
  ManualHost host;
  std::vector<std::string> said;
  const auto say = [&](std::string name, int seconds) -> Async<> {
    said.push_back(name + " starts");
    co_await Sleep(absl::Seconds(seconds));
    said.push_back(name + " ends");
  };
  graph.Add("a", [&] { return say("a", 3); });
  graph.Add("b", [&] { return say("b", 1); });
  graph.Add("c", [&] { said.push_back("c"); });
  Execution run = Executor(host).Start(std::move(graph));
  host.RunAll();
  EXPECT_EQ(host.UntilNextTimer(), absl::Seconds(1));
  host.Advance(absl::Seconds(3));
  EXPECT_TRUE(run.done());
  EXPECT_THAT(said,
              ElementsAre("a starts", "b starts", "c", "b ends", "a ends"));
  EXPECT_TRUE(run.Wait().ok());
}

TEST(FlowAsyncTest, OneAtATimeEndsEachBeforeTheNext) {
  Graph graph;
  std::vector<std::string> said;
  const auto say = [&](std::string name) -> Async<> {
    said.push_back(name + " starts");
    co_await Sleep(absl::Milliseconds(1));
    said.push_back(name + " ends");
  };
  graph.Add("a", [&] { return say("a"); });
  graph.Add("b", [&] { return say("b"); });
  EXPECT_TRUE(Executor::OneAtATime().Run(std::move(graph)).ok());
  EXPECT_THAT(said, ElementsAre("a starts", "a ends", "b starts", "b ends"));
}

// A thread's slice ends in the middle of a task that has the thread to itself.
TEST(FlowAsyncTest, OneAtATimeOutlastsManyWaitsThatAreOverAtOnce) {
  Graph graph;
  int rounds = 0;
  const auto begin = [](Resumer resumer) { resumer.Resume(); };
  graph.Add("task", [&]() -> Async<> {
    for (; rounds < 100; ++rounds) co_await Suspend(std::cref(begin));
  });
  EXPECT_TRUE(Executor::OneAtATime().Run(std::move(graph)).ok());
  EXPECT_EQ(rounds, 100);
}

TEST(FlowAsyncTest, AwaitsOtherCoroutinesAndTheirExceptions) {
  Graph graph;
  const auto leaf = [](int x) -> Async<int> {
    co_await Sleep(std::chrono::milliseconds(1));
    if (x < 0) throw std::out_of_range("negative");
    co_return x + 1;
  };
  const auto good = graph.Add("good", [leaf]() -> Async<int> {
    const int a = co_await leaf(1);
    const int b = co_await leaf(a);
    co_return a* b;
  });
  const auto bad = graph.Add("bad", [leaf]() -> Async<std::string> {
    std::string caught;
    try {
      co_await leaf(-1);
    } catch (const std::out_of_range& error) {
      caught = error.what();
    }
    co_return caught;
  });
  const Result result = Executor(2).Run(std::move(graph));
  EXPECT_EQ(*result[good], 6);
  EXPECT_EQ(*result[bad], "negative");
}

// What it is given lives until it ends, also what is made for it alone.
TEST(FlowAsyncTest, ArgumentsMayBeTakenByReference) {
  Graph graph;
  const auto bad = graph.Add("bad", []() -> absl::Status {
    return absl::AbortedError("a message that does not fit in a small buffer");
  });
  std::vector<Task<int>> parts;
  for (int i = 0; i < 3; ++i) parts.push_back(graph.Add("p", [] { return 1; }));
  const auto words = graph.Add(
      "words", AfterFailure(bad), After(parts),
      [](const absl::Status& why, const Values<int>& values,
         const std::stop_token& stop) -> Async<std::string> {
        co_await Sleep(absl::Milliseconds(1));
        co_return std::string(why.message()) +
            std::to_string(values.size() + (stop.stop_requested() ? 10 : 0));
      });
  EXPECT_EQ(*Executor(2).Run(std::move(graph))[words],
            "a message that does not fit in a small buffer3");
}

TEST(FlowAsyncTest, ResumesFromAnotherThread) {
  Graph graph;
  std::optional<std::thread> other;
  const auto task = graph.Add("task", [&]() -> Async<int> {
    int value = 0;
    auto begin = [&](Resumer resumer) {
      other.emplace([&value, resumer] {
        value = 7;
        resumer.Resume();
      });
    };
    co_await Suspend(std::ref(begin));
    co_return value;
  });
  const Result result = Executor::Cooperative().Run(std::move(graph));
  other->join();
  EXPECT_EQ(*result[task], 7);
}

TEST(FlowAsyncTest, AResumerCountsOnceAndMayComeLate) {
  Graph graph;
  std::optional<Resumer> kept;
  int rounds = 0;
  const auto begin = [&](Resumer resumer) {
    kept = resumer;
    resumer.Resume();
    resumer.Resume();
  };
  graph.Add("task", [&]() -> Async<> {
    for (int i = 0; i < 3; ++i) {
      co_await Suspend(std::cref(begin));
      ++rounds;
    }
  });
  const Result result = Executor::Cooperative().Run(std::move(graph));
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(rounds, 3);
  kept->Resume();
}

TEST(FlowAsyncTest, ManyWaitAtTheSameTime) {
  constexpr int kTasks = 2'000;
  Graph graph;
  std::vector<Task<int>> tasks;
  for (int i = 0; i < kTasks; ++i) {
    tasks.push_back(graph.Add("t", [i]() -> Async<int> {
      co_await Sleep(absl::Milliseconds(i % 5));
      co_return i;
    }));
  }
  const auto sum = graph.Add("sum", After(tasks), [](Values<int> values) {
    long total = 0;
    for (const int value : values) total += value;
    return total;
  });
  EXPECT_EQ(*Executor(2).Run(std::move(graph))[sum],
            long{kTasks} * (kTasks - 1) / 2);
}

}  // namespace
}  // namespace w2t::flow
