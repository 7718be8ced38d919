#include "client/cli/fd_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "client/cli/app.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client_cli/cli_run.h"

namespace w2t::cli {
namespace {

using ::testing::HasSubstr;

// RunWith, but with its output on a descriptor.
CliResult RunOnto(int fd, const std::vector<std::string>& args) {
  unsetenv("W2T_SERVER");
  std::vector<const char*> argv = {"w2t"};
  for (const std::string& arg : args) argv.push_back(arg.c_str());
  FdStream out(fd);
  std::ostringstream err;
  Context context{.out = out, .err = err};
  context.out_error = [&out] { return out.error(); };
  const int exit_code =
      RunCli(static_cast<int>(argv.size()), argv.data(), context);
  return {exit_code, "", err.str()};
}

class LostOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    full_ = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ASSERT_GE(full_, 0);
  }
  void TearDown() override { close(full_); }

  int full_ = -1;
};

TEST_F(LostOutputTest, StreamWritesAllThatItIsGiven) {
  const TempFile file("");
  const int fd = open(file.path().c_str(), O_WRONLY | O_CLOEXEC);
  const std::string text(100'000, 'x');
  {
    FdStream out(fd);
    out << text << 1 << std::flush << 2;
    EXPECT_EQ(out.error(), 0);
  }
  close(fd);
  std::ifstream in(file.path());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), text + "12");
}

TEST_F(LostOutputTest, StreamRemembersTheFirstError) {
  FdStream out(full_);
  out << "lost" << std::flush;
  EXPECT_FALSE(out.good());
  EXPECT_EQ(out.error(), ENOSPC);
  out << "more" << std::flush;
  EXPECT_EQ(out.error(), ENOSPC);
}

TEST_F(LostOutputTest, EveryCommandSaysSoAndFails) {
  const TempFile graph("tasks: {a: echo}\n");
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"version"},
                                             {"version", "-o", "json"},
                                             {"completion", "bash"},
                                             {"plan", graph.path()},
                                             {"validate", graph.path()}}) {
    const CliResult result = RunOnto(full_, args);
    EXPECT_EQ(result.exit_code, 1) << args[0];
    EXPECT_EQ(result.err,
              "w2t: error: cannot write to stdout: No space left on device\n")
        << args[0];
  }
}

TEST_F(LostOutputTest, ReaderThatHasGoneIsNoNewsButNoSuccess) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[0]);
  const CliResult result = RunOnto(ends[1], {"completion", "bash"});
  close(ends[1]);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "");
}

TEST_F(LostOutputTest, OtherFailureKeepsItsExitCode) {
  const TempFile faulty("tasks: {a: {depends_on: [b]}}\n");
  const CliResult result =
      RunOnto(full_, {"validate", "-o", "json", faulty.path()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("cannot write to stdout"));
}

}  // namespace
}  // namespace w2t::cli
