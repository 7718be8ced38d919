#include "tests/e2e/chaos/client.h"

#include <chrono>
#include <utility>

#include "fmt/format.h"
#include "tests/e2e/chaos/marks.h"
#include "tests/support/rpc.h"

namespace w2t::chaos {
namespace {

constexpr int64_t kPatienceMs = 5'000;
// For a whole run, outages included.
constexpr int64_t kRunPatienceNs = 240'000'000'000;

void SetDeadlineMs(grpc::ClientContext& context, int64_t ms) {
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(ms));
  // A channel dials only while somebody waits for it.
  context.set_wait_for_ready(true);
}

}  // namespace

Client::Client(int number, uint64_t seed, const std::string& address,
               TaskProgram program, Findings* findings)
    : number_(number),
      dice_(seed),
      program_(std::move(program)),
      findings_(*findings),
      channel_(test::Dial(address)),
      stub_(v1::RunService::NewStub(channel_)) {}

void Client::Work(const std::atomic<bool>& stop) {
  while (!stop) RunOne();
}

void Client::RunOne() {
  Submission submission;
  submission.request_id = fmt::format("c{}-{}", number_, submissions_.size());
  submission.graph = MakeGraph(program_, dice_);
  if (dice_.Chance(0.03)) {
    // Gives up at once: it may or may not be there, but never twice.
    v1::SubmitRunResponse response;
    Submit(submission, dice_.Between(1, 4), &response);
    findings_.Count("submits given up");
    submissions_.push_back(std::move(submission));
    return;
  }
  if (!SubmitUntilAnswered(submission)) return;
  if (dice_.Chance(0.2)) SubmitAgain(submission);
  if (dice_.Chance(0.1)) SubmitOther(submission);

  submission.follower =
      std::make_unique<Follower>(channel_, submission.run_id, &findings_);
  if (dice_.Chance(0.08)) {
    const size_t after = dice_.Below(20);
    submission.follower->on_events = [this, after, &submission](size_t count) {
      if (count >= after && !submission.cancelled) Cancel(submission);
    };
  }
  submission.follower->Follow(MonotonicNs() + kRunPatienceNs);
  submission.follower->on_events = nullptr;
  submissions_.push_back(std::move(submission));
}

grpc::Status Client::Submit(const Submission& submission, int64_t patience_ms,
                            v1::SubmitRunResponse* response) {
  grpc::ClientContext context;
  SetDeadlineMs(context, patience_ms);
  v1::SubmitRunRequest request;
  *request.mutable_graph() = submission.graph;
  request.set_request_id(submission.request_id);
  return stub_->SubmitRun(&context, request, response);
}

bool Client::SubmitUntilAnswered(Submission& submission) {
  const int64_t deadline_ns = MonotonicNs() + kRunPatienceNs;
  for (int tries = 1;; ++tries) {
    v1::SubmitRunResponse response;
    const grpc::Status status = Submit(submission, kPatienceMs, &response);
    if (status.ok()) {
      submission.run_id = response.run_id();
      findings_.Count("submits acknowledged");
      if (tries > 1) findings_.Count("submits repeated until acknowledged");
      if (response.existing()) {
        findings_.Count("submits whose first answer was lost");
        if (tries == 1) {
          findings_.Add("{} existed before it was submitted",
                        submission.request_id);
        }
      }
      return true;
    }
    if (!IsOutage(status) || MonotonicNs() > deadline_ns) {
      findings_.Add("submit of {}: code {}: {}", submission.request_id,
                    static_cast<int>(status.error_code()),
                    status.error_message());
      return false;
    }
    Pause();
  }
}

void Client::SubmitAgain(const Submission& submission) {
  v1::SubmitRunResponse response;
  const grpc::Status status = Submit(submission, kPatienceMs, &response);
  if (status.ok() &&
      (!response.existing() || response.run_id() != submission.run_id)) {
    findings_.Add("{} is {} and {}", submission.request_id, submission.run_id,
                  response.run_id());
  }
  if (!status.ok() && !IsOutage(status)) {
    findings_.Add("second submit of {}: code {}: {}", submission.request_id,
                  static_cast<int>(status.error_code()),
                  status.error_message());
  }
  if (status.ok()) findings_.Count("submits of a known request");
}

void Client::SubmitOther(const Submission& submission) {
  Submission other;
  other.request_id = submission.request_id;
  other.graph = submission.graph;
  other.graph.mutable_tasks(0)->set_name("another");
  for (auto& task : *other.graph.mutable_tasks()) task.clear_depends_on();
  for (auto& task : *other.graph.mutable_tasks()) task.clear_trigger();
  v1::SubmitRunResponse response;
  const grpc::Status status = Submit(other, kPatienceMs, &response);
  if (IsOutage(status)) return;
  if (status.error_code() != grpc::StatusCode::ALREADY_EXISTS) {
    findings_.Add("another graph for {}: code {}: {}", submission.request_id,
                  static_cast<int>(status.error_code()),
                  status.error_message());
  }
  findings_.Count("submits of another graph that were refused");
}

void Client::Cancel(Submission& submission) {
  grpc::ClientContext context;
  SetDeadlineMs(context, kPatienceMs);
  v1::CancelRunRequest request;
  request.set_run_id(submission.run_id);
  request.set_reason("chaos");
  v1::CancelRunResponse response;
  const grpc::Status status = stub_->CancelRun(&context, request, &response);
  if (status.ok()) {
    submission.cancelled = true;
    findings_.Count("runs cancelled");
  } else if (!IsOutage(status)) {
    findings_.Add("cancelling {}: code {}: {}", submission.run_id,
                  static_cast<int>(status.error_code()),
                  status.error_message());
  }
}

}  // namespace w2t::chaos
