// Files that others wrote, and the examples. The former lie beside the source
// tree; where they are absent, their tests are skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/graphfile/graph_file.h"

namespace w2t::graphfile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::filesystem::path kSource = W2T_SOURCE_DIR;
const std::filesystem::path kCases = kSource / "../shared/cases";

std::vector<std::string> Strings(const std::vector<Fault>& faults) {
  std::vector<std::string> strings;
  for (const Fault& fault : faults) {
    strings.push_back(
        std::filesystem::path(fault.ToString()).filename().string());
  }
  return strings;
}

LoadResult Load(const std::filesystem::path& path) {
  return LoadFile(path.string(), Options());
}

// "b after a(finished)" for each edge of a blueprint.
std::vector<std::string> Edges(const Blueprint& blueprint) {
  static constexpr const char* kNames[] = {"default", "succeeded", "finished",
                                           "failed",  "started",   "ready"};
  std::vector<std::string> edges;
  for (TaskIndex task = 0; task < blueprint.size(); ++task) {
    for (const Blueprint::Edge& edge : blueprint.predecessors(task)) {
      edges.push_back(std::string(blueprint.task_name(task)) + " after " +
                      std::string(blueprint.task_name(edge.task)) + " " +
                      kNames[static_cast<size_t>(edge.condition)]);
    }
  }
  return edges;
}

class ProcessComposeCaseTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFolder)) {
      GTEST_SKIP() << "SKIPPED: " << kFolder << " is absent";
    }
  }

  LoadResult LoadCase(const std::string& name) { return Load(kFolder / name); }

  const std::filesystem::path kFolder = kCases / "deploy/process-compose";
};

TEST_F(ProcessComposeCaseTest, AllButTheCircularOneLoad) {
  for (const auto& file : std::filesystem::directory_iterator(kFolder)) {
    const LoadResult result = Load(file.path());
    EXPECT_EQ(result.format, Format::kProcessCompose) << file.path();
    if (file.path().filename() == "circular.yaml") {
      EXPECT_THAT(Strings(result.faults),
                  ElementsAre("circular.yaml:6:7: dependency cycle: process1 "
                              "-> process2 -> process1"));
    } else {
      EXPECT_THAT(Strings(result.faults), IsEmpty()) << file.path();
      EXPECT_NE(result.blueprint, nullptr) << file.path();
    }
  }
}

TEST_F(ProcessComposeCaseTest, ARhombusHasItsSteps) {
  const LoadResult result = LoadCase("chain-rhombus.yaml");
  ASSERT_NE(result.blueprint, nullptr);
  const Blueprint& blueprint = *result.blueprint;
  EXPECT_EQ(blueprint.steps(), 7u);
  EXPECT_EQ(blueprint.step(blueprint.Find("process8")), 1u);
  EXPECT_EQ(blueprint.step(blueprint.Find("process6")), 2u);
  EXPECT_EQ(blueprint.step(blueprint.Find("process7")), 2u);
  EXPECT_EQ(blueprint.step(blueprint.Find("process1")), 7u);
}

TEST_F(ProcessComposeCaseTest, OddThenEvenHasFourPairs) {
  const LoadResult result = LoadCase("odd-then-even.yaml");
  ASSERT_NE(result.blueprint, nullptr);
  EXPECT_THAT(Edges(*result.blueprint),
              UnorderedElementsAre("process2 after process1 succeeded",
                                   "process4 after process3 succeeded",
                                   "process6 after process5 succeeded",
                                   "process8 after process7 succeeded"));
}

TEST_F(ProcessComposeCaseTest, AChainWithErrorsGoesOnAfterCompleted) {
  const LoadResult result = LoadCase("chain-with-errors.yaml");
  ASSERT_NE(result.blueprint, nullptr);
  EXPECT_THAT(Edges(*result.blueprint),
              testing::Contains("process4 after process5 finished"));
  const TaskIndex process6 = result.blueprint->Find("process6");
  EXPECT_TRUE(result.blueprint->retry(process6).on_success);
  EXPECT_EQ(result.blueprint->retry(process6).attempts, 2u);
}

TEST_F(ProcessComposeCaseTest, ExitOnFailureEndsTheRun) {
  const LoadResult result = LoadCase("chain-exit.yaml");
  ASSERT_NE(result.blueprint, nullptr);
  EXPECT_TRUE(result.blueprint->fail_run(result.blueprint->Find("process8")));
  EXPECT_FALSE(result.blueprint->fail_run(result.blueprint->Find("process7")));
}

TEST_F(ProcessComposeCaseTest, ALogLineMakesReady) {
  const LoadResult result = LoadCase("failing-log-line.yml");
  ASSERT_NE(result.blueprint, nullptr);
  EXPECT_TRUE(result.blueprint->has_probe(result.blueprint->Find("failer")));
  EXPECT_THAT(Edges(*result.blueprint),
              ElementsAre("oblivious after failer ready"));
  EXPECT_THAT(result.notes,
              ElementsAre("not carried over: description, log_level"));
}

