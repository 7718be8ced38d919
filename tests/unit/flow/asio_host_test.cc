#include "deploy/examples/flow/hosts/asio_host.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

Async<std::string> Greet(const std::string& name) {
  co_await Sleep(absl::Milliseconds(2));
  co_return "hello " + name;
}

// Values, a coroutine that sleeps, and a fan of tasks behind it.
struct Greetings {
  Graph graph;
  Task<std::string> greet;
  std::vector<Task<size_t>> lengths;
};

Greetings MakeGreetings() {
  Graph graph;
  const auto name = graph.Add("name", [] { return std::string("asio"); });
  const auto greet = graph.Add("greet", After(name), Greet);
  std::vector<Task<size_t>> lengths;
  for (int i = 0; i < 1000; ++i) {
    lengths.push_back(graph.Add("length", After(greet),
                                [](const std::string& s) { return s.size(); }));
  }
  return {std::move(graph), greet, std::move(lengths)};
}

void ExpectGreetings(const Result& result, const Greetings& made) {
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result[made.greet], "hello asio");
  for (const Task<size_t>& length : made.lengths) {
    EXPECT_EQ(*result[length], 10u);
  }
}

TEST(FlowAsioHostTest, AGraphRunsOnTheThreadThatRunsTheContext) {
  asio::io_context context;
  AsioHost host(context);
  Greetings made = MakeGreetings();
  std::vector<std::thread::id> ids;
  made.graph.Add("where", After(made.greet), [&](const std::string&) {
    ids.push_back(std::this_thread::get_id());
  });
  Execution run = Executor(host).Start(std::move(made.graph));
  EXPECT_FALSE(run.done()) << "nothing happens outside of the context";
  context.run();
  ASSERT_TRUE(run.done()) << "the context had work until the end of the run";
  ExpectGreetings(run.Wait(), made);
  EXPECT_THAT(ids, testing::ElementsAre(std::this_thread::get_id()));
}

TEST(FlowAsioHostTest, AGraphRunsOnSeveralThreads) {
  asio::io_context context;
  AsioHost host(context, 2);
  Greetings made = MakeGreetings();
  Execution run = Executor(host).Start(std::move(made.graph));
  std::thread first([&] { context.run(); });
  std::thread second([&] { context.run(); });
  const Result result = run.Wait();
  first.join();
  second.join();
  ExpectGreetings(result, made);
}

TEST(FlowAsioHostTest, OtherWorkOfTheContextGetsItsTurn) {
  asio::io_context context;
  AsioHost host(context);
  Greetings made = MakeGreetings();
  Execution run = Executor(host).Start(std::move(made.graph));
  bool posted = false;
  std::optional<bool> done_by_then;
  while (!run.done()) {
    context.run_one();
    if (std::exchange(posted, true)) continue;
    asio::post(context, [&] { done_by_then = run.done(); });
  }
  EXPECT_EQ(done_by_then, false);
  ExpectGreetings(run.Wait(), made);
}

TEST(FlowAsioHostTest, ADeadlineThatWasNotNeededEndsWithTheHost) {
  asio::io_context context;
  auto host = std::make_unique<AsioHost>(context);
  Greetings made = MakeGreetings();
  Execution run = Executor(*host).Start(std::move(made.graph),
                                        {.deadline = absl::Hours(24)});
  while (!run.done()) context.run_one();
  ExpectGreetings(run.Wait(), made);
  EXPECT_FALSE(context.stopped()) << "the deadline's timer keeps it busy";
  host = nullptr;
  context.run();  // returns
}

TEST(FlowAsioHostTest, ADeadlineStopsARun) {
  asio::io_context context;
  AsioHost host(context);
  Graph graph;
  const auto sleeper = graph.Add("sleeper", []() -> Async<bool> {
    co_return co_await Sleep(absl::Hours(24));
  });
  const auto next = graph.Add("next", After(sleeper), [](bool) {});
  Execution run = Executor(host).Start(std::move(graph),
                                       {.deadline = absl::Milliseconds(1)});
  while (!run.done()) context.run_one();
  const Result result = run.Wait();
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status())) << result.status();
  EXPECT_EQ(result.state(next), TaskState::kCancelled);
}

}  // namespace
}  // namespace w2t::flow
