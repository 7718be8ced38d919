#include "client/worker/session/log_queue.h"

#include <algorithm>
#include <utility>

namespace w2t::worker {

namespace {

// The chunk that `data` continues; null when a new one is needed.
v1::LogChunk* Continued(v1::LogBatch& batch, const Lease& lease,
                        v1::LogStream stream, size_t bytes) {
  if (batch.chunks_size() == 0) return nullptr;
  v1::TaskLogChunk& last = *batch.mutable_chunks(batch.chunks_size() - 1);
  const bool same =
      last.fence() == lease.fence && last.chunk().stream() == stream &&
      last.chunk().data().size() + bytes <= LogQueue::kMaxChunkBytes;
  return same ? last.mutable_chunk() : nullptr;
}

}  // namespace

LogQueue::Serial LogQueue::Append(const Lease& lease, v1::LogStream stream,
                                  int64_t time_us, std::string_view data,
                                  uint64_t dropped_bytes, uint64_t offset) {
  while (!data.empty()) {
    if (sent_ == batches_.size() || batches_.back().bytes >= kBatchBytes) {
      batches_.push_back({std::make_shared<v1::SessionRequest>(), 0});
      ++last_serial_;
    }
    Batch& back = batches_.back();
    v1::LogBatch& batch = *back.message->mutable_logs();
    const std::string_view piece =
        data.substr(0, std::min(data.size(), kMaxChunkBytes));
    data.remove_prefix(piece.size());
    v1::LogChunk* chunk = dropped_bytes > 0
                              ? nullptr
                              : Continued(batch, lease, stream, piece.size());
    if (chunk == nullptr) {
      v1::TaskLogChunk& added = *batch.add_chunks();
      added.set_run(lease.run);
      added.set_task(lease.task);
      added.set_attempt(lease.attempt);
      added.set_fence(lease.fence);
      added.set_offset(offset);
      chunk = added.mutable_chunk();
      chunk->set_stream(stream);
      chunk->set_time_us(time_us);
      chunk->set_dropped_bytes(std::exchange(dropped_bytes, 0));
    }
    chunk->mutable_data()->append(piece);
    back.bytes += piece.size();
    offset += piece.size();
    waiting_bytes_ += piece.size();
  }
  return last_serial_;
}

std::shared_ptr<const v1::SessionRequest> LogQueue::Next() {
  if (!HasNext()) return nullptr;
  Batch& batch = batches_[sent_++];
  batch.message->mutable_logs()->set_seq(++last_seq_);
  ++sent_through_;
  if (sent_through_ > carried_through_) {
    carried_through_ = sent_through_;
    waiting_bytes_ -= batch.bytes;
  }
  return batch.message;
}

bool LogQueue::HasNext() const {
  return sent_ < batches_.size() && sent_ < window_;
}

void LogQueue::Rewind() {
  sent_through_ -= sent_;
  sent_ = 0;
  last_seq_ = 0;
  acked_seq_ = 0;
}

void LogQueue::Ack(uint64_t through_seq,
                   absl::FunctionRef<void(const v1::LogBatch&)> taken) {
  while (acked_seq_ < std::min(through_seq, last_seq_)) {
    taken(batches_.front().message->logs());
    batches_.pop_front();
    --sent_;
    ++acked_seq_;
  }
}

}  // namespace w2t::worker
