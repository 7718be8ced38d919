// StateFolder: what a worker remembers over its own end: who it is, and which
// services it has. It holds for one start of the machine and for one way to
// present itself (Hello); else the worker begins anew, and what it had left
// behind is killed first.
//
//   lock        held by the one worker that uses it
//   worker      who it is
//   keeper      a named pipe that the worker writes to when it has taken over
//   services    which services it has (ServiceRecords)
//   output-N    what they printed and the daemon does not have (OutputSpool)
//   notify-N    the NOTIFY_SOCKET of one
#ifndef W2T_CLIENT_WORKER_STATE_STATE_FOLDER_H_
#define W2T_CLIENT_WORKER_STATE_STATE_FOLDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/worker/loop/unique_fd.h"
#include "client/worker/session/lease.h"
#include "client/worker/state/kept_service.h"
#include "w2t/kept/v1/kept.pb.h"
#include "w2t/v1/worker_service.pb.h"

namespace w2t::worker {

// How long the folder may still be in use by a worker that ends.
inline constexpr absl::Duration kLockPatience = absl::Seconds(3);

class StateFolder {
 public:
  // Makes the folder when there is none. `hello` gets the instance, and, when
  // an earlier process goes on, `restarted` and the last stream.
  // FAILED_PRECONDITION when another worker has the folder for longer than
  // `patience`; INTERNAL when it cannot be used.
  static absl::StatusOr<std::unique_ptr<StateFolder>> Open(
      std::string path, absl::Duration patience, v1::Hello* hello);
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  const std::string& path() const { return path_; }
  // Marks of its services start with it; see MarkOf.
  std::string mark() const;

  // Services of earlier processes, in the order in which they were given. Once.
  std::vector<std::unique_ptr<KeptService>> Take();
  absl::StatusOr<std::unique_ptr<KeptService>> Create(const Offer& offer);
  // What they had is in the hands of this process: nobody need keep it any
  // more.
  void TakenOver();

 private:
  explicit StateFolder(std::string path) : path_(std::move(path)) {}

  absl::Status Lock(absl::Duration patience);
  absl::Status Identify(v1::Hello* hello);
  absl::Status OpenServices();
  void Clear() const;
  void KillUnknown() const;

  const std::string path_;
  UniqueFd lock_;
  kept::v1::Identity identity_;
  std::unique_ptr<ServiceRecords> records_;
  std::unique_ptr<OutputSpool> spool_;
  KeptService::Place place_;
};

// Where the worker `name` keeps its state unless it is told; empty when there
// is no such place. $XDG_STATE_HOME/w2t/workers/NAME, else in ~/.local/state.
std::string DefaultStateFolder(const std::string& name);

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_STATE_STATE_FOLDER_H_
