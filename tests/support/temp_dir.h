// A directory of a test's own, removed with everything in it.
#ifndef W2T_TESTS_SUPPORT_TEMP_DIR_H_
#define W2T_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>
#include <string_view>
#include <vector>

namespace w2t::test {

class TempDir {
 public:
  // Under $TMPDIR or /tmp; the path is short enough for unix sockets in it.
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // It is not removed.
  void Keep() { keep_ = true; }
  std::string operator/(std::string_view name) const;
  // Writes a file in the directory and returns its path.
  std::string Write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
  bool keep_ = false;
};

// The content of a file; empty when there is none.
std::string ReadFile(const std::string& path);
// Its lines, without their ends.
std::vector<std::string> ReadLines(const std::string& path);
std::vector<std::string> SplitLines(std::string_view text);

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_TEMP_DIR_H_
