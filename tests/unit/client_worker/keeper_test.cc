// What looks after the services of a worker that was killed.
#include "client/worker/state/keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "client/worker/exec/command.h"
#include "client/worker/exec/proc.h"
#include "client/worker/exec/spawn.h"
#include "client/worker/loop/unique_fd.h"
#include "client/worker/state/pipe_search.h"
#include "client/worker/state/state_folder.h"
#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"

namespace w2t::worker {
namespace {

using test::Eventually;
using test::TempDir;

v1::Hello KeptHello() {
  v1::Hello hello;
  hello.set_name("w1");
  hello.set_instance("random");
  return hello;
}

// A program that is about to be started may have the files of the killed
// process for a moment yet.
TEST(KeeperTest, WaitsForTheLockOfAProcessThatIsAboutToEnd) {
  const TempDir dir;
  v1::Hello hello = KeptHello();
  auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  ASSERT_TRUE(state.ok()) << state.status();
  const KeeperPlan plan{.folder = dir / "s", .mark = (*state)->mark()};
  std::vector<std::string> environment = OwnEnvironment();
  environment.push_back(
      fmt::format("{}={}", kMarkVariable, MarkOf(plan.mark, 7)));
  const absl::StatusOr<Child> service =
      Spawn({.argv = {"sleep", "600"}, .env = environment});
  ASSERT_TRUE(service.ok()) << service.status();
  const pid_t keeper = fork();
  if (keeper == 0) {
    CloseAllButOutput({});  // the lock among them
    Keep(plan, 1, 50);
    _exit(0);
  }
  ASSERT_GT(keeper, 0);
  // It waits for the lock, or has given up.
  ASSERT_TRUE(Eventually([&] {
    const std::optional<ProcessStat> stat = StatOf(keeper);
    return !stat || stat->state == 'S' || !stat->alive();
  }));
  state->reset();
  EXPECT_TRUE(Eventually([&] { return !StatOf(service->pid)->alive(); }));
  kill(service->pid, SIGKILL);
  Reap(*service);
  waitpid(keeper, nullptr, 0);
}

// What it is told must not wait for the keeper of the process that has taken
// over, which may be killed soon: nobody would stop its services then.
TEST(KeeperTest, HearsThatSomebodyHasTakenOverBeforeItEverHadTheLock) {
  const TempDir dir;
  v1::Hello hello = KeptHello();
  const auto state = StateFolder::Open(dir / "s", absl::ZeroDuration(), &hello);
  ASSERT_TRUE(state.ok()) << state.status();
  const KeeperPlan plan{.folder = dir / "s", .mark = (*state)->mark()};
  const UniqueFd told(open((dir / "s/keeper").c_str(), O_RDWR | O_NONBLOCK));
  (*state)->TakenOver();
  const auto bytes = [&told] {
    int count = -1;
    return ioctl(told.get(), FIONREAD, &count) == 0 ? count : -1;
  };
  const int before = bytes();
  ASSERT_GT(before, 0);
  const pid_t keeper = fork();
  if (keeper == 0) {
    CloseAllButOutput({});
    Keep(plan, 1, 60'000);
    _exit(0);
  }
  ASSERT_EQ(waitpid(keeper, nullptr, 0), keeper);
  EXPECT_EQ(bytes(), before - 1);
}

// A process may have more than one worker, each with a keeper.
TEST(KeeperTest, WhatAnotherKeeperHasStaysOpen) {
  absl::StatusOr<Pipe> pipe = MakeLastingPipe();
  ASSERT_TRUE(pipe.ok()) << pipe.status();
  const auto keeper =
      static_cast<pid_t>(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
  if (keeper == 0) {
    CloseAllButOutput({});
    _exit(fcntl(pipe->read_end.get(), F_GETFD) < 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(keeper, &status, 0), keeper);
  EXPECT_EQ(status, 0);
  EXPECT_GE(fcntl(pipe->read_end.get(), F_GETFD), 0);
}

TEST(KeeperTest, OnlyPipesOfServicesStayOpen) {
  absl::StatusOr<Pipe> out = MakeLastingPipe();
  absl::StatusOr<Pipe> err = MakeLastingPipe();
  absl::StatusOr<Pipe> ended = MakeLastingPipe();
  HeldOutput services[3];
  services[0].fence = 7;
  services[0].fds[0] = out->read_end.get();
  services[0].pipes[0] = PipeOf(out->read_end.get());
  // Its number has become another file's.
  services[0].fds[1] = err->read_end.get();
  services[0].pipes[1] = PipeOf(err->read_end.get()) + 1;
  services[1].fds[0] = ended->read_end.get();
  services[1].pipes[0] = PipeOf(ended->read_end.get());
  const pid_t keeper = fork();
  if (keeper == 0) {
    const bool one = CloseAllButOutput(services) == 1;
    const bool right = fcntl(out->read_end.get(), F_GETFD) >= 0 &&
                       fcntl(out->write_end.get(), F_GETFD) < 0 &&
                       fcntl(err->read_end.get(), F_GETFD) < 0 &&
                       fcntl(ended->read_end.get(), F_GETFD) < 0 &&
                       fcntl(0, F_GETFD) < 0;
    _exit(one && right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(keeper, &status, 0), keeper);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace w2t::worker
