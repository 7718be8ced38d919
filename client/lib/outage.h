// Outage: what all calls of one client know of their daemon.
#ifndef W2T_CLIENT_LIB_OUTAGE_H_
#define W2T_CLIENT_LIB_OUTAGE_H_

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "w2t/client.h"

namespace w2t {

// Thread-safe. Calls ClientOptions::on_away and on_back, once for each outage,
// whichever call notices it first.
class Outage {
 public:
  // `options` must outlive it.
  explicit Outage(const ClientOptions& options) : options_(options) {}

  // The daemon has answered.
  void Reached();
  // A call that began at `began` has come to nothing. `known`: the daemon was
  // there when it began. Returns until when to try again.
  absl::Time Lost(const absl::Status& error, absl::Time began, bool known);

 private:
  const ClientOptions& options_;
  absl::Mutex mutex_;
  bool reached_ ABSL_GUARDED_BY(mutex_) = false;  // ever
  std::optional<absl::Time> since_ ABSL_GUARDED_BY(mutex_);
  absl::Time back_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace w2t

#endif  // W2T_CLIENT_LIB_OUTAGE_H_