TEST_F(ProcessComposeCaseTest, ReplicasAreTwoTasks) {
  const LoadResult result = LoadCase("scale.yaml");
  ASSERT_NE(result.blueprint, nullptr);
  EXPECT_THAT(Edges(*result.blueprint),
              UnorderedElementsAre("process1-0 after process2 succeeded",
                                   "process1-1 after process2 succeeded",
                                   "process2 after process3 succeeded"));
}

TEST_F(ProcessComposeCaseTest, ShutdownHasItsCommand) {
  const LoadResult result = LoadCase("shutdown-inorder.yaml");
  ASSERT_NE(result.blueprint, nullptr);
  EXPECT_THAT(Edges(*result.blueprint),
              UnorderedElementsAre(
                  "procB after procC started", "procB after procD started",
                  "procC after procA started", "procD after procA started"));
  EXPECT_THAT(
      result.graph.actions(0).stop().command(),
      testing::HasSubstr("\"A: exit\\n\" >> \"$PC_TEST_SHUTDOWN_LOG\""));
}

struct Workflow {
  const char* file;
  uint32_t tasks;
  uint64_t edges;
  uint32_t depth;
  double sum;
  double critical_path;
};

class WorkflowCaseTest : public testing::TestWithParam<Workflow> {};

TEST_P(WorkflowCaseTest, LoadsWithTheNumbersOfTheIndex) {
  const Workflow& expected = GetParam();
  const std::filesystem::path path = kCases / "workflows" / expected.file;
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << "SKIPPED: " << path << " is absent";
  }
  const LoadResult result = Load(path);
  EXPECT_THAT(Strings(result.faults), IsEmpty());
  EXPECT_EQ(result.format, Format::kWfFormat);
  ASSERT_NE(result.blueprint, nullptr);
  const Blueprint& blueprint = *result.blueprint;
  EXPECT_EQ(blueprint.size(), expected.tasks);
  EXPECT_EQ(blueprint.edges(), expected.edges);
  EXPECT_EQ(blueprint.steps(), expected.depth);
  EXPECT_NEAR(absl::ToDoubleSeconds(blueprint.critical_path()),
              expected.critical_path, 0.06);
  absl::Duration sum;
  for (TaskIndex task = 0; task < blueprint.size(); ++task) {
    sum += blueprint.estimate(task);
  }
  EXPECT_NEAR(absl::ToDoubleSeconds(sum), expected.sum, 0.06);
}

INSTANTIATE_TEST_SUITE_P(
    All, WorkflowCaseTest,
    testing::Values(
        Workflow{"helloworld-chain-5-chameleon.json", 5, 4, 5, 501.2, 501.2},
        Workflow{"helloworld-forkjoin-10-chameleon.json", 10, 16, 3, 1028.7,
                 307.4},
        Workflow{"bacass-dirt02-001.json", 11, 14, 5, 3961.9, 2150.0},
        Workflow{"srasearch-chameleon-10a-001.json", 22, 30, 3, 6996.8, 1005.9},
        Workflow{"epigenomics-chameleon-hep-1seq-100k-001.json", 41, 48, 9,
                 539.3, 104.8},
        Workflow{"blast-chameleon-small-001.json", 43, 120, 3, 382.9, 10.4},
        Workflow{"1000genome-chameleon-2ch-100k-001.json", 52, 76, 3, 2771.3,
                 204.7},
        Workflow{"montage-chameleon-2mass-005d-001.json", 58, 114, 8, 221.7,
                 21.4},
        Workflow{"soykb-chameleon-10fastq-10ch-001.json", 96, 194, 11, 11814.5,
                 2933.3},
        Workflow{"seismology-chameleon-100p-001.json", 101, 100, 2, 71.9,
                 2.8}));

TEST(ExamplesTest, AllOfThemLoad) {
  size_t files = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(kSource / "deploy/examples")) {
    if (file.path().extension() != ".yaml") continue;
    ++files;
    const LoadResult result = Load(file.path());
    EXPECT_THAT(Strings(result.faults), IsEmpty()) << file.path();
    EXPECT_THAT(result.notes, IsEmpty()) << file.path();
  }
  EXPECT_GE(files, 3u);
}

TEST(ExamplesTest, When2taskTakesFiveUnitsInThreeSteps) {
  const LoadResult result = Load(kSource / "deploy/examples/when2task.yaml");
  ASSERT_NE(result.blueprint, nullptr);
  EXPECT_EQ(result.blueprint->steps(), 3u);
  EXPECT_EQ(result.blueprint->critical_path(), absl::Milliseconds(500));
}

}  // namespace
}  // namespace w2t::graphfile
