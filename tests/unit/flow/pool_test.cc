// Many threads.
#include <atomic>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

TEST(FlowPoolTest, IndependentTasksRunAtTheSameTime) {
  Graph graph;
  auto* barrier = new absl::Barrier(3);
  for (int i = 0; i < 3; ++i) {
    graph.Add("meets the others", [barrier] {
      if (barrier->Block()) delete barrier;
    });
  }
  EXPECT_TRUE(Executor(3).Run(std::move(graph)).ok());
}

// Whoever is busy with something long keeps nothing to itself.
TEST(FlowPoolTest, NothingWaitsBehindALongTask) {
  Graph graph;
  absl::Notification go;
  const auto first = graph.Add("first", [] {});
  std::vector<Task<>> others;
  for (int i = 0; i < 10; ++i) {
    others.push_back(graph.Add("other", After(first), [i, &go] {
      if (i == 0) go.WaitForNotification();
    }));
  }
  others.erase(others.begin());
  graph.Add("last", After(others), [&] { go.Notify(); });
  EXPECT_TRUE(Executor(2).Run(std::move(graph)).ok());
}

TEST(FlowPoolTest, WorkThatAppearsWhileAThreadSleepsWakesIt) {
  Executor executor(2);
  for (int round = 0; round < 200; ++round) {
    Graph graph;
    auto* barrier = new absl::Barrier(2);
    Task<> last = graph.Add("start", [] {});
    for (int i = 0; i < round % 7; ++i) {
      last = graph.Add("link", After(last), [] {});
    }
    for (int i = 0; i < 2; ++i) {
      graph.Add("meets the other", After(last), [barrier] {
        if (barrier->Block()) delete barrier;
      });
    }
    ASSERT_TRUE(executor.Run(std::move(graph)).ok());
  }
}

class Order : public Observer {
 public:
  explicit Order(size_t tasks) : started(tasks), finished(tasks) {}
  void OnStarted(const Blueprint& blueprint, TaskIndex task) override {
    for (const Blueprint::Edge& edge : blueprint.predecessors(task)) {
      if (finished[edge.task].load() != 1) ++early;
    }
    ++started[task];
  }
  void OnFinished(const Blueprint&, TaskIndex task, TaskState,
                  const absl::Status&) override {
    ++finished[task];
  }

  std::vector<std::atomic<int>> started;
  std::vector<std::atomic<int>> finished;
  std::atomic<int> early = 0;
};

// Random graphs: each task runs once, after all that it depends on, or is
// skipped because of a failure.
TEST(FlowPoolTest, RandomGraphsRunInOrderAndOnce) {
  Executor executor(4);
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::minstd_rand random(seed);
    const int count = 1 + static_cast<int>(random() % 400);
    Graph graph;
    std::vector<Task<int>> tasks;
    std::vector<bool> fails;
    for (int i = 0; i < count; ++i) {
      std::vector<Task<int>> on;
      std::set<uint32_t> chosen;
      for (uint32_t k = 0; i > 0 && k < random() % 4; ++k) {
        const auto at = static_cast<uint32_t>(random() % i);
        if (chosen.insert(at).second) on.push_back(tasks[at]);
      }
      const bool fail = random() % 50 == 0;
      const bool waits = random() % 10 == 0;
      fails.push_back(fail);
      for (const Task<int>& task : on) {
        if (fails[task.index()]) fails.back() = true;
      }
      const auto body = [fail, waits](Values<int> values) -> Async<int> {
        int sum = 1;
        for (const int value : values) sum += value % 1'000;
        if (waits) co_await Sleep(absl::Microseconds(50));
        if (fail) throw std::runtime_error("fails");
        co_return sum;
      };
      tasks.push_back(graph.Add("t", After(on), body));
    }
    Order order(static_cast<size_t>(count));
    const Result result = executor.Run(std::move(graph), {.observer = &order});
    EXPECT_EQ(order.early.load(), 0);
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(order.finished[i].load(), 1);
      EXPECT_EQ(result.state(tasks[i]) == TaskState::kSucceeded, !fails[i]);
      EXPECT_EQ(order.started[i].load(),
                result.state(tasks[i]) == TaskState::kSkipped ? 0 : 1);
    }
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(FlowPoolTest, SeveralRunsShareAnExecutor) {
  Executor executor(2);
  std::vector<Execution> runs;
  std::vector<Task<int>> ends;
  for (int i = 0; i < 20; ++i) {
    Graph graph;
    const auto a = graph.Add("a", [i] { return i; });
    ends.push_back(graph.Add("b", After(a), [](int x) -> Async<int> {
      co_await Sleep(absl::Milliseconds(1));
      co_return x * 2;
    }));
    runs.push_back(executor.Start(std::move(graph)));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(*runs[i].Wait()[ends[i]], 2 * i);
}

TEST(FlowPoolTest, TheNumberOfThreadsIsBounded) {
  Graph graph;
  graph.Add("a", [] {});
  EXPECT_TRUE(Executor(0).Run(std::move(graph)).ok());
}

}  // namespace
}  // namespace w2t::flow
