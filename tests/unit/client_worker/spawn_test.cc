// What a started program gets from the process that starts it.
#include "client/worker/exec/spawn.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "client/worker/exec/command.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace w2t::worker {
namespace {

// What a shell line prints, to the end of its output.
std::string OutputOf(const std::string& line) {
  absl::StatusOr<Pipe> pipe = MakePipe();
  if (!pipe.ok()) return pipe.status().ToString();
  absl::StatusOr<Child> child = Spawn({.argv = {"sh", "-c", line},
                                       .env = OwnEnvironment(),
                                       .stdout_fd = pipe->write_end.get()});
  if (!child.ok()) return child.status().ToString();
  pipe->write_end.reset();
  std::string output;
  char buffer[256];
  for (;;) {
    pollfd readable{pipe->read_end.get(), POLLIN, 0};
    if (poll(&readable, 1, 10'000) <= 0) return output + "(no end)";
    const ssize_t size = read(pipe->read_end.get(), buffer, sizeof(buffer));
    if (size <= 0) break;
    output.append(buffer, static_cast<size_t>(size));
  }
  pollfd ended{child->pidfd.get(), POLLIN, 0};
  if (poll(&ended, 1, 10'000) <= 0) return output + "(does not end)";
  return Reap(*child).exit_code == 0 ? output : output + "(failed)";
}

// From now on this process's system knows neither clone3 nor close_range.
bool ForgetNewCalls() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {std::size(filter), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(SpawnTest, AProgramGetsItsThreeDescriptorsAndNoOther) {
  // Some low, some high, and none to be closed by exec.
  std::vector<UniqueFd> opened;
  for (int i = 0; i < 300; ++i) opened.emplace_back(open("/dev/null", O_RDWR));
  ASSERT_TRUE(opened.back());
  EXPECT_EQ(OutputOf("n=0; while [ $n -lt 400 ]; do "
                     "[ -e /proc/$$/fd/$n ] && echo $n; n=$((n + 1)); done; :"),
            "0\n1\n2\n");
}

TEST(SpawnTest, TheOutputOfOneProgramEndsWhileOthersRun) {
  absl::StatusOr<Child> other =
      Spawn({.argv = {"sleep", "60"}, .env = OwnEnvironment()});
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(OutputOf("echo one; echo two >&2"), "one\n");
  kill(other->pid, SIGKILL);
  pollfd ended{other->pidfd.get(), POLLIN, 0};
  ASSERT_EQ(poll(&ended, 1, 10'000), 1);
  EXPECT_EQ(Reap(*other).signal, static_cast<uint32_t>(SIGKILL));
}

TEST(SpawnTest, AnOldSystemStartsProgramsAsWell) {
  EXPECT_EXIT(
      {
        if (!ForgetNewCalls()) _exit(2);
        const std::string output = OutputOf("echo started");
        fputs(output.c_str(), stderr);
        _exit(output == "started\n" ? 0 : 1);
      },
      testing::ExitedWithCode(0), "started");
}

}  // namespace
}  // namespace w2t::worker
