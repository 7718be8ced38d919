// The SDK and its session, against a daemon that the test plays.
#include "w2t/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/unit/client_worker/fake_daemon.h"

namespace w2t::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Action Call(std::string_view handler, std::string_view input = "") {
  v1::Action action;
  action.mutable_handler()->set_name(std::string(handler));
  action.mutable_handler()->set_input(std::string(input));
  return action;
}

v1::Action Shell(std::string_view line) {
  v1::Action action;
  action.mutable_exec()->set_shell(std::string(line));
  return action;
}

class WorkerTest : public ::testing::Test {
 protected:
  void Serve(WorkerOptions options = {}) {
    options.server = daemon_.address();
    options.name = "w1";
    if (options.slots == 0) options.slots = 2;
    worker_ = std::make_unique<Worker>(std::move(options));
    for (auto& [name, handler] : handlers_) {
      worker_->Handle(name, std::move(handler));
    }
    thread_ = std::thread([this] { result_ = worker_->Run(); });
  }
  void Add(std::string name, Handler handler) {
    handlers_.emplace_back(std::move(name), std::move(handler));
  }
  absl::Status Join() {
    thread_.join();
    return result_;
  }
  ~WorkerTest() override {
    if (!thread_.joinable()) return;
    // Nobody will acknowledge what is stopped.
    daemon_.Hang();
    worker_->Stop();
    thread_.join();
  }

  // The only report of the next batch.
  struct Single {
    v1::TaskState state = v1::TASK_STATE_UNSPECIFIED;
    int exit_code = 0;
    v1::ReportDetail detail;
    uint64_t fence = 0;
    uint64_t seq = 0;
  };
  Single NextReport() {
    const v1::ReportBatch batch = daemon_.NextReport().reports();
    EXPECT_EQ(batch.state_size(), 1) << batch.ShortDebugString();
    if (batch.state_size() != 1) return {};
    return {batch.state(0), batch.exit_code(0),
            batch.details_size() > 0 ? batch.details(0) : v1::ReportDetail(),
            batch.leases().fence(0), batch.seq()};
  }
  // Past a report that the attempt runs.
  Single NextOutcome() {
    Single report = NextReport();
    while (report.state == v1::TASK_STATE_RUNNING) report = NextReport();
    return report;
  }

  FakeDaemon daemon_;
  std::vector<std::pair<std::string, Handler>> handlers_;
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
  absl::Status result_;
};

