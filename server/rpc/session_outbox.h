// SessionOutbox: what is to be sent to one worker.
//
// What waits goes out as one message: offers merged into one batch, and only
// the latest acknowledgement. What exceeds a batch follows in further messages.
// An action and a run's id are sent once, with the first offer that needs them.
// Not thread-safe: guarded by its session.
#ifndef W2T_SERVER_RPC_SESSION_OUTBOX_H_
#define W2T_SERVER_RPC_SESSION_OUTBOX_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"
#include "core/engine/engine.h"
#include "core/run/lease.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::server {

class SessionOutbox {
 public:
  // Bounds of one OfferBatch, so that a worker can take it in at once.
  static constexpr int kMaxBatchOffers = 4'096;
  static constexpr size_t kMaxBatchBytes = 1 << 20;
  static constexpr uint64_t kMostLogAcks = 16;

  // `log_window`: log batches that the worker may send without word of them.
  explicit SessionOutbox(uint64_t log_window)
      : most_log_acks_(std::clamp<uint64_t>(log_window / 2, 1, kMostLogAcks)) {}

  void SetWelcome(v1::Welcome welcome);
  // Every lease must be of a run that `engine` knows.
  void AddOffers(const Engine& engine, const OfferLeases& offer);
  void AddCancels(const LeaseColumns& leases);
  // `refused`: old leases that were reported on.
  void AckReports(uint64_t through_seq, const LeaseColumns& refused = {});
  // Told with the next message, whatever that is, or once kMostLogAcks, or half
  // of what the worker may send, wait.
  void AckLogs(uint64_t through_seq);
  void Ping();
  void Drain(std::string reason);
  // No offer will name this run any more. The worker is told with the next
  // offers.
  void ForgetRun(RunNumber run);
  // Drops everything that waits.
  void Clear();

  // The next message, or null when nothing waits. It stays valid, and must not
  // be sent twice, until the next call. `more` tells that another one follows.
  const v1::SessionResponse* Next(bool* more);

  // What waits, about.
  size_t bytes() const { return bytes_; }

 private:
  struct KnownRun {
    absl::flat_hash_map<uint32_t, uint32_t> action_ids;
  };
  struct PendingOffers {
    v1::OfferBatch batch;
    size_t bytes = 0;
  };

  PendingOffers& OpenBatch();
  void TakeOffers(v1::OfferBatch* batch);

  absl::flat_hash_map<RunNumber, KnownRun> known_runs_;
  uint32_t last_action_id_ = 0;
  v1::OfferBatch ended_;  // what the worker may forget
  uint64_t last_nonce_ = 0;

  bool welcome_waits_ = false;
  v1::Welcome welcome_;
  std::deque<PendingOffers> offers_;
  std::vector<PendingOffers> spare_;  // at most one, for its memory
  LeaseColumns cancels_;
  bool drain_waits_ = false;
  std::string drain_reason_;
  bool ping_waits_ = false;
  bool ack_waits_ = false;
  uint64_t reports_through_ = 0;
  std::vector<uint64_t> refused_;  // fences
  const uint64_t most_log_acks_;
  uint64_t logs_through_ = 0;
  uint64_t logs_told_ = 0;
  size_t bytes_ = 0;

  // The message in flight. The one with offers is kept apart for its memory.
  v1::SessionResponse offer_message_;
  v1::SessionResponse message_;
};

}  // namespace w2t::server

#endif  // W2T_SERVER_RPC_SESSION_OUTBOX_H_
