// A thousand services on ten workers: they come up and go down, and nothing is
// left, whatever is killed in between.
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"
#include "tests/support/sanitized.h"

namespace w2t::test {
namespace {

namespace fs = std::filesystem;

constexpr int kServices = kSanitized ? 200 : 1'000;
constexpr int kWorkers = 10;
constexpr int kWidth = 50;

class ThousandTest : public FleetTest {
 protected:
  void SetUp() override {
    FleetTest::SetUp();
    StartDaemon({"--reattach-window", "60s"});
    for (int i = 0; i < kWorkers; ++i) Start(i);
    ASSERT_TRUE(client_->WaitForWorkers(kWorkers));
  }

  void Start(int worker) {
    while (workers_.size() <= static_cast<size_t>(worker)) {
      workers_.emplace_back();
    }
    workers_[worker] = StartWorker(
        daemon_->address(), {.name = fmt::format("w{}", worker),
                             .state = dir_ / fmt::format("state{}", worker)});
  }

  // In layers, each service after one of the layer before.
  v1::Graph Services() const {
    v1::Graph graph;
    graph.set_name("many");
    for (int i = 0; i < kServices; ++i) {
      std::vector<std::string> after;
      if (i >= kWidth) after.push_back(fmt::format("s{}", i - kWidth));
      v1::Task& service = AddShell(graph, fmt::format("s{}", i),
                                   "echo up; exec " + Sleep(), after);
      service.set_kind(v1::TASK_KIND_SERVICE);
      ActionOf(graph, service).mutable_ready()->set_log_text("up");
    }
    return graph;
  }
  // Found again in /proc.
  std::string Sleep() const { return fmt::format("sleep 86400.{}", getpid()); }

  size_t Alive() const {
    size_t alive = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
      std::string line = ReadFile(entry.path() / "cmdline");
      for (char& c : line) c = c == '\0' ? ' ' : c;
      if (line.find(Sleep()) != std::string::npos) ++alive;
    }
    return alive;
  }

  void ExpectDown(const std::string& run_id) {
    client_->Cancel(run_id);
    const v1::Run run = client_->WaitForEnd(run_id);
    EXPECT_TRUE(IsEnded(run)) << run.ShortDebugString();
    EXPECT_EQ(Alive(), 0u);
  }
  static bool IsEnded(const v1::Run& run) {
    return run.state() >= v1::RUN_STATE_SUCCEEDED;
  }
};

TEST_F(ThousandTest, ComesUpAndGoesDownWithoutALeftover) {
  const std::string run_id = client_->Submit(Services(), /*hold=*/true);
  {
    Watch watch(daemon_->address(), run_id);
    ASSERT_TRUE(watch.WaitForTasks(kServices, v1::TASK_STATE_UP));
  }
  EXPECT_EQ(Alive(), static_cast<size_t>(kServices));
  ExpectDown(run_id);
  EXPECT_EQ(client_->GetRun(run_id).state(), v1::RUN_STATE_SUCCEEDED);
}

TEST_F(ThousandTest, KillsAtAnyMomentLeaveNoSecondCopyAndNoLeftover) {
  const std::string run_id = client_->Submit(Services(), /*hold=*/true);
  std::minstd_rand random(7);
  for (const size_t up : {kServices / 5, kServices / 2, kServices}) {
    {
      Watch watch(daemon_->address(), run_id);
      ASSERT_TRUE(watch.WaitForTasks(up, v1::TASK_STATE_UP))
          << client_->GetRun(run_id).ShortDebugString();
    }
    const int killed = static_cast<int>(random() % kWorkers);
    workers_[killed]->Kill();
    daemon_->Kill();
    RestartDaemon();
    Start(killed);
    ASSERT_TRUE(client_->WaitForWorkers(kWorkers));
  }
  {
    Watch watch(daemon_->address(), run_id);
    ASSERT_TRUE(watch.WaitForTasks(kServices, v1::TASK_STATE_UP));
  }
  EXPECT_LE(Alive(), static_cast<size_t>(kServices));
  workers_[3]->Kill();
  client_->Cancel(run_id);
  Start(3);
  const v1::Run run = client_->WaitForEnd(run_id);
  EXPECT_TRUE(IsEnded(run)) << run.ShortDebugString();
  EXPECT_EQ(Alive(), 0u);
}

}  // namespace
}  // namespace w2t::test
