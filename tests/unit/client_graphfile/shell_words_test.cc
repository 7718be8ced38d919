#include "client/graphfile/shell_words.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace w2t::graphfile {
namespace {

struct Ran {
  int exit_code = -1;
  std::string output;
};

// Runs a line by a shell and takes its stdout.
Ran RunLine(const std::string& shell, const std::string& line) {
  const std::string command = shell + " -c " + ShellQuoted(line);
  std::FILE* pipe = popen(command.c_str(), "r");
  Ran ran;
  if (pipe == nullptr) return ran;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    ran.output += static_cast<char>(c);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) ran.exit_code = WEXITSTATUS(status);
  return ran;
}

TEST(ShellWordsTest, QuotedTextIsOneWordAndUnchanged) {
  const std::string text = "it's $HOME `x` \"y\"\n*\\";
  EXPECT_EQ(RunLine("sh", "printf %s " + ShellQuoted(text)).output, text);
}

TEST(ShellWordsTest, ALineRunsByTheShellNamedInItsDirectory) {
  const Ran ran = RunLine("sh", RunBy("bash -c",
                                      "echo ${BASH_VERSION:+bash}; pwd; "
                                      "exit 3",
                                      "/"));
  EXPECT_EQ(ran.output, "bash\n/\n");
  EXPECT_EQ(ran.exit_code, 3);
}

TEST(ShellWordsTest, ALogFileGetsBothStreamsAndTheExitCodeStays) {
  const std::filesystem::path log =
      std::filesystem::path(testing::TempDir()) / "it's a log.txt";
  std::filesystem::remove(log);
  const std::string line = "echo one; echo two >&2; exit 7";
  const Ran ran = RunLine("bash", WithLogFile(line, log.string()));
  EXPECT_EQ(ran.output, "one\n");
  EXPECT_EQ(ran.exit_code, 7);
  std::ifstream stream(log);
  const std::string logged(std::istreambuf_iterator<char>(stream), {});
  EXPECT_TRUE(logged == "one\ntwo\n" || logged == "two\none\n") << logged;
}

TEST(ShellWordsTest, ADottedVariableIsFoundExactlyWhereAShellRefusesIt) {
  for (const std::string line : {
           "echo ${a.b}",
           "echo \"x ${a.b}\"",
           "echo \"it's ${a.b}\"",
           "echo 'x'${a.b}",
           "echo x#y ${a.b}",
           "echo \"# ${a.b}\"",
           "true # it's\necho ${a.b}",
           "echo \\\\${a.b}",
           "echo $$ ${a.b}",
           "x=$(echo ${a.b})",
       }) {
    EXPECT_EQ(FindDottedVariable(line), "${a.b}") << line;
    EXPECT_NE(RunLine("sh", "{ " + line + "\n} 2>/dev/null").exit_code, 0)
        << line;
  }
  for (const std::string line : {
           "echo '${a.b}'",
           "echo \\${a.b} \"\\${a.b}\"",
           "echo $${a.b}",
           "true # ${a.b}",
           "true;# ${a.b}",
           "echo ${a:-b.c} ${a-b.c} ${a}.b",
           "cat <<'E'\n${a.b}\nE",
           "echo \"$(echo '${a.b}')\"",
           "echo 'a\\' \"'\" '${a.b}'",
       }) {
    EXPECT_EQ(FindDottedVariable(line), "") << line;
    EXPECT_EQ(RunLine("sh", "{ " + line + "\n} 2>/dev/null").exit_code, 0)
        << line;
  }
  EXPECT_EQ(FindDottedVariable("echo ${a.b"), "${a.b");
}

}  // namespace
}  // namespace w2t::graphfile
