// AttemptFolder: all that is kept of one service, so that the next process of
// the worker can go on with it. Of the loop's thread.
//
//   attempt    what it is and what became of it, as a row of KeptAttempt
//   out, err   named pipes that it prints to. It has both their ends open, so
//              that it waits, and does not die, while nobody reads
//   log-N      what was read and the daemon does not have (OutputSpool)
//   notify     its NOTIFY_SOCKET
#ifndef W2T_CLIENT_WORKER_STATE_ATTEMPT_FOLDER_H_
#define W2T_CLIENT_WORKER_STATE_ATTEMPT_FOLDER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/exec/spawn.h"
#include "client/worker/loop/unique_fd.h"
#include "client/worker/session/lease.h"
#include "client/worker/state/output_spool.h"
#include "w2t/kept/v1/kept.pb.h"

namespace w2t::worker {

class AttemptFolder {
 public:
  // INTERNAL, for all of these, with the call and the path.
  static absl::StatusOr<std::unique_ptr<AttemptFolder>> Create(
      std::string path, const Offer& offer);
  // One that an earlier process has made.
  static absl::StatusOr<std::unique_ptr<AttemptFolder>> Open(std::string path);
  AttemptFolder(const AttemptFolder&) = delete;
  AttemptFolder& operator=(const AttemptFolder&) = delete;

  const kept::v1::KeptAttempt& kept() const { return kept_; }
  Offer offer() const;
  // From here on it is so, whatever becomes of this process.
  absl::Status Add(const kept::v1::KeptAttempt& news);

  // `name` is "out" or "err".
  absl::StatusOr<Pipe> MakeOutput(std::string_view name) const;
  // The read end of one that was made.
  absl::StatusOr<UniqueFd> OpenOutput(std::string_view name) const;
  OutputSpool& spool() { return *spool_; }
  std::string notify_path() const { return path_ + "/notify"; }

  // Nobody asks about it any more.
  void Remove() const;

 private:
  explicit AttemptFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  kept::v1::KeptAttempt kept_;
  UniqueFd record_;
  std::unique_ptr<OutputSpool> spool_;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_ATTEMPT_FOLDER_H_
