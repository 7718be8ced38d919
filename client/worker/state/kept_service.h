// KeptService: all that is kept of one service, so that the next process of the
// worker can go on with it. Of the loop's thread.
#ifndef W2T_CLIENT_WORKER_STATE_KEPT_SERVICE_H_
#define W2T_CLIENT_WORKER_STATE_KEPT_SERVICE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/loop/unique_fd.h"
#include "client/worker/session/lease.h"
#include "client/worker/state/output_spool.h"
#include "client/worker/state/service_records.h"
#include "w2t/kept/v1/kept.pb.h"

namespace w2t::worker {

class KeptService {
 public:
  // Where it is kept. Outlives it.
  struct Place {
    std::string folder;
    ServiceRecords* records = nullptr;
    OutputSpool* spool = nullptr;
  };

  // INTERNAL, for all of these, with the call and the path.
  static absl::StatusOr<std::unique_ptr<KeptService>> Create(
      const Place* place, const Offer& offer);
  // One that an earlier process has kept, with the ends of its pipes: none
  // where nobody has such a pipe any more.
  KeptService(const Place* place, uint64_t fence, UniqueFd stdout_end = {},
              UniqueFd stderr_end = {});
  KeptService(const KeptService&) = delete;
  KeptService& operator=(const KeptService&) = delete;

  const kept::v1::KeptAttempt& kept() const;
  Offer offer() const;
  // From here on it is so, whatever becomes of this process.
  absl::Status Add(kept::v1::KeptAttempt news);

  UniqueFd TakeStdout() { return std::move(stdout_end_); }
  UniqueFd TakeStderr() { return std::move(stderr_end_); }
  // Where it may have its NOTIFY_SOCKET.
  std::string notify_path() const;

  // See OutputSpool.
  uint64_t printed_before() const { return place_->spool->begin(fence_); }
  void Replay(
      absl::FunctionRef<void(v1::LogStream, std::string_view)> piece) const {
    place_->spool->Replay(fence_, piece);
  }
  ssize_t Read(v1::LogStream stream, int pipe, char* to, size_t most) {
    return place_->spool->Read(fence_, stream, pipe, to, most);
  }
  void Append(v1::LogStream stream, std::string_view data) {
    place_->spool->Append(fence_, stream, data);
  }
  void Release(uint64_t bytes) { place_->spool->Release(fence_, bytes); }

  // Nobody asks about it any more.
  void Remove();

 private:
  const Place* const place_;
  const uint64_t fence_;
  UniqueFd stdout_end_;
  UniqueFd stderr_end_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_KEPT_SERVICE_H_
