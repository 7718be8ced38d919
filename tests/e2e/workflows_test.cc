// Recorded production workflows, replayed on four slots: each ends between the
// bounds that no schedule can beat and that no list schedule exceeds.
//
// A task occupies its slot for longer than it was recorded to last: a process
// is started, and its start and its end are reported. That cost is measured in
// the same run: for each task, the time from its lease to its outcome, less its
// scaled recorded length. The upper bound is that of a list schedule of the
// tasks with their cost:
//   critical path + sum / slots, over (recorded length x scale + cost).
// The lower bound is taken over the recorded lengths alone, less the longest
// that a report of a start was late.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"
#include "tests/support/trace.h"
#include "tests/support/workflow.h"

namespace w2t::test {
namespace {

constexpr int kSlots = 4;
// How long each workflow is to take at least, by its lower bound.
constexpr double kTargetSeconds = 1.2;
// A start that costs more than this on average is no cost but a fault.
constexpr double kMostCostSeconds = 0.25;

struct Recorded {
  const char* file;
  size_t tasks;
  size_t edges;
  size_t depth;
  double sum;
  double critical_path;

  friend void PrintTo(const Recorded& recorded, std::ostream* out) {
    *out << recorded.file;
  }
};

class WorkflowsTest : public FleetTest,
                      public ::testing::WithParamInterface<Recorded> {};

struct Measured {
  double makespan = 0;                     // first start to last end
  double longest_lag = 0;                  // of the report of a start
  std::map<std::string, double> occupied;  // lease to outcome
  double mean_cost = 0;
};

Measured Measure(const Workflow& workflow, const Trace& trace,
                 const std::vector<v1::TaskStatus>& tasks, double scale) {
  Measured measured;
  int64_t first_us = INT64_MAX;
  int64_t last_us = 0;
  for (const auto& [name, span] : SpansOf(tasks)) {
    const double recorded = workflow.tasks.at(name).seconds * scale;
    first_us = std::min(first_us, span.start_us);
    last_us = std::max(last_us, span.end_us);
    const double shown = static_cast<double>(span.end_us - span.start_us) / 1e6;
    measured.longest_lag = std::max(measured.longest_lag, recorded - shown);
    const int64_t leased_us = trace.FirstTimeUs(name, v1::TASK_STATE_LEASED);
    const double occupied =
        static_cast<double>(trace.EndTimeUs(name) - leased_us) / 1e6;
    measured.occupied[name] = occupied;
    measured.mean_cost +=
        (occupied - recorded) / static_cast<double>(tasks.size());
  }
  measured.makespan = static_cast<double>(last_us - first_us) / 1e6;
  return measured;
}

TEST_P(WorkflowsTest, EndsBetweenItsBounds) {
  if (SharedCases().empty()) {
    GTEST_SKIP() << "the folder shared/cases is absent";
  }
  const Recorded& recorded = GetParam();
  const std::string path =
      fmt::format("{}/workflows/{}", SharedCases(), recorded.file);
  const Workflow workflow = Workflow::Read(path);
  std::map<std::string, double> seconds;
  for (const auto& [id, task] : workflow.tasks) seconds[id] = task.seconds;
  const Bounds unscaled = BoundsOf(workflow, seconds, kSlots);
  EXPECT_EQ(workflow.tasks.size(), recorded.tasks);
  EXPECT_EQ(workflow.edges(), recorded.edges);
  EXPECT_EQ(workflow.depth(), recorded.depth);
  EXPECT_NEAR(unscaled.sum, recorded.sum, 0.06);
  EXPECT_NEAR(unscaled.critical_path, recorded.critical_path, 0.06);

  StartFleet(kSlots);
  const double scale = kTargetSeconds / unscaled.lower;
  const CliResult result =
      Cli({"run", path, "--time-scale", fmt::format("{:.9f}", scale)});
  ASSERT_EQ(result.status.code, 0) << result.ToString();
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ListRunsResponse runs;
  ASSERT_TRUE(client_->runs().ListRuns(&context, {}, &runs).ok());
  ASSERT_EQ(runs.runs_size(), 1);
  const std::string run_id = runs.runs(0).run_id();
  const std::vector<v1::TaskStatus> tasks = client_->ListTasks(run_id);
  ASSERT_EQ(tasks.size(), recorded.tasks);
  const Trace trace(*client_, daemon_->address(), run_id);
  for (const auto& [id, task] : workflow.tasks) {
    for (const auto& parent : task.parents) {
      EXPECT_TRUE(trace.Before(parent, id)) << parent << " -> " << id;
    }
  }

  const Measured measured = Measure(workflow, trace, tasks, scale);
  const double lower = unscaled.lower * scale - measured.longest_lag;
  const double upper = BoundsOf(workflow, measured.occupied, kSlots).upper;
  std::cout << fmt::format(
      "{}: scale {:.6f}, {:.3f} s; bounds {:.3f} and {:.3f} s, with start cost "
      "{:.3f} s ({:.1f} ms a task)\n",
      recorded.file, scale, measured.makespan, unscaled.lower * scale,
      unscaled.upper * scale, upper, measured.mean_cost * 1e3);
  EXPECT_GE(measured.makespan, lower);
  EXPECT_LE(measured.makespan, upper);
  EXPECT_LT(measured.mean_cost, kMostCostSeconds);
}

INSTANTIATE_TEST_SUITE_P(
    All, WorkflowsTest,
    ::testing::Values(
        Recorded{"helloworld-chain-5-chameleon.json", 5, 4, 5, 501.2, 501.2},
        Recorded{"helloworld-forkjoin-10-chameleon.json", 10, 16, 3, 1028.7,
                 307.4},
        Recorded{"bacass-dirt02-001.json", 11, 14, 5, 3961.9, 2150.0},
        Recorded{"srasearch-chameleon-10a-001.json", 22, 30, 3, 6996.8, 1005.9},
        Recorded{"epigenomics-chameleon-hep-1seq-100k-001.json", 41, 48, 9,
                 539.3, 104.8},
        Recorded{"blast-chameleon-small-001.json", 43, 120, 3, 382.9, 10.4},
        Recorded{"1000genome-chameleon-2ch-100k-001.json", 52, 76, 3, 2771.3,
                 204.7},
        Recorded{"montage-chameleon-2mass-005d-001.json", 58, 114, 8, 221.7,
                 21.4},
        Recorded{"soykb-chameleon-10fastq-10ch-001.json", 96, 194, 11, 11814.5,
                 2933.3},
        Recorded{"seismology-chameleon-100p-001.json", 101, 100, 2, 71.9, 2.8}),
    [](const auto& test) {
      std::string name;
      for (const char* c = test.param.file; *c != '.'; ++c) {
        if (std::isalnum(static_cast<unsigned char>(*c))) name += *c;
      }
      return name;
    });

}  // namespace
}  // namespace w2t::test
