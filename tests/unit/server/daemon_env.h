// A real daemon in the test's process, on a unix socket in a directory of its
// own, with a client and workers that the test plays itself.
#ifndef W2T_TESTS_UNIT_SERVER_DAEMON_ENV_H_
#define W2T_TESTS_UNIT_SERVER_DAEMON_ENV_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/daemon.h"
#include "w2t/v1/admin_service.grpc.pb.h"
#include "w2t/v1/error.pb.h"
#include "w2t/v1/run_service.grpc.pb.h"
#include "w2t/v1/worker_service.grpc.pb.h"

namespace w2t::server {

// A context with a deadline, so that no test hangs.
class Context : public grpc::ClientContext {
 public:
  Context();
};

// A worker's stream as the test plays it. Reads wait for their message.
class FakeWorker {
 public:
  FakeWorker(v1::WorkerService::Stub* stub, std::string name, int slots,
             std::string instance = "instance");
  ~FakeWorker();

  v1::Hello& hello() { return *hello_.mutable_hello(); }
  // Says hello and reads Welcome; false when the daemon ends the stream.
  bool Join();
  bool Write(const v1::SessionRequest& request);
  // The next message but for pings, which are answered. False at the end.
  bool Read(v1::SessionResponse* response);
  // Reads until so many offers have come, which are kept in `offers`.
  bool AwaitOffers(int count);
  // Reads until the report with this number is acknowledged.
  bool AwaitAck(uint64_t seq);
  // Reports `state` for offer number `i`; returns the report's number.
  uint64_t Report(int i, v1::TaskState state, int exit_code = 0);
  // The status with which the daemon ended the stream.
  grpc::Status End();

  struct Offer {
    uint64_t run;
    uint32_t task;
    uint32_t attempt;
    uint64_t fence;
    std::string name;
  };
  std::vector<Offer> offers;
  v1::Welcome welcome;
  uint64_t logs_through = 0;
  std::vector<uint64_t> refused;  // fences

 private:
  void Keep(const v1::OfferBatch& batch);

  Context context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::SessionRequest, v1::SessionResponse>>
      stream_;
  v1::SessionRequest hello_;
  uint64_t acked_ = 0;
  uint64_t seq_ = 0;
};

class DaemonTest : public ::testing::Test {
 protected:
  DaemonTest();
  ~DaemonTest() override;

  // On the same data as the one before. `change` may set limits and the like.
  void StartDaemon(const std::function<void(Config&)>& change = nullptr);
  void StopDaemon();
  // What a second daemon with this configuration is told.
  absl::Status StartAnother(const Config& config);

  // The run's id.
  std::string Submit(const v1::Graph& graph);
  v1::Run GetRun(const std::string& run_id);
  std::unique_ptr<FakeWorker> Worker(const std::string& name, int slots);

  std::string directory_;
  Config config_;
  std::unique_ptr<Daemon> daemon_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::RunService::Stub> runs_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
};

// The first fault in a failed call's detail.
v1::Diagnostic FaultOf(const grpc::Status& status);

}  // namespace w2t::server

#endif  // W2T_TESTS_UNIT_SERVER_DAEMON_ENV_H_
