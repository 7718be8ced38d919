// flow_bench: what building and running empty tasks costs, beside oneTBB's flow
// graph in the same program.
//
//   flow_bench --benchmark_repetitions=5
//   --benchmark_enable_random_interleaving=true
//
// Times are of building and running, on two threads; destroying is left out on
// both sides. "per_task" is the time for one task, and ours also gives
// "bytes_task": the most memory held in large blocks, for one task.
#include <malloc.h>
#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <new>
#include <random>
#include <vector>

#include "benchmark/benchmark.h"
#include "w2t/flow.h"

namespace {

std::atomic<size_t> held_bytes = 0;
std::atomic<size_t> most_bytes = 0;

// Everything that grows with the number of tasks lies in blocks of this size or
// more; to count only them costs nothing.
constexpr size_t kLarge = 4'096;

}  // namespace

void* operator new(size_t size) {
  void* place = std::malloc(size);
  if (place == nullptr) throw std::bad_alloc();
  if (const size_t usable = malloc_usable_size(place); usable >= kLarge) {
    const size_t held = held_bytes.fetch_add(usable) + usable;
    if (held > most_bytes.load()) most_bytes.store(held);
  }
  return place;
}
void operator delete(void* place) noexcept {
  if (place == nullptr) return;
  const size_t usable = malloc_usable_size(place);
  if (usable >= kLarge) held_bytes.fetch_sub(usable);
  std::free(place);
}
void operator delete(void* place, size_t) noexcept { operator delete(place); }

namespace w2t::flow {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kThreads = 2;
constexpr int kWidth = 100;

enum class Shape { kIndependent, kChain, kLayered };

// Dependencies of each task, at most three: -1 for none.
struct Edges {
  int from[3];
};

std::vector<Edges> EdgesOf(Shape shape, int count) {
  std::vector<Edges> edges(count, Edges{{-1, -1, -1}});
  std::minstd_rand random(1);
  for (int i = 0; i < count; ++i) {
    if (shape == Shape::kChain) edges[i].from[0] = i - 1;
    if (shape != Shape::kLayered || i < kWidth) continue;
    const int layer = (i / kWidth - 1) * kWidth;
    int chosen = 0;
    while (chosen < 3) {
      const int from = layer + static_cast<int>(random() % kWidth);
      const int* begin = edges[i].from;
      if (std::find(begin, begin + chosen, from) != begin + chosen) continue;
      edges[i].from[chosen++] = from;
    }
  }
  return edges;
}

void Tell(benchmark::State& state, Clock::duration time, int count) {
  const double seconds = std::chrono::duration<double>(time).count();
  state.SetIterationTime(seconds);
  state.counters["per_task"] =
      benchmark::Counter(static_cast<double>(count),
                         benchmark::Counter::kIsIterationInvariantRate |
                             benchmark::Counter::kInvert);
}

template <Shape kShape>
void BM_Flow(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  const std::vector<Edges> edges = EdgesOf(kShape, count);
  Executor executor(kThreads);
  std::vector<Task<>> tasks;
  tasks.reserve(count);
  size_t bytes = 0;
  for (auto _ : state) {
    tasks.clear();
    const size_t before = held_bytes.load();
    most_bytes.store(before);
    const Clock::time_point begin = Clock::now();
    Graph graph;
    for (int i = 0; i < count; ++i) {
      const auto& from = edges[i].from;
      if (from[0] < 0) {
        tasks.push_back(graph.Add("t", [] {}));
      } else if (kShape == Shape::kChain) {
        tasks.push_back(graph.Add("t", After(tasks[from[0]]), [] {}));
      } else {
        tasks.push_back(graph.Add(
            "t", After(tasks[from[0]], tasks[from[1]], tasks[from[2]]), [] {}));
      }
    }
    const Result result = executor.Run(std::move(graph));
    Tell(state, Clock::now() - begin, count);
    if (!result.ok()) state.SkipWithError("a task did not succeed");
    bytes = most_bytes.load() - before;
  }
  state.counters["bytes_task"] = static_cast<double>(bytes) / count;
}

template <Shape kShape>
void BM_Tbb(benchmark::State& state) {
  using Node = tbb::flow::continue_node<tbb::flow::continue_msg>;
  const int count = static_cast<int>(state.range(0));
  const std::vector<Edges> edges = EdgesOf(kShape, count);
  const tbb::global_control threads(
      tbb::global_control::max_allowed_parallelism, kThreads);
  std::atomic<int> ran = 0;
  for (auto _ : state) {
    ran = 0;
    const Clock::time_point begin = Clock::now();
    tbb::flow::graph graph;
    std::deque<Node> nodes;
    for (int i = 0; i < count; ++i) {
      nodes.emplace_back(graph, [](const tbb::flow::continue_msg&) {});
      for (const int from : edges[i].from) {
        if (from >= 0) tbb::flow::make_edge(nodes[from], nodes.back());
      }
    }
    for (int i = 0; i < count; ++i) {
      if (edges[i].from[0] < 0) nodes[i].try_put(tbb::flow::continue_msg());
    }
    graph.wait_for_all();
    Tell(state, Clock::now() - begin, count);
  }
}

// What a value along an edge costs: a chain that passes an int, beside one that
// only orders.
template <bool kValue>
void BM_FlowEdge(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  Executor executor(kThreads);
  for (auto _ : state) {
    const Clock::time_point begin = Clock::now();
    Graph graph;
    if constexpr (kValue) {
      Task<int> last = graph.Add("t", [] { return 0; });
      for (int i = 1; i < count; ++i) {
        last = graph.Add("t", After(last), [](int x) { return x + 1; });
      }
    } else {
      Task<> last = graph.Add("t", [] {});
      for (int i = 1; i < count; ++i) last = graph.Add("t", After(last), [] {});
    }
    const Result result = executor.Run(std::move(graph));
    Tell(state, Clock::now() - begin, count);
    if (!result.ok()) state.SkipWithError("a task did not succeed");
  }
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->RangeMultiplier(10)->Range(1'000, 1'000'000);
  benchmark->UseManualTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK(BM_Flow<Shape::kIndependent>)->Apply(Sizes);
BENCHMARK(BM_Tbb<Shape::kIndependent>)->Apply(Sizes);
BENCHMARK(BM_Flow<Shape::kChain>)->Apply(Sizes);
BENCHMARK(BM_Tbb<Shape::kChain>)->Apply(Sizes);
BENCHMARK(BM_Flow<Shape::kLayered>)->Apply(Sizes);
BENCHMARK(BM_Tbb<Shape::kLayered>)->Apply(Sizes);
BENCHMARK(BM_FlowEdge<false>)->Arg(100'000)->UseManualTime();
BENCHMARK(BM_FlowEdge<true>)->Arg(100'000)->UseManualTime();

}  // namespace
}  // namespace w2t::flow

BENCHMARK_MAIN();
