// ChildProcess: a program that this one has started and looks after.
#ifndef W2T_CLIENT_CLI_CHILD_PROCESS_H_
#define W2T_CLIENT_CLI_CHILD_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace w2t::cli {

// Runs in a process group of its own, so that ^C at the terminal does not reach
// it, without standard input, and with its output in a file. Thread-safe.
class ChildProcess {
 public:
  // `argv[0]` is the path of the program. `on_end` is called on another thread
  // as soon as the program has ended.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& argv, const std::string& output_file,
      std::function<void()> on_end);
  // Kills it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Does nothing once it has ended.
  void Signal(int signal);
  bool ended() const;
  // True when it has ended within `timeout`.
  bool WaitFor(absl::Duration timeout) const;
  // "w2td ended with exit code 1", "w2td was killed by signal 9".
  std::string HowItEnded() const;
  const std::string& output_file() const { return output_file_; }

 private:
  ChildProcess(pid_t pid, std::string name, std::string output_file,
               std::function<void()> on_end);
  void Reap();

  const pid_t pid_;
  const std::string name_;
  const std::string output_file_;
  const std::function<void()> on_end_;
  mutable absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  int wait_status_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread reaper_;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_CHILD_PROCESS_H_
