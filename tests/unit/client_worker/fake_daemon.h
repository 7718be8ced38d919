// A daemon's side of the worker protocol, driven by a test.
#ifndef W2T_TESTS_UNIT_CLIENT_WORKER_FAKE_DAEMON_H_
#define W2T_TESTS_UNIT_CLIENT_WORKER_FAKE_DAEMON_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "w2t/v1/worker_service.grpc.pb.h"

namespace w2t::worker {

// Accepts one session after the other. What workers send is queued until the
// test asks for it; what the test sends goes to the latest session.
class FakeDaemon final : public v1::WorkerService::Service {
 public:
  FakeDaemon();
  ~FakeDaemon() override;

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }

  // Answer to the next Hello; OK, the default, leaves it to the test.
  void RefuseNext(grpc::Status status);

  // The next message of any session. Fails the test after a minute.
  v1::SessionRequest Next();
  // The next one that is neither Pong nor, unless `logs`, LogBatch.
  v1::SessionRequest NextReport();
  v1::Hello NextHello();

  void Send(const v1::SessionResponse& message);
  // Waits for a Hello and keeps all that it holds.
  v1::Hello Welcome(int ping_interval_ms = 1'000);
  // One task, of run 1 ("shop-1"), whose number is its fence.
  void Offer(uint64_t fence, const v1::Action& action);
  void Cancel(uint64_t fence);
  void Acknowledge(uint64_t through_seq, uint64_t logs_through_seq = 0);
  // Breaks the latest session.
  void Hang();

 private:
  using SessionStream =
      grpc::ServerReaderWriter<v1::SessionResponse, v1::SessionRequest>;

  grpc::Status Session(grpc::ServerContext* context,
                       SessionStream* stream) override;

  absl::Mutex mutex_;
  std::deque<v1::SessionRequest> received_;
  grpc::Status refusal_;
  SessionStream* stream_ = nullptr;
  grpc::ServerContext* context_ = nullptr;
  uint32_t last_action_ = 0;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace w2t::worker

#endif  // W2T_TESTS_UNIT_CLIENT_WORKER_FAKE_DAEMON_H_
