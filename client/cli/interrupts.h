// Interrupts: ^C, and the other signals that ask a program to end.
#ifndef W2T_CLIENT_CLI_INTERRUPTS_H_
#define W2T_CLIENT_CLI_INTERRUPTS_H_

#include <csignal>
#include <functional>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace w2t::cli {

// While one exists, SIGINT, SIGTERM and SIGHUP do not end the process. The
// first one triggers token(); the second one ends the process at once with exit
// code 130, after calling what SetLastResort was given.
//
// Blocks these signals in the thread that makes it, so make it before any other
// thread. At most one at a time.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  std::stop_token token() const { return first_.get_token(); }
  bool happened() const { return first_.stop_requested(); }
  // Called on another thread. Empty: nothing.
  void SetLastResort(std::function<void()> last_resort);

 private:
  void Listen();

  std::stop_source first_;
  absl::Mutex mutex_;
  std::function<void()> last_resort_ ABSL_GUARDED_BY(mutex_);
  sigset_t previous_;
  int signal_fd_ = -1;
  int wake_fd_ = -1;
  std::thread listener_;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_INTERRUPTS_H_
