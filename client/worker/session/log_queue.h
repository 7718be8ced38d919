// LogQueue: output on its way to the daemon, in batches of whatever has
// gathered. Only as many batches as the daemon allows are under way; what comes
// beyond that waits, and once kRoomBytes wait, full() says that no more should
// be read. What a broken stream carried unacknowledged goes again on the next
// one. Not thread-safe.
#ifndef W2T_CLIENT_WORKER_SESSION_LOG_QUEUE_H_
#define W2T_CLIENT_WORKER_SESSION_LOG_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "client/worker/session/lease.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::worker {

class LogQueue {
 public:
  static constexpr size_t kDefaultWindow = 64;
  static constexpr size_t kMostWindow = 256;  // whatever the daemon allows
  static constexpr size_t kMaxChunkBytes = 64 * 1024;
  // Of one batch: reached by its last chunk.
  static constexpr size_t kBatchBytes = 128 * 1024;
  // Waiting to be sent.
  static constexpr size_t kRoomBytes = 4 * 1024 * 1024;

  // Number of a batch, from 1, across streams.
  using Serial = uint64_t;

  // Most unacknowledged batches.
  void SetWindow(size_t window) { window_ = std::min(window, kMostWindow); }

  // Returns the batch that the last of `data` went into. `data` is not empty;
  // `dropped_bytes` were left out just before it, and `offset` bytes, with
  // these, printed before it.
  Serial Append(const Lease& lease, v1::LogStream stream, int64_t time_us,
                std::string_view data, uint64_t dropped_bytes, uint64_t offset);
  bool full() const { return waiting_bytes_ >= kRoomBytes; }
  // Enough has left since full() to go on.
  bool has_room() const { return waiting_bytes_ < kRoomBytes / 2; }

  // The next batch for this stream; null when there is none, or when the window
  // is full.
  std::shared_ptr<const v1::SessionRequest> Next();
  bool HasNext() const;
  // True while batches that an earlier stream carried have not gone again.
  bool resending() const { return sent_through_ < carried_through_; }
  // All batches up to this one have been sent on this stream or, acknowledged,
  // on an earlier one.
  Serial sent_through() const { return sent_through_; }

  void Rewind();
  // `through_seq` counts as LogBatch.seq does. Hands over what is acknowledged.
  void Ack(uint64_t through_seq,
           absl::FunctionRef<void(const v1::LogBatch&)> taken);

  size_t waiting_bytes() const { return waiting_bytes_; }

 private:
  struct Batch {
    std::shared_ptr<v1::SessionRequest> message;
    size_t bytes = 0;
  };

  std::deque<Batch> batches_;  // the first sent_ are unacknowledged
  size_t sent_ = 0;
  size_t window_ = kDefaultWindow;
  uint64_t last_seq_ = 0;   // of this stream
  uint64_t acked_seq_ = 0;  // of this stream
  Serial last_serial_ = 0;  // of batches_.back()
  Serial sent_through_ = 0;
  Serial carried_through_ = 0;
  size_t waiting_bytes_ = 0;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_SESSION_LOG_QUEUE_H_
