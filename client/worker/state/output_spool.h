// OutputSpool: what services printed and the daemon does not have yet, in
// files, in the order in which the worker read it. So the next process of the
// worker tells the daemon the same bytes at the same places. Of the loop's
// thread.
//
// The files are segments, "output-N". A segment is gone once the daemon has all
// of it and it is not the last; where the services are that nothing later
// speaks of goes to the last before.
#ifndef W2T_CLIENT_WORKER_STATE_OUTPUT_SPOOL_H_
#define W2T_CLIENT_WORKER_STATE_OUTPUT_SPOOL_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/loop/unique_fd.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t::worker {

class OutputSpool {
 public:
  // Most of one segment, but for its last piece.
  static constexpr uint64_t kSegmentBytes = 256 * 1024;

  // With what lies in `folder` already. INTERNAL when that cannot be read.
  static absl::StatusOr<std::unique_ptr<OutputSpool>> Open(std::string folder);
  OutputSpool(const OutputSpool&) = delete;
  OutputSpool& operator=(const OutputSpool&) = delete;

  // Of what Open has found, until DropReplay. `fence` names the service.
  // What it printed before the first that lies here, in bytes.
  uint64_t begin(uint64_t fence) const;
  // Hands over all that lies here of it, in order.
  void Replay(
      uint64_t fence,
      absl::FunctionRef<void(v1::LogStream, std::string_view)> piece) const;
  void DropReplay();

  // Like read(2) of `pipe`, which does not block: what it hands over lies here,
  // too, and no byte is lost or doubled wherever this process is killed. A disk
  // that takes no more is no error: then it is read all the same, and of this
  // service only what comes after that is kept.
  ssize_t Read(uint64_t fence, v1::LogStream stream, int pipe, char* to,
               size_t most);
  void Append(uint64_t fence, v1::LogStream stream, std::string_view data);
  // The daemon has the first `bytes` of all that the service printed.
  void Release(uint64_t fence, uint64_t bytes);
  // Nobody asks about the service any more.
  void Forget(uint64_t fence);
  // About none but those that are `known`.
  void ForgetOthers(absl::FunctionRef<bool(uint64_t fence)> known);

 private:
  struct Segment {
    uint64_t number = 0;
    // What the service had printed behind its last piece in here, where the
    // daemon does not have that.
    absl::flat_hash_map<uint64_t, uint64_t> waits;
  };
  struct Piece {
    v1::LogStream stream;
    uint64_t offset = 0;
    std::string_view data;
  };
  struct Service {
    uint64_t printed = 0;
    uint64_t segment = 0;  // the last that says how much that is
    std::vector<Piece> earlier;
  };
  explicit OutputSpool(std::string folder) : folder_(std::move(folder)) {}

  absl::Status Find();
  void ReadSegment(std::string_view text, Segment* segment);
  std::string PathOf(uint64_t number) const;
  bool NextSegment();
  bool OpenSegment();
  bool PutHeader(uint64_t fence, v1::LogStream stream, size_t bytes);
  void Took(uint64_t fence, v1::LogStream stream, size_t bytes);
  void Miss(uint64_t fence, size_t bytes);
  ssize_t ReadPlainly(uint64_t fence, int pipe, char* to, size_t most);
  bool KeepPlaces(uint64_t number);
  void DropReleased();

  const std::string folder_;
  std::deque<Segment> segments_;
  uint64_t next_number_ = 0;  // of a segment
  UniqueFd file_;             // of the last segment; none: not open yet
  off_t size_ = 0;
  absl::flat_hash_map<uint64_t, Service> services_;
  std::deque<std::string> earlier_texts_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_OUTPUT_SPOOL_H_
