// What the tests of the rules share.
#ifndef W2T_TESTS_TIDY_REPOSITORY_H_
#define W2T_TESTS_TIDY_REPOSITORY_H_

#include <initializer_list>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "tests/tidy/source.h"

namespace w2t::tidy {

// The files of this repository, read once.
inline const std::vector<File>& Repository() {
  static const std::vector<File> files = ReadTree(W2T_SOURCE_DIR);
  return files;
}

// A repository made up for a test, from paths and texts.
inline std::vector<File> Made(
    std::initializer_list<std::pair<const char*, const char*>> texts) {
  std::vector<File> files;
  for (const auto& [path, text] : texts) files.push_back(MakeFile(path, text));
  return files;
}

MATCHER_P2(IsAt, path, line, "") {
  return arg.path == path && arg.line == static_cast<size_t>(line);
}

}  // namespace w2t::tidy

#endif  // W2T_TESTS_TIDY_REPOSITORY_H_
