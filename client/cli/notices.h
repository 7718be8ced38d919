// Notices: what is to be said beside a command's output, by whichever thread
// learns of it.
#ifndef W2T_CLIENT_CLI_NOTICES_H_
#define W2T_CLIENT_CLI_NOTICES_H_

#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace w2t::cli {

// Thread-safe.
class Notices {
 public:
  explicit Notices(std::ostream& err) : err_(err) {}

  // One line to the error stream, or to whom it was redirected.
  void Say(std::string text) {
    absl::MutexLock lock(&mutex_);
    if (redirect_) return redirect_(std::move(text));
    Write(text);
  }
  // For who shares the terminal with them. Must not wait. Empty: as before.
  void Redirect(std::function<void(std::string)> redirect) {
    absl::MutexLock lock(&mutex_);
    redirect_ = std::move(redirect);
  }
  void Write(const std::string& text) {
    err_ << fmt::format("w2t: note: {}\n", text);
    err_.flush();
  }

  // Whether the daemon is away at the moment.
  bool away() const { return away_; }
  void SetAway(bool away) { away_ = away; }

 private:
  std::ostream& err_;
  std::atomic<bool> away_ = false;
  absl::Mutex mutex_;
  std::function<void(std::string)> redirect_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_NOTICES_H_
