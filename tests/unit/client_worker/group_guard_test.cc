#include "client/worker/exec/group_guard.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "client/worker/exec/command.h"
#include "client/worker/exec/process_group.h"
#include "client/worker/exec/spawn.h"
#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"

namespace w2t::worker {
namespace {

using test::Eventually;

SpawnSpec ShellOf(std::string line, GroupGuard* guard) {
  return {.argv = {"sh", "-c", std::move(line)},
          .env = OwnEnvironment(),
          .guard = guard};
}

TEST(GroupGuardTest, APlaceIsUsedAgain) {
  auto guard = GroupGuard::Start();
  ASSERT_TRUE(guard.ok()) << guard.status();
  std::atomic<pid_t>* first = nullptr;
  {
    const GroupGuard::Slot slot = (*guard)->Take();
    first = slot.group();
    ASSERT_NE(first, nullptr);
  }
  const GroupGuard::Slot again = (*guard)->Take();
  const GroupGuard::Slot other = (*guard)->Take();
  EXPECT_EQ(again.group(), first);
  EXPECT_NE(other.group(), first);
}

TEST(GroupGuardTest, AChildIsInTheTableForAsLongAsItIsHeld) {
  auto guard = GroupGuard::Start();
  ASSERT_TRUE(guard.ok()) << guard.status();
  absl::StatusOr<Child> child = Spawn(ShellOf("exec sleep 60", guard->get()));
  ASSERT_TRUE(child.ok()) << child.status();
  const std::atomic<pid_t>* const group = child->guarded.group();
  EXPECT_EQ(*group, child->pid);
  SignalGroup(child->pid, SIGKILL);
  waitpid(child->pid, nullptr, 0);
  *child = Child();
  EXPECT_EQ(*group, 0);
}

TEST(GroupGuardTest, GrandchildrenDieWithAKilledWorker) {
  const test::TempDir dir;
  const pid_t worker = fork();
  if (worker == 0) {
    auto guard = GroupGuard::Start();
    SpawnSpec spec = ShellOf("sleep 60 & echo $! > new; mv new pid; wait",
                             guard.ok() ? guard->get() : nullptr);
    spec.dir = dir.path();
    const absl::StatusOr<Child> child = Spawn(spec);
    for (;;) pause();
  }
  ASSERT_GT(worker, 0);
  ASSERT_TRUE(Eventually([&] { return !test::ReadFile(dir / "pid").empty(); }));
  const pid_t grandchild = std::stoi(test::ReadFile(dir / "pid"));
  kill(worker, SIGKILL);
  waitpid(worker, nullptr, 0);
  EXPECT_TRUE(Eventually([&] {
    const std::string stat =
        test::ReadFile("/proc/" + std::to_string(grandchild) + "/stat");
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  }));
}

}  // namespace
}  // namespace w2t::worker
