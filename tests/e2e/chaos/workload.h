// Graphs of many kinds, from a seed.
#ifndef W2T_TESTS_E2E_CHAOS_WORKLOAD_H_
#define W2T_TESTS_E2E_CHAOS_WORKLOAD_H_

#include <cstdint>
#include <random>
#include <string>

#include "w2t/v1/graph.pb.h"

namespace w2t::chaos {

// Random choices from a seed. Not thread-safe.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}

  // From 0 to `n` - 1; `n` is at least 1.
  uint64_t Below(uint64_t n) { return engine_() % n; }
  int Between(int least, int most) {
    return least +
           static_cast<int>(Below(static_cast<uint64_t>(most - least) + 1));
  }
  bool Chance(double p) {
    return std::uniform_real_distribution<double>(0, 1)(engine_) < p;
  }

 private:
  std::mt19937_64 engine_;
};

// The program that tasks run, and the file that they leave their marks in.
struct TaskProgram {
  std::string path;
  std::string marks;
};

// A graph whose tasks run `program`: independent tasks, a chain, layers,
// failures with conditions behind them, retries, services, timeouts, output.
// Every dependency names its condition.
v1::Graph MakeGraph(const TaskProgram& program, Dice& dice);

}  // namespace w2t::chaos

#endif  // W2T_TESTS_E2E_CHAOS_WORKLOAD_H_
