// The command line as a function of its arguments.
#ifndef W2T_TESTS_UNIT_CLIENT_CLI_CLI_RUN_H_
#define W2T_TESTS_UNIT_CLIENT_CLI_CLI_RUN_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "client/cli/app.h"
#include "client/cli/context.h"
#include "gtest/gtest.h"

namespace w2t::cli {

struct CliResult {
  int exit_code;
  std::string out;
  std::string err;
};

// No server is named, and the terminal is not one.
inline CliResult RunWith(std::vector<std::string> args) {
  unsetenv("W2T_SERVER");
  std::vector<const char*> argv = {"w2t"};
  for (const std::string& arg : args) argv.push_back(arg.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Context context{.out = out, .err = err};
  const int exit_code =
      RunCli(static_cast<int>(argv.size()), argv.data(), context);
  return {exit_code, out.str(), err.str()};
}

// A file that goes with its test.
class TempFile {
 public:
  explicit TempFile(const std::string& content)
      : path_(::testing::TempDir() + "w2t_cli_XXXXXX") {
    const int fd = mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    std::ofstream(path_) << content;
    if (fd >= 0) close(fd);
  }
  ~TempFile() { std::filesystem::remove(path_); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace w2t::cli

#endif  // W2T_TESTS_UNIT_CLIENT_CLI_CLI_RUN_H_
