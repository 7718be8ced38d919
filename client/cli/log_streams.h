// LogStreams: reads what many attempts print, at the same time.
#ifndef W2T_CLIENT_CLI_LOG_STREAMS_H_
#define W2T_CLIENT_CLI_LOG_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "w2t/client.h"

namespace w2t::cli {

// A piece of what one attempt printed, or the end of it.
struct LogPiece {
  uint32_t task = 0;
  std::string name;
  uint32_t attempt = 0;
  v1::ReadLogsResponse item;
  bool last = false;
  absl::Status status;  // of the last one
};

// Thread-safe. Follows at most kMost attempts at once, the others after them.
class LogStreams {
 public:
  static constexpr size_t kMost = 256;

  // `sink` is called on many threads.
  LogStreams(Client& client, std::string run_id,
             std::function<void(LogPiece)> sink);
  // Stops. `sink` must not block for ever then.
  ~LogStreams();
  LogStreams(const LogStreams&) = delete;
  LogStreams& operator=(const LogStreams&) = delete;

  // Follows an attempt from its beginning to its end.
  void Follow(uint32_t task, const std::string& name, uint32_t attempt);
  // True when everything has been read.
  bool idle() const;

 private:
  struct Job {
    uint32_t task;
    std::string name;
    uint32_t attempt;
  };

  void Work();
  void Read(const Job& job);
  bool HasWork() const { return stopping_ || !jobs_.empty(); }

  Client& client_;
  const std::string run_id_;
  const std::function<void(LogPiece)> sink_;
  std::stop_source stop_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  size_t busy_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

// Puts pieces together to lines. Not thread-safe.
class LogLines {
 public:
  // A line longer than this is cut.
  static constexpr size_t kMaxLine = 64 * 1024;

  // The lines that `piece` completes; with its last one also what is left
  // without an end.
  std::vector<std::string> Add(const LogPiece& piece);
  std::vector<std::string> Add(const v1::LogChunk& chunk, uint32_t task,
                               uint32_t attempt);
  // What is left of an attempt without a line's end.
  std::vector<std::string> Finish(uint32_t task, uint32_t attempt);

 private:
  using Key = std::tuple<uint32_t, uint32_t, int>;  // task, attempt, stream
  std::map<Key, std::string> partial_;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_LOG_STREAMS_H_
