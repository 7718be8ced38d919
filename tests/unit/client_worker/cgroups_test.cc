// Cgroups of attempts. What needs the system's own is skipped where this user
// may make none.
#include "client/worker/exec/cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "client/worker/exec/command.h"
#include "client/worker/exec/proc.h"
#include "client/worker/exec/spawn.h"
#include "tests/support/deadline.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client_worker/exec_env.h"

namespace w2t::worker {
namespace {

using test::Eventually;
using test::TempDir;
using ::testing::HasSubstr;

v1::ExecLimits LimitsOf(uint64_t memory_bytes, uint32_t cpu_milli) {
  v1::ExecLimits limits;
  limits.set_memory_bytes(memory_bytes);
  limits.set_cpu_milli(cpu_milli);
  return limits;
}

// A folder that has the files of a cgroup.
class CgroupFilesTest : public ::testing::Test {
 protected:
  CgroupFilesTest() {
    dir_.Write("cgroup.procs", "");
    dir_.Write("cgroup.subtree_control", "");
    dir_.Write("cgroup.controllers", "cpu io memory\n");
    cgroups_ = *Cgroups::Open(dir_.path());
    cgroup_ = *cgroups_->Make("s1-7");
  }
  std::string File(const std::string& name) {
    return test::ReadFile(dir_ / ("w2t-s1-7/" + name));
  }
  void Add(const std::string& name, const std::string& text = "") {
    dir_.Write("w2t-s1-7/" + name, text);
  }

  TempDir dir_;
  std::unique_ptr<Cgroups> cgroups_;
  std::unique_ptr<Cgroup> cgroup_;
};

TEST_F(CgroupFilesTest, LimitsAreWrittenAsTheSystemTakesThem) {
  Add("memory.max");
  Add("cpu.max");
  const absl::Status status =
      cgroups_->Limit(*cgroup_, LimitsOf(512 << 20, 1'500));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(File("memory.max"), "536870912");
  EXPECT_EQ(File("cpu.max"), "150000 100000");
}

TEST_F(CgroupFilesTest, ALimitThatTheSystemCannotKeepIsNamed) {
  Add("cpu.max");
  const absl::Status status =
      cgroups_->Limit(*cgroup_, LimitsOf(512 << 20, 500));
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("memory.max"));
  EXPECT_EQ(File("cpu.max"), "50000 100000");
}

TEST_F(CgroupFilesTest, AControllerThatIsNotThereIsNamed) {
  dir_.Write("cgroup.controllers", "cpuset io\n");
  const absl::Status status = cgroups_->Limit(*cgroup_, LimitsOf(0, 500));
  EXPECT_THAT(std::string(status.message()),
              ::testing::EndsWith("has no cpu controller"));
}

TEST_F(CgroupFilesTest, ProcessesAndKillsAreRead) {
  Add("cgroup.events", "populated 1\nfrozen 0\n");
  Add("cgroup.procs", "12\n345\n");
  Add("memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n");
  EXPECT_TRUE(cgroup_->Lives());
  EXPECT_THAT(cgroup_->Processes(), ::testing::ElementsAre(12, 345));
  EXPECT_EQ(cgroup_->OutOfMemoryKills(), 2u);
  Add("cgroup.events", "populated 0\nfrozen 0\n");
  EXPECT_FALSE(cgroup_->Lives());
}

TEST_F(CgroupFilesTest, AStartThatCannotJoinItSaysSo) {
  SpawnSpec spec{.argv = {"true"}, .env = OwnEnvironment()};
  spec.cgroup_fd = cgroup_->fd();
  const absl::StatusOr<Child> child = Spawn(spec);
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(std::string(child.status().message()),
            "join the cgroup: No such file or directory");
}

TEST(CgroupLimitsTest, AWorkerWithoutCgroupsSaysThatLimitsAreNotKept) {
  ExecEnv env;
  v1::Action action = ExecEnv::Shell("exit 0");
  *action.mutable_exec()->mutable_limits() = LimitsOf(512 << 20, 0);
  const Record record = env.Run(action);
  EXPECT_EQ(record.outcome->state, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(record.notes,
            "its limits are not kept to here: the worker has no cgroups\n");
}

// The system's own.
class RealCgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    parent_ = fmt::format("{}/w2t-tests-{}", OwnCgroup(), getpid());
    if (OwnCgroup().empty() || mkdir(parent_.c_str(), 0755) != 0) {
      GTEST_SKIP() << "no cgroup can be made at \"" << parent_ << "\"";
    }
    cgroups_ = *Cgroups::Open(parent_);
    env_ = std::make_unique<ExecEnv>(ExecOptions{.cgroups = cgroups_.get()});
  }
  void TearDown() override {
    env_.reset();
    if (cgroups_ == nullptr) return;
    EXPECT_TRUE(Eventually([this] { return rmdir(parent_.c_str()) == 0; }));
  }

  std::string parent_;
  std::unique_ptr<Cgroups> cgroups_;
  std::unique_ptr<ExecEnv> env_;
  TempDir dir_;
};

// It leaves its session and its environment, and so everything else that it
// could be known by.
TEST_F(RealCgroupTest, NothingLeavesACgroup) {
  const std::string script = dir_.Write(
      "daemon.sh", fmt::format("echo $$ > {0}.new; mv {0}.new {0}; trap '' "
                               "TERM; while :; do sleep 0.01; done",
                               dir_ / "pid"));
  v1::Action action = ExecEnv::Shell(fmt::format(
      "(env -i setsid sh {} </dev/null >/dev/null 2>&1 &); while ! test -e "
      "{}; do sleep 0.01; done; cat /proc/self/cgroup; echo on; exec sleep 600",
      script, dir_ / "pid"));
  *action.mutable_exec()->mutable_limits() = LimitsOf(512 << 20, 0);
  action.mutable_stop()->mutable_grace()->set_nanos(100'000'000);
  const uint64_t fence = env_->Start(action);
  env_->AwaitOutput(fence, "on");
  env_->Cancel(fence);
  const Record record = env_->Await(fence);
  EXPECT_THAT(record.out, HasSubstr("w2t-tests-"));
  EXPECT_EQ(record.outcome->message,
            "stopped by TERM, then killed after 100ms");
  const std::optional<ProcessStat> daemon =
      StatOf(std::stoi(test::ReadFile(dir_ / "pid")));
  EXPECT_FALSE(daemon && daemon->alive());
}

}  // namespace
}  // namespace w2t::worker
