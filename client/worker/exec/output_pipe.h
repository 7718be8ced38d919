// OutputPipe: the worker's end of a child's stdout or stderr. Of the loop's
// thread.
#ifndef W2T_CLIENT_WORKER_EXEC_OUTPUT_PIPE_H_
#define W2T_CLIENT_WORKER_EXEC_OUTPUT_PIPE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "client/worker/loop/loop.h"
#include "client/worker/loop/unique_fd.h"

namespace w2t::worker {

class OutputPipe {
 public:
  // Most that is handed over at once.
  static constexpr size_t kChunkBytes = 64 * 1024;
  // Most that Drain reads: what the largest pipe of an unprivileged process
  // holds.
  static constexpr size_t kDrainBytes = 1024 * 1024;

  // `data`: false stops the reading until Resume. `closed`: no more will come;
  // the pipe may be destroyed then. Both only from the loop, never from within
  // a call of this class, Drain apart.
  OutputPipe(Loop* loop, absl::AnyInvocable<bool(std::string_view)> data,
             absl::AnyInvocable<void()> closed);
  ~OutputPipe();
  OutputPipe(const OutputPipe&) = delete;
  OutputPipe& operator=(const OutputPipe&) = delete;

  // Like read(2) of `fd`, which does not block.
  using Reader = absl::AnyInvocable<ssize_t(int fd, char* to, size_t most)>;
  // In place of read(2). Before Open.
  void ReadBy(Reader reader) { reader_ = std::move(reader); }
  absl::Status Open(UniqueFd fd);
  void Resume();
  // The writer has ended: reads what it left behind, and goes on to read
  // without regard to `data`'s answer. Calls `data`, but not `closed`.
  void Drain();

  bool closed() const { return !fd_; }

 private:
  // False when there is nothing to read now, or ever.
  bool ReadOnce();
  void OnReadable();
  void Pause();
  void Close();

  Loop* const loop_;
  absl::AnyInvocable<bool(std::string_view)> data_;
  absl::AnyInvocable<void()> closed_;
  Reader reader_;
  UniqueFd fd_;
  WatchId watch_ = 0;  // 0: paused
  bool draining_ = false;
};

}  // namespace w2t::worker

#endif  // W2T_CLIENT_WORKER_EXEC_OUTPUT_PIPE_H_
