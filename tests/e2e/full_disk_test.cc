// A daemon whose disk is full, played by a bound on the size of its files.
#include <sys/resource.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/deadline.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"

namespace w2t::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FullDiskTest : public FleetTest {
 protected:
  // No byte beyond `most` of any file can be written.
  void BoundFiles(rlim_t most) {
    const rlimit bound = {most, RLIM_INFINITY};
    ASSERT_EQ(prlimit(daemon_->process().pid(), RLIMIT_FSIZE, &bound, nullptr),
              0);
  }
  std::string ran() const { return dir_ / "ran"; }
};

TEST_F(FullDiskTest, IntakeStopsWithTheReasonAndGoesOnOnceThereIsRoom) {
  StartFleet(2);
  v1::Graph graph;
  graph.set_name("before");
  AddShell(graph, "first",
           "echo first >> '" + ran() + "'; " + WaitForFile(dir_ / "go"));
  AddShell(graph, "second", "echo second >> '" + ran() + "'", {"first"});
  const std::string run_id = client_->Submit(graph);
  ASSERT_TRUE(client_->WaitForTask(run_id, "first", v1::TASK_STATE_RUNNING));

  BoundFiles(4096);
  dir_.Write("go", "");  // its report cannot become durable
  CliResult refused;
  ASSERT_TRUE(Eventually([&] {
    refused = Cli({"status", run_id});
    return refused.status.code != 0;
  }));
  EXPECT_EQ(refused.status.code, 1) << refused.ToString();
  EXPECT_THAT(refused.err,
              HasSubstr("the daemon accepts nothing until it can write"));
  EXPECT_THAT(ReadLines(ran()), ElementsAre("first"))
      << "nothing may start that waits for what is not durable";

  BoundFiles(RLIM_INFINITY);
  ASSERT_TRUE(Eventually([&] {
    return Cli({"status", run_id}).status.code == 0;
  }));
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  EXPECT_THAT(ReadLines(ran()), ElementsAre("first", "second"));
}

}  // namespace
}  // namespace w2t::test
