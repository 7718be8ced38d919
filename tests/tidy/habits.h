// Habits of headers, protos and build files.
#ifndef W2T_TESTS_TIDY_HABITS_H_
#define W2T_TESTS_TIDY_HABITS_H_

#include <vector>

#include "tests/tidy/source.h"

namespace w2t::tidy {

// Include guards are named after the path: W2T_CORE_RUN_RUN_H_; those of public
// headers after how they are included: W2T_GRAPH_H_.
Findings CheckGuards(const std::vector<File>& files);

// Every message, field, enum, value, service and rpc below proto/ has a comment
// of its own, before it or behind it.
Findings CheckProtoComments(const std::vector<File>& files);

// Every source file is named in a CMakeLists.txt of its folder or one above, so
// that none is silently left out.
Findings CheckBuildLists(const std::vector<File>& files);

// Every limit stands in README.md.
Findings CheckLimitsTable(const std::vector<File>& files);

}  // namespace w2t::tidy

#endif  // W2T_TESTS_TIDY_HABITS_H_
