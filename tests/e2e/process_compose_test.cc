// Files from process-compose's own tests, run by the real programs: each does
// what its index says.
#include <filesystem>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"
#include "tests/support/trace.h"

namespace w2t::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ProcessComposeTest : public FleetTest {
 protected:
  void SetUp() override {
    FleetTest::SetUp();
    if (SharedCases().empty()) {
      GTEST_SKIP() << "the folder shared/cases is absent";
    }
  }
  static std::string Path(const std::string& name) {
    return SharedCases() + "/deploy/process-compose/" + name;
  }
  // Runs a file on a daemon of the test's.
  CliResult Run(const std::string& path) {
    if (daemon_ == nullptr) StartFleet(4);
    CliResult result = Cli({"run", path});
    return result;
  }
  // The trace of the only run.
  Trace TraceIt() {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListRunsResponse runs;
    client_->runs().ListRuns(&context, {}, &runs);
    if (runs.runs_size() != 1) throw std::runtime_error("not one run");
    run_ = client_->GetRun(runs.runs(0).run_id());
    return Trace(*client_, daemon_->address(), run_.run_id());
  }
  void ExpectSuccess(const CliResult& result) {
    EXPECT_EQ(result.status.code, 0) << result.ToString();
  }

  v1::Run run_;
};

TEST_F(ProcessComposeTest, ChainArrow) {
  ExpectSuccess(Run(Path("chain-arrow.yaml")));
  const Trace trace = TraceIt();
  EXPECT_TRUE(trace.InOrder({"process8", "process7", "process6", "process5",
                             "process4", "process3", "process2", "process1"}))
      << trace.ToString();
}

TEST_F(ProcessComposeTest, ChainRhombus) {
  ExpectSuccess(Run(Path("chain-rhombus.yaml")));
  const Trace trace = TraceIt();
  EXPECT_TRUE(trace.InOrder({"process8", "process7", "process5", "process4",
                             "process3", "process2", "process1"}))
      << trace.ToString();
  EXPECT_TRUE(trace.InOrder({"process8", "process6", "process5"}));
}

TEST_F(ProcessComposeTest, ManyForOne) {
  ExpectSuccess(Run(Path("many-for-one.yaml")));
  const Trace trace = TraceIt();
  uint64_t last_ready = 0;
  uint64_t first_end = UINT64_MAX;
  for (int i = 2; i <= 8; ++i) {
    const std::string name = fmt::format("process{}", i);
    EXPECT_TRUE(trace.Before("process1", name)) << trace.ToString();
    last_ready =
        std::max(last_ready, trace.FirstSeq(name, v1::TASK_STATE_READY));
    first_end = std::min(first_end, trace.Ended(name));
  }
  // In parallel: none had to wait for another one.
  EXPECT_LT(last_ready, first_end) << trace.ToString();
}

TEST_F(ProcessComposeTest, OneForMany) {
  ExpectSuccess(Run(Path("one-for-many.yaml")));
  const Trace trace = TraceIt();
  for (const int i : {1, 3, 4, 5, 6, 7, 8}) {
    EXPECT_TRUE(trace.Before(fmt::format("process{}", i), "process2"))
        << trace.ToString();
  }
}

TEST_F(ProcessComposeTest, OddThenEvenIsNotHeldUpByASlowOne) {
  // The same file, but process1 takes until it is told to end.
  std::string text = ReadFile(Path("odd-then-even.yaml"));
  const std::string quick = "\"echo process1\"";
  ASSERT_NE(text.find(quick), std::string::npos);
  text.replace(text.find(quick), quick.size(),
               fmt::format("\"{}\"", WaitForFile(dir_ / "go")));
  StartFleet(4);
  const auto process = StartCli({"--server", daemon_->address(), "run",
                                 dir_.Write("odd-then-even.yaml", text)});
  ASSERT_TRUE(Eventually([this] {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListRunsResponse runs;
    client_->runs().ListRuns(&context, {}, &runs);
    return runs.runs_size() == 1 && runs.runs(0).counts().succeeded() == 6;
  })) << process->out()
      << process->err();
  dir_.Write("go", "");
  EXPECT_EQ(process->WaitForExit().code, 0) << process->err();
  const Trace trace = TraceIt();
  for (const int i : {4, 6, 8}) {
    EXPECT_TRUE(trace.Before(fmt::format("process{}", i - 1),
                             fmt::format("process{}", i)));
    EXPECT_LT(trace.Ended(fmt::format("process{}", i)),
              trace.Ended("process1"));
  }
  EXPECT_TRUE(trace.Before("process1", "process2"));
}

