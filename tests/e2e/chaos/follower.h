// Follows one run to its end over any number of broken streams, and checks that
// what it is told has no gap and no repetition.
#ifndef W2T_TESTS_E2E_CHAOS_FOLLOWER_H_
#define W2T_TESTS_E2E_CHAOS_FOLLOWER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "tests/e2e/chaos/findings.h"
#include "w2t/v1/run_service.grpc.pb.h"

namespace w2t::chaos {

struct SeenEvent {
  uint64_t seq = 0;
  int64_t time_us = 0;
  uint32_t task = 0;
  uint32_t attempt = 0;
  v1::TaskState state = v1::TASK_STATE_UNSPECIFIED;
  int32_t exit_code = 0;

  bool operator==(const SeenEvent&) const = default;
};

// What a client may see of a daemon that is killed; anything else is a fault.
bool IsOutage(const grpc::Status& status);
// Between two tries.
void Pause();

class Follower {
 public:
  Follower(const std::shared_ptr<grpc::Channel>& channel, std::string run_id,
           Findings* findings);

  // Called with the number of events seen, after each message. May be empty.
  std::function<void(size_t)> on_events;

  // Resumes until the run has ended, or `deadline_ns` (CLOCK_MONOTONIC) has
  // passed, which is a fault.
  void Follow(int64_t deadline_ns);
  // The whole history, asked for once more: it must be what was seen live.
  void CheckAgain();

  const std::vector<SeenEvent>& events() const { return events_; }
  const std::optional<v1::Run>& ended() const { return ended_; }

 private:
  grpc::Status ReadOnce(uint64_t after_seq, std::vector<SeenEvent>* events);
  void Take(const v1::EventBatch& batch, std::vector<SeenEvent>* events);

  std::unique_ptr<v1::RunService::Stub> stub_;
  const std::string run_id_;
  Findings& findings_;
  bool has_snapshot_ = false;
  uint64_t base_seq_ = 0;  // of the snapshot
  uint64_t last_seq_ = 0;
  std::vector<SeenEvent> events_;
  std::optional<v1::Run> ended_;
};

}  // namespace w2t::chaos

#endif  // W2T_TESTS_E2E_CHAOS_FOLLOWER_H_
