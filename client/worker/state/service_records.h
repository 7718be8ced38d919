// ServiceRecords: the file that says which services a worker has. Of the loop's
// thread.
//
// Rows of KeptAttempt, each behind its size. What is known of a service is the
// sum of its rows. A file that holds far more than that is written anew.
#ifndef W2T_CLIENT_WORKER_STATE_SERVICE_RECORDS_H_
#define W2T_CLIENT_WORKER_STATE_SERVICE_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/loop/unique_fd.h"
#include "w2t/kept/v1/kept.pb.h"

namespace w2t::worker {

class ServiceRecords {
 public:
  // Of a file that is shorter, nothing is written anew.
  static constexpr uint64_t kLeastRewriteBytes = 1 << 20;

  // INTERNAL, for these, with the call and the path. What a kill has cut off at
  // the end was never said.
  static absl::StatusOr<std::unique_ptr<ServiceRecords>> Open(std::string path);
  ServiceRecords(const ServiceRecords&) = delete;
  ServiceRecords& operator=(const ServiceRecords&) = delete;

  // From here on it is so, whatever becomes of this process.
  absl::Status Add(const kept::v1::KeptAttempt& row);
  // Nobody asks about it any more.
  void Forget(uint64_t fence);

  // By fence, each at its place until it is forgotten. Those whose first row is
  // missing are not among them.
  const std::map<uint64_t, kept::v1::KeptAttempt>& all() const { return all_; }
  const kept::v1::KeptAttempt& at(uint64_t fence) const {
    return all_.at(fence);
  }
  // Whether rows were found that say nothing.
  bool damaged() const { return damaged_; }

 private:
  explicit ServiceRecords(std::string path) : path_(std::move(path)) {}

  void Read(std::string_view text);
  void Merge(const kept::v1::KeptAttempt& row);
  absl::Status Append(const kept::v1::KeptAttempt& row);
  absl::Status Rewrite();

  const std::string path_;
  std::map<uint64_t, kept::v1::KeptAttempt> all_;
  bool damaged_ = false;
  UniqueFd file_;
  uint64_t size_ = 0;
  uint64_t rewrite_at_ = kLeastRewriteBytes;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_SERVICE_RECORDS_H_