TEST_F(WorkerTest, HelloSaysWhatTheWorkerIs) {
  Add("b", [](const TaskContext&) { return std::string(); });
  Add("a", [](const TaskContext&) { return std::string(); });
  Serve({.labels = {{"role", "db"}},
         .resources = {{"gpus", 0.5}},
         .slots = 3,
         .max_leases = 9});
  const v1::Hello hello = daemon_.Welcome();
  EXPECT_EQ(hello.name(), "w1");
  EXPECT_EQ(hello.instance().size(), 16u);
  EXPECT_EQ(hello.labels().at("role"), "db");
  ASSERT_EQ(hello.resources_size(), 2);
  EXPECT_EQ(hello.resources(0).name(), "cpus");
  EXPECT_EQ(hello.resources(0).milli(), 3'000u);
  EXPECT_EQ(hello.resources(1).milli(), 500u);
  EXPECT_EQ(hello.max_leases(), 9u);
  EXPECT_EQ(hello.protocol(), 1u);
  EXPECT_THAT(hello.handlers(), ElementsAre("a", "b"));
  EXPECT_FALSE(hello.exec());
}

TEST_F(WorkerTest, AHandlerGetsItsTaskAndItsOutputIsReported) {
  Add("greet", [](const TaskContext& task) -> absl::StatusOr<std::string> {
    return std::string(task.run_id()) + " " + std::string(task.task()) + " " +
           std::to_string(task.attempt()) + " " + std::string(task.input());
  });
  Serve();
  daemon_.Welcome();
  daemon_.Offer(7, Call("greet", "hello"));
  const Single report = NextOutcome();
  EXPECT_EQ(report.state, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(report.fence, 7u);
  EXPECT_EQ(report.detail.output(), "shop-1 t 1 hello");
}

TEST_F(WorkerTest, AnErrorIsAFailureWithExitCodeOne) {
  Add("fail", [](const TaskContext&) -> absl::StatusOr<std::string> {
    return absl::NotFoundError("no such picture");
  });
  Serve();
  daemon_.Welcome();
  daemon_.Offer(7, Call("fail"));
  const Single report = NextOutcome();
  EXPECT_EQ(report.state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_EQ(report.detail.message(), "no such picture");
}

TEST_F(WorkerTest, AnExceptionIsAFailure) {
  Add("throw", [](const TaskContext&) -> absl::StatusOr<std::string> {
    throw std::runtime_error("thrown");
  });
  Serve();
  daemon_.Welcome();
  daemon_.Offer(7, Call("throw"));
  const Single report = NextOutcome();
  EXPECT_EQ(report.state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(report.detail.message(), "thrown");
}

TEST_F(WorkerTest, AnOutputThatIsTooLargeIsAFailure) {
  Add("big", [](const TaskContext&) { return std::string(70'000, 'x'); });
  Serve();
  daemon_.Welcome();
  daemon_.Offer(7, Call("big"));
  EXPECT_THAT(NextOutcome().detail.message(),
              HasSubstr("limits.max_output_bytes"));
}

TEST_F(WorkerTest, AnUnknownHandlerAndAProgramAreRefused) {
  Add("known", [](const TaskContext&) { return std::string(); });
  Serve();
  daemon_.Welcome();
  daemon_.Offer(7, Call("other"));
  EXPECT_EQ(NextOutcome().detail.message(),
            "this worker has no handler named \"other\"");
  daemon_.Offer(8, Shell("exit 0"));
  EXPECT_EQ(NextOutcome().detail.message(), "this worker runs no programs");
}

TEST_F(WorkerTest, ACancelledHandlerSeesItsStopToken) {
  absl::Notification running;
  Add("wait", [&](const TaskContext& task) -> absl::StatusOr<std::string> {
    absl::Notification stopped;
    std::stop_callback on_stop(task.stop_token(), [&] { stopped.Notify(); });
    running.Notify();
    stopped.WaitForNotification();
    return std::string("ignored");
  });
  Serve();
  daemon_.Welcome();
  daemon_.Offer(7, Call("wait"));
  running.WaitForNotification();
  EXPECT_EQ(NextReport().state, v1::TASK_STATE_RUNNING);
  daemon_.Cancel(7);
  const Single report = NextReport();
  EXPECT_EQ(report.state, v1::TASK_STATE_CANCELLED);
  EXPECT_EQ(report.detail.output(), "");
}

TEST_F(WorkerTest, AHandlerThatTakesTooLongTimesOut) {
  Add("wait", [&](const TaskContext& task) -> absl::StatusOr<std::string> {
    absl::Notification stopped;
    std::stop_callback on_stop(task.stop_token(), [&] { stopped.Notify(); });
    stopped.WaitForNotification();
    return std::string();
  });
  Serve();
  daemon_.Welcome();
  v1::Action action = Call("wait");
  action.mutable_timeout()->set_nanos(20'000'000);
  daemon_.Offer(7, action);
  const Single report = NextOutcome();
  EXPECT_EQ(report.state, v1::TASK_STATE_TIMED_OUT);
  EXPECT_EQ(report.detail.message(), "timed out after 20ms");
}

TEST_F(WorkerTest, WhatAHandlerLogsPrecedesItsOutcome) {
  Add("log", [](const TaskContext& task) -> absl::StatusOr<std::string> {
    task.Log("one\n");
    task.Log("two\n");
    return std::string();
  });
  Serve();
  daemon_.Welcome();
  daemon_.Offer(7, Call("log"));
  std::string text;
  for (;;) {
    const v1::SessionRequest message = daemon_.Next();
    if (message.has_reports() || message.message_case() == 0) break;
    for (const auto& chunk : message.logs().chunks()) {
      text += chunk.chunk().data();
    }
  }
  EXPECT_EQ(text, "one\ntwo\n");
}

TEST_F(WorkerTest, AProgramRunsEndToEnd) {
  Serve({.exec = true});
  EXPECT_TRUE(daemon_.Welcome().exec());
  daemon_.Offer(7, Shell("echo hello; exit 3"));
  const v1::SessionRequest first = daemon_.Next();
  std::string text =
      first.has_logs() ? first.logs().chunks(0).chunk().data() : std::string();
  Single report;
  if (!first.has_logs()) {
    while (text.empty()) {
      const v1::SessionRequest next = daemon_.Next();
      if (next.has_logs()) text = next.logs().chunks(0).chunk().data();
    }
  }
  report = NextOutcome();
  EXPECT_EQ(text, "hello\n");
  EXPECT_EQ(report.state, v1::TASK_STATE_FAILED);
  EXPECT_EQ(report.exit_code, 3);
}

TEST_F(WorkerTest, ItDialsAgainHoldsOnAndReportsAgain) {
  absl::Notification go;
  Add("wait", [&](const TaskContext&) -> absl::StatusOr<std::string> {
    go.WaitForNotification();
    return std::string("done");
  });
  Add("noop", [](const TaskContext&) { return std::string(); });
  Serve();
  const v1::Hello first = daemon_.Welcome();
  daemon_.Offer(7, Call("noop"));
  EXPECT_EQ(NextOutcome().fence, 7u);
  daemon_.Offer(8, Call("wait"));
  EXPECT_EQ(NextReport().state, v1::TASK_STATE_RUNNING);
  daemon_.Hang();

  const v1::Hello second = daemon_.Welcome();
  EXPECT_EQ(second.instance(), first.instance());
  EXPECT_THAT(second.held().fence(), ElementsAre(7, 8));
  const Single again = NextReport();
  EXPECT_EQ(again.fence, 7u);
  EXPECT_EQ(again.seq, 1u);
  EXPECT_EQ(NextReport().state, v1::TASK_STATE_RUNNING);
  go.Notify();
  const Single report = NextReport();
  EXPECT_EQ(report.fence, 8u);
  EXPECT_EQ(report.detail.output(), "done");
}

TEST_F(WorkerTest, ASilentDaemonIsDialledAgain) {
  Serve({.exec = true});
  daemon_.Welcome(/*ping_interval_ms=*/20);
  daemon_.NextHello();
}

TEST_F(WorkerTest, AnsweredPingsKeepTheSession) {
  Serve({.exec = true});
  daemon_.Welcome();
  v1::SessionResponse ping;
  ping.mutable_ping()->set_nonce(5);
  daemon_.Send(ping);
  EXPECT_EQ(daemon_.Next().pong().nonce(), 5u);
}

TEST_F(WorkerTest, DrainLeavesOnceNothingIsHeld) {
  absl::Notification go;
  Add("wait", [&](const TaskContext&) -> absl::StatusOr<std::string> {
    go.WaitForNotification();
    return std::string();
  });
  Serve();
  daemon_.Welcome();
  daemon_.Offer(7, Call("wait"));
  EXPECT_EQ(NextReport().state, v1::TASK_STATE_RUNNING);
  worker_->Drain();
  EXPECT_TRUE(daemon_.Next().has_leave());
  go.Notify();
  const Single report = NextOutcome();
  daemon_.Acknowledge(report.seq);
  EXPECT_TRUE(Join().ok());
}

TEST_F(WorkerTest, StopReportsWhatItStoppedBeforeItLeaves) {
  Add("wait", [&](const TaskContext& task) -> absl::StatusOr<std::string> {
    absl::Notification stopped;
    const std::stop_callback on_stop(task.stop_token(),
                                     [&] { stopped.Notify(); });
    stopped.WaitForNotification();
    return absl::CancelledError("asked to stop");
  });
  Serve({.threads = 1, .exec = true});
  daemon_.Welcome();
  daemon_.Offer(7, Shell("exec sleep 60"));
  EXPECT_EQ(NextReport().state, v1::TASK_STATE_RUNNING);
  daemon_.Offer(8, Call("wait"));
  EXPECT_EQ(NextReport().state, v1::TASK_STATE_RUNNING);
  daemon_.Offer(9, Call("wait"));  // waits for the thread
  worker_->Stop();
  std::set<uint64_t> cancelled;
  uint64_t seq = 0;
  while (cancelled.size() < 3 && !HasFailure()) {
    const v1::ReportBatch batch = daemon_.NextReport().reports();
    for (int i = 0; i < batch.state_size(); ++i) {
      EXPECT_EQ(batch.state(i), v1::TASK_STATE_CANCELLED);
      cancelled.insert(batch.leases().fence(i));
    }
    seq = std::max(seq, batch.seq());
  }
  EXPECT_THAT(cancelled, ElementsAre(7, 8, 9));
  daemon_.Acknowledge(seq);
  EXPECT_TRUE(Join().ok());
}

TEST_F(WorkerTest, AWorkerThatIsRefusedAtFirstGivesUp) {
  daemon_.RefuseNext({grpc::StatusCode::INVALID_ARGUMENT, "a bad name"});
  Serve({.exec = true});
  const absl::Status status = Join();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(std::string(status.message()), "a bad name");
}

TEST_F(WorkerTest, ANameThatIsTakenIsTriedAgain) {
  daemon_.RefuseNext({grpc::StatusCode::ALREADY_EXISTS, "taken"});
  Serve({.exec = true});
  daemon_.Welcome();
}

TEST(WorkerOptionsTest, WhatWillNotDoIsReturnedByRun) {
  const auto run = [](WorkerOptions options) {
    return std::string(Worker(std::move(options)).Run().message());
  };
  EXPECT_THAT(run({.server = "nonsense"}), HasSubstr("nonsense"));
  EXPECT_THAT(run({.max_leases = 70'000}), HasSubstr("limits.max_leases"));
  EXPECT_THAT(run({.resources = {{"gpus", -1.0}}}), HasSubstr("gpus"));

  Worker twice({});
  twice.Handle("a", [](const TaskContext&) { return std::string(); });
  twice.Handle("a", [](const TaskContext&) { return std::string(); });
  EXPECT_THAT(std::string(twice.Run().message()), HasSubstr("twice"));
}

TEST(WorkerOptionsTest, WithNobodyToTellDrainEndsAtOnce) {
  Worker worker({.server = "unix:/nonexistent/w2td.sock", .exec = true});
  worker.Drain();
  EXPECT_TRUE(worker.Run().ok());
}

}  // namespace
}  // namespace w2t::worker
