// A client of the daemon on the bare gRPC stubs, for tests.
#ifndef W2T_TESTS_SUPPORT_RPC_H_
#define W2T_TESTS_SUPPORT_RPC_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "tests/support/deadline.h"
#include "w2t/v1/admin_service.grpc.pb.h"
#include "w2t/v1/error.pb.h"
#include "w2t/v1/run_service.grpc.pb.h"
#include "w2t/v1/worker_service.grpc.pb.h"

namespace w2t::test {

// Dials again within a fraction of a second, so that a restarted daemon is
// found.
std::shared_ptr<grpc::Channel> Dial(const std::string& address);

// Stubs with deadlines. Functions that return a message throw when the call
// fails. Thread-safe.
class RpcClient {
 public:
  explicit RpcClient(const std::string& address);

  v1::RunService::Stub& runs() { return *runs_; }
  v1::WorkerService::Stub& workers() { return *workers_; }
  v1::AdminService::Stub& admin() { return *admin_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  std::string Submit(const v1::Graph& graph, bool hold = false);
  // A run, all its tasks, all workers.
  v1::Run GetRun(const std::string& run_id);
  std::vector<v1::TaskStatus> ListTasks(const std::string& run_id);
  std::vector<v1::Worker> ListWorkers();
  void Cancel(const std::string& run_id, const std::string& reason = "");
  // Everything that the latest attempt of a task has printed.
  std::string ReadLogs(const std::string& run_id, const std::string& task);
  // The same, of one stream.
  std::string ReadLogs(const std::string& run_id, const std::string& task,
                       v1::LogStream stream);

  // Waits until the run has ended; survives restarts of the daemon.
  v1::Run WaitForEnd(const std::string& run_id);
  // Waits until so many workers are online.
  bool WaitForWorkers(size_t count);
  // Waits until a task is in a state.
  bool WaitForTask(const std::string& run_id, std::string_view task,
                   v1::TaskState state);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::RunService::Stub> runs_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

// Gives a call the patience of tests.
void SetDeadline(grpc::ClientContext& context);
// The typed detail of an error.
std::optional<v1::ErrorDetail> DetailOf(const grpc::Status& status);

// An event as watchers see it.
struct WatchedEvent {
  uint64_t seq = 0;
  int64_t time_us = 0;
  std::string task;  // empty: the run itself
  uint32_t attempt = 0;
  v1::TaskState state = v1::TASK_STATE_UNSPECIFIED;
};

// Watches a run from a thread of its own, until the run or the stream ends.
class Watch {
 public:
  // With a connection of its own.
  Watch(const std::string& address, const std::string& run_id,
        uint64_t after_seq = 0, std::vector<std::string> names = {});
  Watch(const std::shared_ptr<grpc::Channel>& channel,
        const std::string& run_id, uint64_t after_seq = 0,
        std::vector<std::string> names = {});
  ~Watch();

  // Waits until so many tasks have been seen in `state`, as an event or in the
  // snapshot. False when the stream ends before.
  bool WaitForTasks(size_t count, v1::TaskState state);
  bool WaitForTask(std::string_view task, v1::TaskState state);
  // Waits for the end of the stream, and says how it ended.
  grpc::Status Finish();

  std::vector<WatchedEvent> events() const;
  // The state of each task as far as it has been seen, and its attempt.
  std::map<std::string, std::pair<v1::TaskState, uint32_t>> tasks() const;
  // The number of the last event seen.
  uint64_t last_seq() const;
  // False when a sequence number was left out or came twice.
  bool gapless() const;
  std::optional<v1::Run> ended() const;

 private:
  void Read();
  void Take(const v1::WatchRunResponse& response);
  void TakeEvents(const v1::EventBatch& batch);

  std::unique_ptr<v1::RunService::Stub> stub_;
  v1::WatchRunRequest request_;
  grpc::ClientContext context_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::vector<std::string> names_;
  std::vector<WatchedEvent> events_;
  std::map<std::string, std::pair<v1::TaskState, uint32_t>> tasks_;
  uint64_t last_seq_ = 0;
  bool gapless_ = true;
  std::optional<v1::Run> ended_;
  std::optional<grpc::Status> status_;
  std::thread reader_;
};

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_RPC_H_
