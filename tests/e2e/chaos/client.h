// A client that submits runs one after the other, repeats what was not
// answered, and follows each run to its end.
#ifndef W2T_TESTS_E2E_CHAOS_CLIENT_H_
#define W2T_TESTS_E2E_CHAOS_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "tests/e2e/chaos/findings.h"
#include "tests/e2e/chaos/follower.h"
#include "tests/e2e/chaos/workload.h"
#include "w2t/v1/run_service.grpc.pb.h"

namespace w2t::chaos {

// What a client knows of one of its submits.
struct Submission {
  std::string request_id;
  v1::Graph graph;
  std::string run_id;      // empty: it gave up before it was answered
  bool cancelled = false;  // it asked for that, and was told that it is so
  std::unique_ptr<Follower> follower;
};

class Client {
 public:
  Client(int number, uint64_t seed, const std::string& address,
         TaskProgram program, Findings* findings);

  // Until `stop`; then finishes the run that it has begun.
  void Work(const std::atomic<bool>& stop);

  const std::vector<Submission>& submissions() const { return submissions_; }

 private:
  void RunOne();
  grpc::Status Submit(const Submission& submission, int64_t patience_ms,
                      v1::SubmitRunResponse* response);
  // Until it is answered.
  bool SubmitUntilAnswered(Submission& submission);
  void SubmitAgain(const Submission& submission);
  void SubmitOther(const Submission& submission);
  void Cancel(Submission& submission);

  const int number_;
  Dice dice_;
  const TaskProgram program_;
  Findings& findings_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::RunService::Stub> stub_;
  std::vector<Submission> submissions_;
};

}  // namespace w2t::chaos

#endif  // W2T_TESTS_E2E_CHAOS_CLIENT_H_
