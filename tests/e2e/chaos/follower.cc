#include "tests/e2e/chaos/follower.h"

#include <chrono>
#include <thread>
#include <utility>

#include "tests/e2e/chaos/marks.h"

namespace w2t::chaos {

bool IsOutage(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return true;
    case grpc::StatusCode::UNKNOWN:  // gRPC's own word for a lost stream
      return status.error_message() == "Stream removed";
    default:
      return false;
  }
}

void Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

Follower::Follower(const std::shared_ptr<grpc::Channel>& channel,
                   std::string run_id, Findings* findings)
    : stub_(v1::RunService::NewStub(channel)),
      run_id_(std::move(run_id)),
      findings_(*findings) {}

void Follower::Follow(int64_t deadline_ns) {
  while (!ended_.has_value()) {
    if (MonotonicNs() > deadline_ns) {
      findings_.Add("{} has not ended", run_id_);
      return;
    }
    const grpc::Status status = ReadOnce(last_seq_, &events_);
    if (ended_.has_value()) break;
    if (!IsOutage(status)) {
      findings_.Add("watching {} after {}: code {}: {}", run_id_, last_seq_,
                    static_cast<int>(status.error_code()),
                    status.error_message());
      return;
    }
    findings_.Count("watch streams that were resumed");
    Pause();
  }
  if (ended_->last_seq() != last_seq_) {
    findings_.Add("{} ended with event {}, but {} was the last one told",
                  run_id_, ended_->last_seq(), last_seq_);
  }
}

void Follower::CheckAgain() {
  if (!ended_.has_value() || base_seq_ == 0) return;
  const std::vector<SeenEvent> live = std::move(events_);
  events_.clear();
  last_seq_ = base_seq_;
  const grpc::Status status = ReadOnce(base_seq_, &events_);
  if (!status.ok() || events_ != live) {
    findings_.Add("{} has another history now ({}): {} events, {} before",
                  run_id_, status.error_message(), events_.size(), live.size());
  }
}

grpc::Status Follower::ReadOnce(uint64_t after_seq,
                                std::vector<SeenEvent>* events) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(20));
  context.set_wait_for_ready(true);
  v1::WatchRunRequest request;
  request.set_run_id(run_id_);
  request.set_after_seq(after_seq);
  const auto reader = stub_->WatchRun(&context, request);
  v1::WatchRunResponse response;
  while (reader->Read(&response)) {
    if (response.has_snapshot()) {
      if (after_seq != 0) {
        findings_.Add("{} gave a snapshot after {}", run_id_, after_seq);
      }
      has_snapshot_ = true;
      base_seq_ = response.snapshot().seq();
      last_seq_ = base_seq_;
    }
    if (response.has_events()) Take(response.events(), events);
    if (response.has_ended()) ended_ = response.ended();
    if (on_events) on_events(events->size());
  }
  return reader->Finish();
}

void Follower::Take(const v1::EventBatch& batch,
                    std::vector<SeenEvent>* events) {
  if (batch.first_seq() != last_seq_ + 1) {
    findings_.Add("{}: event {} follows event {}", run_id_, batch.first_seq(),
                  last_seq_);
  }
  for (int i = 0; i < batch.task_size(); ++i) {
    last_seq_ = batch.first_seq() + static_cast<uint64_t>(i);
    events->push_back({last_seq_, batch.time_us(i), batch.task(i),
                       batch.attempt(i), batch.state(i), batch.exit_code(i)});
  }
  findings_.Count("events that watchers were told",
                  static_cast<uint64_t>(batch.task_size()));
}

}  // namespace w2t::chaos
