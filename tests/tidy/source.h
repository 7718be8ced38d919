// The source tree as text, for rules about the source itself.
//
// Paths are relative to the root of the repository, with '/'. Lines count from
// 1. Not thread-safe; meant for single-threaded tests.
#ifndef W2T_TESTS_TIDY_SOURCE_H_
#define W2T_TESTS_TIDY_SOURCE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace w2t::tidy {

struct File {
  std::string path;
  std::string text;
  std::string code;  // of C++ and proto: the text with comments, strings and
                     // characters blanked; lines and columns stay. Else empty
};

// What breaks a rule, and where.
struct Finding {
  std::string path;
  size_t line = 0;  // 0: the file as a whole
  std::string message;

  bool operator==(const Finding&) const = default;
};
using Findings = std::vector<Finding>;
std::ostream& operator<<(std::ostream& out, const Finding& finding);

// A file made of `text`, as if it stood at `path`.
File MakeFile(std::string path, std::string text);

// Every file of the repository at `root`, sorted by path, without build/, .git
// and the corpora of the fuzz targets.
std::vector<File> ReadTree(const std::string& root);

// True for *.cc and *.h.
bool IsCpp(const File& file);
bool IsHeader(const File& file);
// True in the embedded library, outside of its runtime.
bool IsFlow(const File& file);

std::vector<std::string_view> Lines(std::string_view text);
size_t LineOf(std::string_view text, size_t offset);
bool HasPrefix(std::string_view text, std::string_view prefix);
bool IsWordCharacter(char c);

// Offsets of `word` in `code` where it is not part of a longer identifier.
std::vector<size_t> FindWord(std::string_view code, std::string_view word);

}  // namespace w2t::tidy

#endif  // W2T_TESTS_TIDY_SOURCE_H_