TEST_F(ProcessComposeTest, ChainWithErrors) {
  const CliResult result = Run(Path("chain-with-errors.yaml"));
  EXPECT_NE(result.status.code, 0);
  const Trace trace = TraceIt();
  EXPECT_TRUE(trace.InOrder(
      {"process8", "process7", "process6", "process5", "process4", "process3"}))
      << trace.ToString();
  EXPECT_EQ(trace.Attempts("process6"), 2);  // always, once more
  EXPECT_EQ(trace.Attempts("process5"), 2);  // on_failure, once more
  EXPECT_EQ(trace.Outcome("process5"), v1::TASK_STATE_FAILED);
  EXPECT_EQ(trace.Outcome("process4"), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(trace.Outcome("process3"), v1::TASK_STATE_FAILED);
  EXPECT_EQ(trace.Outcome("process2"), v1::TASK_STATE_SKIPPED);
  EXPECT_EQ(trace.Outcome("process1"), v1::TASK_STATE_SKIPPED);
  ASSERT_EQ(run_.failures_size(), 2);
  EXPECT_EQ(run_.failures(0).name(), "process5");
  EXPECT_EQ(run_.failures(1).name(), "process3");
  EXPECT_THAT(result.out + result.err,
              AllOf(HasSubstr("process5"), HasSubstr("process3")));
}

TEST_F(ProcessComposeTest, ChainExit) {
  const CliResult result = Run(Path("chain-exit.yaml"));
  EXPECT_EQ(result.status.code, 42) << result.ToString();
  const Trace trace = TraceIt();
  for (int i = 1; i <= 7; ++i) {
    EXPECT_EQ(trace.Started(fmt::format("process{}", i)), 0u);
  }
}

TEST_F(ProcessComposeTest, Circular) {
  StartFleet(1);
  const CliResult result = Run(Path("circular.yaml"));
  EXPECT_EQ(result.status.code, 2) << result.ToString();
  EXPECT_THAT(result.err, HasSubstr("process1 -> process2 -> process1"));
  EXPECT_THAT(result.err, HasSubstr("circular.yaml:"));
  EXPECT_THAT(result.err, Not(HasSubstr("process3")));
}

TEST_F(ProcessComposeTest, NonCircular) {
  ExpectSuccess(Run(Path("non-circular.yaml")));
  EXPECT_TRUE(TraceIt().InOrder({"process1", "process3"}));
}

TEST_F(ProcessComposeTest, TransitiveDependency) {
  const CliResult result = Run(Path("transitive-dep.yaml"));
  EXPECT_NE(result.status.code, 0);
  const Trace trace = TraceIt();
  EXPECT_EQ(trace.Outcome("procA"), v1::TASK_STATE_FAILED);
  EXPECT_EQ(trace.Outcome("procB"), v1::TASK_STATE_SKIPPED);
  EXPECT_EQ(trace.Outcome("procC"), v1::TASK_STATE_SKIPPED);
  ASSERT_EQ(run_.failures_size(), 1);
  EXPECT_EQ(run_.failures(0).name(), "procA");
}

TEST_F(ProcessComposeTest, ShutdownInOrder) {
  // Without a server: the worker inherits the variable that the file asks for.
  const std::string log = dir_ / "shutdown.log";
  const auto process = StartCli({"run", Path("shutdown-inorder.yaml")},
                                {{"PC_TEST_SHUTDOWN_LOG", log}});
  // Outputs, and so starts, as they are shown.
  ASSERT_TRUE(process->WaitForLine("B: starting"))
      << process->out() << process->err();
  process->Signal(SIGINT);
  EXPECT_EQ(process->WaitForExit().code, 130) << process->err();
  const std::string shown = process->out() + process->err();
  EXPECT_LT(shown.find("A: starting"), shown.find("B: starting"));
  const std::vector<std::string> lines = ReadLines(log);
  ASSERT_EQ(lines.size(), 4u) << ::testing::PrintToString(lines);
  EXPECT_EQ(lines[0], "B: exit");
  EXPECT_THAT((std::vector<std::string>{lines[1], lines[2]}),
              ::testing::UnorderedElementsAre("C: exit", "D: exit"));
  EXPECT_EQ(lines[3], "A: exit");
  EXPECT_TRUE(Eventually([] { return Orphans().empty(); }));
}

TEST_F(ProcessComposeTest, SuccessExitCodes) {
  const CliResult result = Run(Path("success-exit-codes.yaml"));
  EXPECT_NE(result.status.code, 0) << result.ToString();
  const Trace trace = TraceIt();
  EXPECT_EQ(trace.Outcome("allowed"), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(trace.Attempts("allowed"), 1);
  EXPECT_EQ(trace.Outcome("control"), v1::TASK_STATE_FAILED);
  EXPECT_EQ(trace.Attempts("control"), 2);
}

TEST_F(ProcessComposeTest, FailingLogLine) {
  const CliResult result = Run(Path("failing-log-line.yml"));
  EXPECT_NE(result.status.code, 0) << result.ToString();
  const Trace trace = TraceIt();
  EXPECT_EQ(trace.Outcome("failer"), v1::TASK_STATE_FAILED);
  EXPECT_EQ(trace.Started("oblivious"), 0u) << trace.ToString();
}

TEST_F(ProcessComposeTest, Scale) {
  const CliResult result = Run(Path("scale.yaml"));
  ExpectSuccess(result);
  const Trace trace = TraceIt();
  EXPECT_TRUE(trace.InOrder({"process3", "process2", "process1-0"}));
  EXPECT_TRUE(trace.InOrder({"process3", "process2", "process1-1"}));
}

TEST_F(ProcessComposeTest, WithLog) {
  // It names log files relative to where it is run.
  StartDaemon();
  const std::string worker_dir = dir_ / "work";
  std::filesystem::create_directory(worker_dir);
  AddWorker({.slots = 4, .flags = {"--dir", worker_dir}});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const CliResult result = Run(Path("with-log.yaml"));
  EXPECT_EQ(result.status.code, 1) << result.ToString();
  const Trace trace = TraceIt();
  EXPECT_EQ(trace.Outcome("process3"), v1::TASK_STATE_FAILED);
  EXPECT_TRUE(trace.InOrder({"process3", "process2", "process1"}));
  EXPECT_THAT(ReadFile(worker_dir + "/pc.proc6.log-test.log"),
              HasSubstr("process6"));
  EXPECT_THAT(ReadFile(worker_dir + "/pc.log-test.log"), HasSubstr("process8"));
}

}  // namespace
}  // namespace w2t::test
