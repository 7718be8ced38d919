// A daemon at its bounds: readers that do not read, submits faster than they
// are taken, output without end, graphs of a million tasks. Its memory stays
// within what its limits allow, and whoever behaves goes on.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fixture.h"
#include "tests/support/graphs.h"
#include "tests/support/sanitized.h"

namespace w2t::test {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMiB = 1 << 20;

// A figure of /proc/PID/status, such as VmHWM, in bytes.
uint64_t StatusOf(pid_t pid, const std::string& name) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(name + ":")) continue;
    return std::stoull(line.substr(name.size() + 1)) * 1'024;
  }
  return 0;
}

v1::Graph Independent(const std::string& name, int tasks,
                      const std::string& command) {
  v1::Graph graph;
  graph.set_name(name);
  graph.add_actions()->mutable_exec()->set_shell(command);
  for (int i = 0; i < tasks; ++i) {
    graph.add_tasks()->set_name(fmt::format("t{}", i));
  }
  return graph;
}

class OverloadTest : public FleetTest {
 protected:
  uint64_t Peak() const { return StatusOf(daemon_->process().pid(), "VmHWM"); }
  uint64_t Now() const { return StatusOf(daemon_->process().pid(), "VmRSS"); }
  // The peak since `before` was the memory in use.
  void ExpectPeakBelow(uint64_t before, uint64_t bytes) {
    const uint64_t grown = Peak() - std::min(before, Peak());
    RecordProperty("grown_mib", fmt::format("{}", grown / kMiB));
    fmt::print("the daemon grew by {} MiB of {} MiB\n", grown / kMiB,
               bytes / kMiB);
    if (!kSanitized) {
      EXPECT_LT(grown, bytes);
    }
  }
};

// A watcher that takes nothing, until it is told to.
class IdleWatcher : public grpc::ClientReadReactor<v1::WatchRunResponse> {
 public:
  IdleWatcher(v1::RunService::Stub& stub, const std::string& run_id) {
    request_.set_run_id(run_id);
    stub.async()->WatchRun(&context_, &request_, this);
    AddHold();  // it is read from outside of its callbacks
    StartCall();
  }
  ~IdleWatcher() override {
    context_.TryCancel();
    if (held_) RemoveHold();
    Wait();
  }
  void ReadAll() {
    StartRead(&response_);
    held_ = false;
    RemoveHold();
  }
  void OnReadDone(bool ok) override {
    if (ok) StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    std::lock_guard lock(mutex_);
    status_ = status;
    changed_.notify_all();
  }
  grpc::Status Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [this] { return status_.has_value(); });
    return status_.value_or(
        grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "no end"));
  }

 private:
  v1::WatchRunRequest request_;
  v1::WatchRunResponse response_;
  grpc::ClientContext context_;
  bool held_ = true;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<grpc::Status> status_;
};

