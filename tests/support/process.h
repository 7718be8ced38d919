// A child process: started from a real program, watched, and never left behind.
//
//   Process process({.argv = {path, "--version"}});
//   EXPECT_EQ(process.WaitForExit().code, 0);
//   EXPECT_EQ(process.out(), "w2t 0.1.0\n");
//
// The child is killed when the object goes, and by the kernel when the thread
// that started it ends, so start children from a thread that outlives them.
// Thread-safe.
#ifndef W2T_TESTS_SUPPORT_PROCESS_H_
#define W2T_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/deadline.h"

namespace w2t::test {

struct ExitStatus {
  int code = -1;           // -1: ended by a signal, or not ended in time
  int signal = 0;          // 0: ended by itself
  bool timed_out = false;  // it had not ended when the wait was over

  // "exit 2", "signal 9", "still running".
  std::string ToString() const;
};

struct ProcessOptions {
  std::vector<std::string> argv;                         // argv[0] is a path
  std::vector<std::pair<std::string, std::string>> env;  // added or replaced
  std::vector<std::string> unset;                        // removed
  std::string dir;        // empty: the test's own
  std::string input;      // what it reads from its standard input
  bool own_group = true;  // in a process group of its own, as from a shell
};

class Process {
 public:
  explicit Process(ProcessOptions options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running() const;
  void Signal(int signal);
  // SIGKILL, and waits until it is gone.
  void Kill();
  ExitStatus WaitForExit(std::chrono::milliseconds patience = kPatience);

  // What it has printed so far.
  std::string out() const;
  std::string err() const;
  // Waits until a line of either output contains `text`, or the process has
  // ended without. The line; nothing when it never came.
  std::optional<std::string> WaitForLine(
      std::string_view text, std::chrono::milliseconds patience = kPatience);

 private:
  void Watch(int out, int err, int pidfd);

  std::string name_;
  pid_t pid_ = -1;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::string out_;                   // guarded by mutex_
  std::string err_;                   // guarded by mutex_
  std::optional<ExitStatus> status_;  // guarded by mutex_
  std::thread watcher_;
};

// From now on orphans of this process's children become its own children, so
// that OrphansOf and KillOrphans find them.
void AdoptOrphans();
// Children of this process that no Process object stands for: what a program
// under test left behind. Reaps those that have ended.
std::vector<pid_t> Orphans();
// Ends them. For tidying up between tests.
void KillOrphans();

}  // namespace w2t::test

#endif  // W2T_TESTS_SUPPORT_PROCESS_H_
