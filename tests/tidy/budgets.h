// Budgets of size, and marks of unfinished work.
#ifndef W2T_TESTS_TIDY_BUDGETS_H_
#define W2T_TESTS_TIDY_BUDGETS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tests/tidy/source.h"

namespace w2t::tidy {

inline constexpr size_t kMaxFileLines = 400;
inline constexpr size_t kMaxTestFileLines = 600;
inline constexpr size_t kMaxFunctionLines = 90;

struct Function {
  std::string head;  // what stands before its brace, on one line
  size_t line = 0;   // of its head
  size_t lines = 0;  // from its head to its closing brace
};

// The functions that `file` defines, found by their braces. What is nested in
// a function counts as a part of it.
std::vector<Function> FunctionsOf(const File& file);

Findings CheckFileLengths(const std::vector<File>& files);
Findings CheckFunctionLengths(const std::vector<File>& files);

// Words that mark unfinished work, in any file.
Findings CheckLeftovers(const std::vector<File>& files);

}  // namespace w2t::tidy

#endif  // W2T_TESTS_TIDY_BUDGETS_H_
