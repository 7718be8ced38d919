// Tests of what a worker prints, and of how it is read.
#ifndef W2T_TESTS_UNIT_SERVER_LOGS_ENV_H_
#define W2T_TESTS_UNIT_SERVER_LOGS_ENV_H_

#include <cstdint>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/unit/server/daemon_env.h"
#include "tests/unit/server/engine_fixture.h"

namespace w2t::server {

class PrintingTest : public DaemonTest {
 protected:
  // A worker that holds so many tasks of a run.
  void StartWithATask(const v1::Graph& graph = MakeGraph("g", 1),
                      int held = 1) {
    StartDaemon();
    worker_ = Worker("w1", held);
    ASSERT_TRUE(worker_->Join());
    run_id_ = Submit(graph);
    ASSERT_TRUE(worker_->AwaitOffers(held));
  }
  // Prints for an offer, under `fence` unless 0.
  void Print(const std::string& text, uint64_t fence = 0, int number = 0) {
    v1::SessionRequest request;
    AddPiece(number, text, fence, &request);
    WritePieces(&request);
  }
  void AddPiece(int number, const std::string& text, uint64_t fence,
                v1::SessionRequest* request) const {
    v1::TaskLogChunk& chunk = *request->mutable_logs()->add_chunks();
    const FakeWorker::Offer& offer = worker_->offers[number];
    chunk.set_run(offer.run);
    chunk.set_task(offer.task);
    chunk.set_attempt(offer.attempt);
    chunk.set_fence(fence == 0 ? offer.fence : fence);
    chunk.mutable_chunk()->set_stream(v1::LOG_STREAM_STDOUT);
    chunk.mutable_chunk()->set_data(text);
  }
  void WritePieces(v1::SessionRequest* request) {
    request->mutable_logs()->set_seq(++log_seq_);
    worker_->Write(*request);
  }
  bool AwaitLogAck() {
    v1::SessionResponse response;
    while (worker_->logs_through < log_seq_) {
      if (!worker_->Read(&response)) return false;
    }
    return true;
  }

  std::unique_ptr<FakeWorker> worker_;
  std::string run_id_;
  uint64_t log_seq_ = 0;
};

}  // namespace w2t::server

#endif  // W2T_TESTS_UNIT_SERVER_LOGS_ENV_H_
