#include "tests/unit/client_worker/fake_daemon.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <utility>

namespace w2t::worker {

FakeDaemon::FakeDaemon() {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = fmt::format("127.0.0.1:{}", port);
}

FakeDaemon::~FakeDaemon() {
  server_->Shutdown(std::chrono::system_clock::now());
}

void FakeDaemon::RefuseNext(grpc::Status status) {
  absl::MutexLock lock(&mutex_);
  refusal_ = std::move(status);
}

grpc::Status FakeDaemon::Session(grpc::ServerContext* context,
                                 SessionStream* stream) {
  v1::SessionRequest message;
  if (!stream->Read(&message)) return grpc::Status::CANCELLED;
  {
    absl::MutexLock lock(&mutex_);
    if (!refusal_.ok()) return std::exchange(refusal_, grpc::Status::OK);
    stream_ = stream;
    context_ = context;
    received_.push_back(message);
  }
  while (stream->Read(&message)) {
    absl::MutexLock lock(&mutex_);
    received_.push_back(message);
  }
  absl::MutexLock lock(&mutex_);
  if (stream_ == stream) stream_ = nullptr;
  return grpc::Status::OK;
}

v1::SessionRequest FakeDaemon::Next() {
  absl::MutexLock lock(&mutex_);
  const auto ready = [this] { return !received_.empty(); };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&ready), absl::Seconds(60))) {
    ADD_FAILURE() << "the worker sent nothing";
    return {};
  }
  v1::SessionRequest message = std::move(received_.front());
  received_.pop_front();
  return message;
}

v1::SessionRequest FakeDaemon::NextReport() {
  for (;;) {
    v1::SessionRequest message = Next();
    if (message.has_reports() || message.message_case() == 0) return message;
  }
}

v1::Hello FakeDaemon::NextHello() {
  for (;;) {
    v1::SessionRequest message = Next();
    if (message.has_hello() || message.message_case() == 0) {
      return message.hello();
    }
  }
}

void FakeDaemon::Send(const v1::SessionResponse& message) {
  absl::MutexLock lock(&mutex_);
  ASSERT_NE(stream_, nullptr);
  stream_->Write(message);
}

v1::Hello FakeDaemon::Welcome(int ping_interval_ms) {
  v1::Hello hello = NextHello();
  v1::SessionResponse message;
  v1::Welcome& welcome = *message.mutable_welcome();
  welcome.mutable_ping_interval()->set_seconds(ping_interval_ms / 1000);
  welcome.mutable_ping_interval()->set_nanos(ping_interval_ms % 1000 *
                                             1'000'000);
  for (int i = 0; i < hello.held().run_size(); ++i) {
    welcome.add_verdicts(v1::HELD_VERDICT_KEEP);
  }
  Send(message);
  return hello;
}

void FakeDaemon::Offer(uint64_t fence, const v1::Action& action) {
  v1::SessionResponse message;
  v1::OfferBatch& offers = *message.mutable_offers();
  offers.mutable_leases()->add_run(1);
  offers.mutable_leases()->add_task(0);
  offers.mutable_leases()->add_attempt(1);
  offers.mutable_leases()->add_fence(fence);
  offers.add_name("t");
  offers.add_action(++last_action_);
  v1::OfferedAction& offered = *offers.add_new_actions();
  offered.set_id(last_action_);
  *offered.mutable_action() = action;
  v1::OfferedRun& run = *offers.add_new_runs();
  run.set_run(1);
  run.set_run_id("shop-1");
  Send(message);
}

void FakeDaemon::Cancel(uint64_t fence) {
  v1::SessionResponse message;
  v1::LeaseColumns& leases = *message.mutable_cancels()->mutable_leases();
  leases.add_run(1);
  leases.add_task(0);
  leases.add_attempt(1);
  leases.add_fence(fence);
  Send(message);
}

void FakeDaemon::Acknowledge(uint64_t through_seq, uint64_t logs_through_seq) {
  v1::SessionResponse message;
  message.mutable_ack()->set_through_seq(through_seq);
  message.mutable_ack()->set_logs_through_seq(logs_through_seq);
  Send(message);
}

void FakeDaemon::Hang() {
  absl::MutexLock lock(&mutex_);
  if (context_ != nullptr) context_->TryCancel();
  stream_ = nullptr;
}

}  // namespace w2t::worker
