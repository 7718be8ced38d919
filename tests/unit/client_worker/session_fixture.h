// A worker's session without a stream: messages of the daemon in, messages of
// the worker out.
#ifndef W2T_TESTS_UNIT_CLIENT_WORKER_SESSION_FIXTURE_H_
#define W2T_TESTS_UNIT_CLIENT_WORKER_SESSION_FIXTURE_H_

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/worker/session/session_state.h"

namespace w2t::worker {

class SessionFixture : public ::testing::Test {
 protected:
  using Message = std::shared_ptr<const v1::SessionRequest>;

  explicit SessionFixture(v1::Hello identity = {})
      : state_(std::move(identity)) {}

  static Lease LeaseOf(uint64_t fence) {
    return {1, static_cast<uint32_t>(fence), 1, fence};
  }
  static void Add(uint64_t fence, v1::LeaseColumns* columns) {
    const Lease lease = LeaseOf(fence);
    columns->add_run(lease.run);
    columns->add_task(lease.task);
    columns->add_attempt(lease.attempt);
    columns->add_fence(lease.fence);
  }
  // Of tasks "task-7" of run "shop-1", with one action that has the id 1.
  static v1::SessionResponse OfferOf(const std::vector<uint64_t>& fences) {
    v1::SessionResponse message;
    v1::OfferBatch& offers = *message.mutable_offers();
    for (const uint64_t fence : fences) {
      Add(fence, offers.mutable_leases());
      offers.add_action(1);
      offers.add_name(fmt::format("task-{}", fence));
    }
    v1::OfferedAction& action = *offers.add_new_actions();
    action.set_id(1);
    action.mutable_action()->mutable_handler()->set_name("noop");
    v1::OfferedRun& run = *offers.add_new_runs();
    run.set_run(1);
    run.set_run_id("shop-1");
    return message;
  }

  // A new stream, up to its Hello.
  v1::Hello Dial() {
    state_.StreamOpened();
    const Message hello = Next();
    EXPECT_TRUE(hello != nullptr && hello->has_hello());
    return hello == nullptr ? v1::Hello() : hello->hello();
  }
  // The answer to that.
  Todo Welcome(const std::vector<v1::HeldVerdict>& verdicts,
               v1::Welcome welcome = {}) {
    for (const v1::HeldVerdict verdict : verdicts) {
      welcome.add_verdicts(verdict);
    }
    v1::SessionResponse message;
    *message.mutable_welcome() = std::move(welcome);
    return Receive(std::move(message));
  }
  Todo Receive(v1::SessionResponse message) {
    Todo todo;
    const absl::Status status = state_.OnMessage(message, todo);
    EXPECT_TRUE(status.ok()) << status;
    return todo;
  }
  Todo Acknowledge(uint64_t through_seq, uint64_t logs_through_seq = 0) {
    v1::SessionResponse message;
    message.mutable_ack()->set_through_seq(through_seq);
    message.mutable_ack()->set_logs_through_seq(logs_through_seq);
    return Receive(std::move(message));
  }
  Todo Cancel(const std::vector<uint64_t>& fences) {
    v1::SessionResponse message;
    for (const uint64_t fence : fences) {
      Add(fence, message.mutable_cancels()->mutable_leases());
    }
    return Receive(std::move(message));
  }

  bool Print(uint64_t fence, std::string_view data) {
    return state_.Printed(LeaseOf(fence), v1::LOG_STREAM_STDOUT, 1, data);
  }
  void Succeed(uint64_t fence) {
    state_.Ended(LeaseOf(fence), {.state = v1::TASK_STATE_SUCCEEDED});
  }
  // The next message, when nothing is held back. Null: there is none.
  Message Next() {
    bool more = false;
    state_.Release();
    return state_.NextMessage(&more);
  }

  // "7 RUNNING" of each report.
  static std::vector<std::string> WordsOf(const v1::ReportBatch& batch) {
    std::vector<std::string> words;
    for (int i = 0; i < batch.state_size(); ++i) {
      words.push_back(fmt::format(
          "{} {}", batch.leases().fence(i),
          v1::TaskState_Name(batch.state(i)).substr(sizeof("TASK_STATE"))));
    }
    return words;
  }

  SessionState state_;
};

}  // namespace w2t::worker

#endif  // W2T_TESTS_UNIT_CLIENT_WORKER_SESSION_FIXTURE_H_
