// Graphs that are deep, wide or full of edges, on a small stack.
#include <pthread.h>
#include <sys/resource.h>

#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/sanitized.h"
#include "w2t/flow.h"

namespace w2t::flow {
namespace {

constexpr int kMany = test::kSanitized ? 100'000 : 1'000'000;

// Built, run and destroyed on a thread with a stack of 1 MiB.
void OnSmallStack(std::function<void()> body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 1 << 20), 0);
  pthread_t thread;
  const auto run = [](void* f) -> void* {
    (*static_cast<std::function<void()>*>(f))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, &body), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

class FlowLargeTest : public ::testing::TestWithParam<bool> {
 protected:
  Executor executor() {
    return GetParam() ? Executor(2) : Executor::Cooperative();
  }
};

TEST_P(FlowLargeTest, OneTaskWithAMillionDependencies) {
  OnSmallStack([this] {
    Graph graph;
    std::vector<Task<>> all;
    for (int i = 0; i < kMany; ++i) all.push_back(graph.Add("t", [] {}));
    const auto last =
        graph.Add("last", After(std::move(all)), [] { return 1; });
    const Result result = executor().Run(std::move(graph));
    EXPECT_EQ(*result[last], 1);
  });
}

TEST_P(FlowLargeTest, AChainOfAMillion) {
  OnSmallStack([this] {
    Graph graph;
    Task<int> last = graph.Add("t", [] { return 0; });
    for (int i = 1; i < kMany; ++i) {
      last = graph.Add("t", After(last), [](int x) { return x + 1; });
    }
    const Result result = executor().Run(std::move(graph));
    EXPECT_EQ(*result[last], kMany - 1);
    EXPECT_EQ(result.steps(), static_cast<uint32_t>(kMany));
  });
}

TEST_P(FlowLargeTest, AMillionSkippedBehindOneFailure) {
  OnSmallStack([this] {
    Graph graph;
    const auto bad = graph.Add("bad", []() -> absl::StatusOr<int> {
      return absl::AbortedError("no");
    });
    Task<int> last = bad;
    for (int i = 1; i < kMany; ++i) {
      last = graph.Add("t", After(last), [](int x) { return x; });
    }
    const Result result = executor().Run(std::move(graph));
    EXPECT_EQ(result.skipped(), static_cast<size_t>(kMany - 1));
    EXPECT_EQ(result.CauseOf(last.index()), bad.index());
  });
}

TEST_P(FlowLargeTest, ATaskThatFansOutToAMillion) {
  OnSmallStack([this] {
    Graph graph;
    const auto first = graph.Add("first", [] { return 1; });
    for (int i = 0; i < kMany; ++i) graph.Add("t", After(first), [](int) {});
    const Result result = executor().Run(std::move(graph));
    EXPECT_EQ(result.succeeded(), static_cast<size_t>(kMany) + 1);
  });
}

INSTANTIATE_TEST_SUITE_P(Executors, FlowLargeTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Pool" : "Cooperative";
                         });

}  // namespace
}  // namespace w2t::flow
