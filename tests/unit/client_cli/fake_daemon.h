// A RunService that plays a script, on a socket of its own.
#ifndef W2T_TESTS_UNIT_CLIENT_CLI_FAKE_DAEMON_H_
#define W2T_TESTS_UNIT_CLIENT_CLI_FAKE_DAEMON_H_

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "w2t/client.h"
#include "w2t/v1/run_service.grpc.pb.h"

namespace w2t {

// Plays one entry of the script for each call; a call too many is UNKNOWN.
class FakeDaemon : public v1::RunService::Service {
 public:
  using Watch = std::function<grpc::Status(
      const v1::WatchRunRequest&, grpc::ServerWriter<v1::WatchRunResponse>*)>;
  using Logs = std::function<grpc::Status(
      const v1::ReadLogsRequest&, grpc::ServerWriter<v1::ReadLogsResponse>*)>;
  using RunLogs =
      std::function<grpc::Status(const v1::ReadRunLogsRequest&,
                                 grpc::ServerWriter<v1::ReadRunLogsResponse>*)>;
  using Submit = std::function<grpc::Status(const v1::SubmitRunRequest&)>;

  FakeDaemon() : dir_("/tmp/w2t-test-XXXXXX") {
    EXPECT_NE(mkdtemp(dir_.data()), nullptr);
    grpc::EnableDefaultHealthCheckService(true);
    Start();
  }
  ~FakeDaemon() override {
    Stop();
    std::filesystem::remove_all(dir_);
  }

  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  std::string address() const { return "unix:" + dir_ + "/s"; }
  std::unique_ptr<Client> Connect(const ClientOptions& options = {}) const {
    return *Client::Connect(address(), options);
  }

  grpc::Status WatchRun(
      grpc::ServerContext*, const v1::WatchRunRequest* request,
      grpc::ServerWriter<v1::WatchRunResponse>* writer) override {
    const Watch watch = Next(&watches);
    return watch ? watch(*request, writer) : grpc::Status(grpc::UNKNOWN, "");
  }
  grpc::Status ReadLogs(
      grpc::ServerContext*, const v1::ReadLogsRequest* request,
      grpc::ServerWriter<v1::ReadLogsResponse>* writer) override {
    const Logs read = Next(&logs);
    return read ? read(*request, writer) : grpc::Status(grpc::UNKNOWN, "");
  }
  grpc::Status ReadRunLogs(
      grpc::ServerContext*, const v1::ReadRunLogsRequest* request,
      grpc::ServerWriter<v1::ReadRunLogsResponse>* writer) override {
    const RunLogs read = Next(&run_logs);
    return read ? read(*request, writer) : grpc::Status(grpc::UNKNOWN, "");
  }
  grpc::Status SubmitRun(grpc::ServerContext*,
                         const v1::SubmitRunRequest* request,
                         v1::SubmitRunResponse* response) override {
    response->set_run_id("shop-1");
    const Submit submit = Next(&submits);
    return submit ? submit(*request) : grpc::Status::OK;
  }

  std::deque<Watch> watches;
  std::deque<Logs> logs;
  std::deque<RunLogs> run_logs;
  std::deque<Submit> submits;

 private:
  template <typename T>
  T Next(std::deque<T>* script) {
    absl::MutexLock lock(&mutex_);
    if (script->empty()) return nullptr;
    T next = std::move(script->front());
    script->pop_front();
    return next;
  }

  std::string dir_;
  absl::Mutex mutex_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace w2t

#endif  // W2T_TESTS_UNIT_CLIENT_CLI_FAKE_DAEMON_H_