TEST_F(OverloadTest, TenThousandWatchersThatDoNotReadHoldABoundedAmount) {
  constexpr int kWatchers = kSanitized ? 2'000 : 10'000;
  constexpr uint64_t kWaiting = 64 * kMiB;
  StartDaemon({"--limit", "max_inbox=20000", "--limit",
               fmt::format("max_watchers={}", kWatchers + 1), "--limit",
               fmt::format("max_waiting_bytes={}", kWaiting)});
  // A snapshot of it takes 100 KiB, and there is no worker for it.
  const std::string run_id = client_->Submit(Independent("wide", 20'000, ":"));
  Watch reader(daemon_->address(), run_id);
  ASSERT_TRUE(reader.WaitForTasks(20'000, v1::TASK_STATE_READY));
  const uint64_t before = Now();
  std::vector<std::unique_ptr<RpcClient>> connections;
  for (int i = 0; i < 4; ++i) {
    connections.push_back(std::make_unique<RpcClient>(daemon_->address()));
  }
  std::vector<std::unique_ptr<IdleWatcher>> watchers;
  for (int i = 0; i < kWatchers; ++i) {
    watchers.push_back(std::make_unique<IdleWatcher>(
        connections[static_cast<size_t>(i) % 4]->runs(), run_id));
  }
  for (auto& connection : connections) connection->GetRun(run_id);
  client_->Cancel(run_id);
  // Who reads is not hurt by those who do not.
  EXPECT_TRUE(reader.Finish().ok());
  EXPECT_TRUE(reader.gapless());
  EXPECT_TRUE(reader.ended().has_value());
  // Those that were given up are told why.
  int too_slow = 0;
  for (auto& watcher : watchers) watcher->ReadAll();
  for (auto& watcher : watchers) {
    const grpc::Status status = watcher->Wait();
    if (status.ok()) continue;
    ++too_slow;
    ASSERT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    ASSERT_THAT(status.error_message(), HasSubstr("max_waiting_bytes"));
  }
  EXPECT_GT(too_slow, 0);
  // Beside what waits, an open call takes about 20 KiB of gRPC's.
  ExpectPeakBelow(before, 2 * kWaiting + kWatchers * 32 * 1'024);
}

TEST_F(OverloadTest, AWorkerThatStopsReadingIsCutOffAndOthersGoOn) {
  constexpr uint64_t kOutbox = 4 * kMiB;
  StartDaemon({"--limit", fmt::format("max_outbox_bytes={}", kOutbox),
               "--reattach-window", "100ms"});
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = client_->workers().Session(&context);
  v1::SessionRequest hello;
  hello.mutable_hello()->set_name("deaf");
  hello.mutable_hello()->set_instance("1");
  hello.mutable_hello()->set_protocol(1);
  hello.mutable_hello()->set_exec(true);
  hello.mutable_hello()->set_max_leases(10'000);
  v1::Resource& cpus = *hello.mutable_hello()->add_resources();
  cpus.set_name("cpus");
  cpus.set_milli(10'000'000);
  ASSERT_TRUE(stream->Write(hello));
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const uint64_t before = Now();
  // Each of these tasks has 32 KiB to be told of it.
  v1::Graph graph;
  graph.set_name("heavy");
  for (int i = 0; i < 1'000; ++i) {
    AddShell(graph, fmt::format("t{}", i),
             fmt::format(": {} {}", i, std::string(32'000, 'x')));
  }
  const std::string run_id = client_->Submit(graph);
  AddWorker({.name = "hears", .slots = 8});
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  // The graph is there as bytes, as actions and once more on its way in.
  ExpectPeakBelow(before, 6 * graph.ByteSizeLong() + 2 * kOutbox + 64 * kMiB);
  v1::SessionResponse response;
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("max_outbox_bytes"));
}

TEST_F(OverloadTest, SubmitsBeyondTheInboxAreRefusedAndNoneThatWasTakenIsLost) {
  StartDaemon({"--limit", "max_inbox=4", "--limit", "max_inbox_bytes=2000000"});
  const v1::Graph graph = Independent("many", 2'000, ":");
  const uint64_t before = Now();
  std::atomic<int> taken = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      RpcClient client(daemon_->address());
      for (int n = 0; n < 10; ++n) {
        grpc::ClientContext context;
        SetDeadline(context);
        v1::SubmitRunRequest request;
        *request.mutable_graph() = graph;
        request.set_request_id(fmt::format("r{}-{}", i, n));
        v1::SubmitRunResponse response;
        const grpc::Status status =
            client.runs().SubmitRun(&context, request, &response);
        if (status.ok()) {
          ++taken;
          continue;
        }
        ++refused;
        EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
        const auto detail = DetailOf(status);
        ASSERT_TRUE(detail.has_value());
        EXPECT_THAT(detail->diagnostics(0).limit_name(),
                    HasSubstr("max_inbox"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(taken, 0);
  EXPECT_GT(refused, 0);
  // A run of 2,000 tasks takes less than 2 MiB.
  ExpectPeakBelow(before, 160 * 2 * kMiB);
  daemon_->Kill();
  RestartDaemon();
  grpc::ClientContext context;
  SetDeadline(context);
  v1::ListRunsRequest request;
  request.set_page_size(1'000);
  v1::ListRunsResponse response;
  ASSERT_TRUE(client_->runs().ListRuns(&context, request, &response).ok());
  EXPECT_EQ(response.runs_size(), taken);
}

TEST_F(OverloadTest, ALineOf64MiBWithoutAnEndIsKeptWithinTheBound) {
  constexpr uint64_t kLog = 8 * kMiB;
  StartDaemon({"--limit", fmt::format("max_log_bytes={}", kLog), "--limit",
               "max_log_queue_bytes=1000000"});
  Process& worker = AddWorker({.slots = 1});
  ASSERT_TRUE(client_->WaitForWorkers(1));
  const uint64_t before = Now();
  const uint64_t worker_before = StatusOf(worker.pid(), "VmRSS");
  v1::Graph graph;
  graph.set_name("line");
  // The probe looks for a line in it meanwhile.
  v1::Task& task = AddShell(
      graph, "line",
      "head -c 67108864 /dev/zero | tr '\\0' x; echo; echo up; exec sleep 60");
  task.set_kind(v1::TASK_KIND_SERVICE);
  ActionOf(graph, task).mutable_ready()->set_log_regex("^up$");
  AddShell(graph, "after", ":", {"line"});
  const std::string run_id = client_->Submit(graph);
  EXPECT_EQ(client_->WaitForEnd(run_id).state(), v1::RUN_STATE_SUCCEEDED);
  const uint64_t kept = client_->ReadLogs(run_id, "line").size();
  EXPECT_LE(kept, kLog);
  EXPECT_GT(kept, kLog / 2);
  ExpectPeakBelow(before, 32 * kMiB);
  const uint64_t worker_grown = StatusOf(worker.pid(), "VmHWM") - worker_before;
  fmt::print("the worker grew by {} MiB\n", worker_grown / kMiB);
  if (!kSanitized) {
    EXPECT_LT(worker_grown, 32 * kMiB);
  }
}

TEST_F(OverloadTest, ASmallRunGoesOnBesideAGraphOfAMillionTasks) {
  constexpr int kTasks = 1'000'000;
  StartFleet(2);
  v1::Graph chain;
  chain.set_name("chain");
  for (int i = 0; i < 100'000; ++i) {
    AddShell(chain, fmt::format("t{}", i), ":",
             i == 0 ? std::vector<std::string>()
                    : std::vector<std::string>{fmt::format("t{}", i - 1)});
  }
  const std::string small = client_->Submit(chain);
  Watch watch(daemon_->address(), small);
  ASSERT_TRUE(watch.WaitForTasks(10, v1::TASK_STATE_SUCCEEDED));
  const uint64_t before = Now();
  v1::Graph million = Independent("million", kTasks, ":");
  for (v1::Task& task : *million.mutable_tasks()) task.set_priority(-1);
  const std::string large = client_->Submit(million);
  const auto seen = [&watch] { return watch.events().size(); };
  const size_t at_submit = seen();
  ASSERT_TRUE(Eventually([&] { return seen() > at_submit + 200; }));
  // About 250 B a task, and what the graph takes on its way in.
  ExpectPeakBelow(before, kTasks * uint64_t{1'000});
  int64_t longest_us = 0;
  int64_t last_us = 0;
  for (const WatchedEvent& event : watch.events()) {
    if (last_us != 0)
      longest_us = std::max(longest_us, event.time_us - last_us);
    last_us = event.time_us;
  }
  fmt::print("the longest gap of the small run was {} ms\n",
             longest_us / 1'000);
  EXPECT_LT(longest_us, kSanitized ? 60'000'000 : 10'000'000);
  client_->Cancel(large);
  client_->Cancel(small);
}

}  // namespace
}  // namespace w2t::test
