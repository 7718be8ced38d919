// ReportQueue: reports on their way to the daemon, in batches of whatever has
// gathered. A batch is kept, and sent again on the next stream under the same
// number and with the same content, until it is acknowledged or nobody waits
// for it. Not thread-safe.
#ifndef W2T_CLIENT_WORKER_SESSION_REPORT_QUEUE_H_
#define W2T_CLIENT_WORKER_SESSION_REPORT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "client/worker/session/lease.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::worker {

class ReportQueue {
 public:
  // Bounds of one batch.
  static constexpr size_t kMaxReports = 4'096;
  static constexpr size_t kMaxDetailBytes = 512 * 1024;

  // Where a report waits. Valid until it is sent.
  struct Place {
    uint64_t batch = 0;  // 0: none
    uint32_t position = 0;
  };

  Place Add(const Lease& lease, v1::TaskState state);
  void AddOutcome(const Lease& lease, Outcome outcome);
  // Takes back a report that has not been sent. False when it has been.
  bool Withdraw(Place place);

  // Takes back all reports on leases with these fences, sent or not. A batch
  // that has been numbered keeps its number.
  void Forget(const absl::flat_hash_set<uint64_t>& fences);

  // The next batch for this stream, sealed: nothing is added to it any more.
  // Null when there is none.
  std::shared_ptr<const v1::SessionRequest> Next();
  // True when Next has something now.
  bool HasNext() const;
  // True when Next will have something whatever is withdrawn meanwhile.
  bool HasCertainNext() const;

  // What an earlier stream has carried is to go again.
  bool resending() const { return sent_ < sealed_.size(); }

  // A new stream: what is not acknowledged goes again.
  void Rewind() { sent_ = 0; }
  // Forgets all batches up to `through_seq`; calls `ended` with the fence of
  // each outcome in them.
  void Ack(uint64_t through_seq, absl::FunctionRef<void(uint64_t fence)> ended);

  // Batches sent, and not acknowledged.
  size_t unacknowledged() const { return sealed_.size(); }
  bool empty() const { return sealed_.empty() && open_.empty(); }

 private:
  using Message = std::shared_ptr<v1::SessionRequest>;
  struct Open {
    Message message;
    std::vector<uint32_t> withdrawn;  // positions, in any order
    size_t detail_bytes = 0;
    size_t outcomes = 0;
  };

  Open& Back();
  Message NewMessage();
  void Recycle(Message message);

  std::deque<Message> sealed_;  // by seq
  size_t sent_ = 0;             // of sealed_, on this stream
  uint64_t last_seq_ = 0;
  std::deque<Open> open_;
  uint64_t first_open_ = 1;  // batch number of open_.front()
  std::vector<Message> spare_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_SESSION_REPORT_QUEUE_H_
