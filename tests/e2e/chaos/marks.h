// The marks that tasks left: what really ran, and when. See w2t_chaos_task.
#ifndef W2T_TESTS_E2E_CHAOS_MARKS_H_
#define W2T_TESTS_E2E_CHAOS_MARKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "tests/e2e/chaos/findings.h"

namespace w2t::chaos {

// Marks of one attempt; times are CLOCK_MONOTONIC, in ns, 0: none.
struct Marks {
  int64_t start_ns = 0;
  int64_t ready_ns = 0;
  int64_t end_ns = 0;
  int code = 0;
  int pid = 0;
  std::string worker;
};

// Run id, task, attempt.
using AttemptName = std::tuple<std::string, std::string, uint32_t>;
using MarkBook = std::map<AttemptName, Marks, std::less<>>;

int64_t MonotonicNs();

// Reads the file. A mark that came twice is a fault, since each attempt may be
// started only once.
MarkBook ReadMarks(const std::string& path, Findings& findings);

}  // namespace w2t::chaos

#endif  // W2T_TESTS_E2E_CHAOS_MARKS_H_
