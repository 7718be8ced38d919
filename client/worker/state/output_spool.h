// OutputSpool: what a service printed and the daemon does not have yet, in
// files, in the order in which the worker read it. So the next process of the
// worker tells the daemon the same bytes at the same places. Of the loop's
// thread.
//
// The files are segments, "log-OFFSET", of what was printed from there on. A
// segment is gone once the daemon has all of it and it is not the last.
#ifndef W2T_CLIENT_WORKER_STATE_OUTPUT_SPOOL_H_
#define W2T_CLIENT_WORKER_STATE_OUTPUT_SPOOL_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

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

  // With what lies in `folder` already.
  static absl::StatusOr<std::unique_ptr<OutputSpool>> Open(std::string folder);
  OutputSpool(const OutputSpool&) = delete;
  OutputSpool& operator=(const OutputSpool&) = delete;

  // What was printed before the first that lies in it, in bytes.
  uint64_t begin() const;
  // Hands over all that lies in it, in order. INTERNAL when it cannot be read.
  absl::Status Replay(
      absl::FunctionRef<void(v1::LogStream, std::string_view)> piece) const;

  // Like read(2) of `pipe`, which does not block: what it hands over lies here,
  // too, and no byte is lost or doubled wherever this process is killed. A disk
  // that takes no more is no error: then it is read all the same.
  ssize_t Read(v1::LogStream stream, int pipe, char* to, size_t most);
  void Append(v1::LogStream stream, std::string_view data);
  // The daemon has the first `bytes` of all that was printed.
  void Release(uint64_t bytes);

 private:
  struct Segment {
    uint64_t begin = 0;
    uint64_t end = 0;
    std::string path;
  };
  explicit OutputSpool(std::string folder) : folder_(std::move(folder)) {}

  absl::Status Find();
  bool NextSegment();
  bool PutHeader(v1::LogStream stream, size_t bytes);
  void Took(v1::LogStream stream, size_t bytes);
  ssize_t ReadPlainly(int pipe, char* to, size_t most);

  const std::string folder_;
  std::deque<Segment> segments_;
  UniqueFd file_;  // of the last segment; none: not open yet
  off_t size_ = 0;
  bool broken_ = false;  // what comes is read, and kept no more
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_OUTPUT_SPOOL_H_
