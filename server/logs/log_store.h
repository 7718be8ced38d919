// LogStore: what attempts printed, in up to three files for each attempt,
// <directory>/<run id>/<task index>.<attempt> and, when that is full, two slots
// beside it.
//
//   store->Append(std::move(pieces), [] { /* written: acknowledge */ });
//   LogCursor cursor(offset);
//   LogRead read = store->Read({"shop-7", 3, 1}, &cursor, 65536);
//
// Output is kept as well as the disk allows and is never synced: after a crash
// of the machine its end may be missing, and what is left stays readable. One
// thread of the store's own does all writing, from a bounded queue.
// Thread-safe.
#ifndef W2T_SERVER_LOGS_LOG_STORE_H_
#define W2T_SERVER_LOGS_LOG_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/logs/log_sink.h"
#include "w2t/v1/run_service.pb.h"

namespace w2t {

struct LogStoreOptions {
  // Made when it is missing, for its owner only.
  std::string directory;
  // What the files of one attempt hold at most: its first half is the beginning
  // of the output, and the rest its latest part. Readers are told how many
  // bytes were left out in between.
  uint64_t max_log_bytes = 64 * 1024 * 1024;
  // Most bytes that wait for the writer.
  uint64_t max_queue_bytes = 16 * 1024 * 1024;
  // Most files that the writer keeps open.
  uint32_t max_open_files = 128;
  // Called in the writer's thread when writing fails after it had worked, so
  // once for a full disk. Output that cannot be written is counted as left out.
  absl::AnyInvocable<void(const absl::Status&)> on_error;
};

// Where a reader stands. One that is kept from call to call makes reading on
// cheap; a new one at an old offset means the same.
class LogCursor {
 public:
  explicit LogCursor(uint64_t offset = 0) : offset_(offset) {}
  // Byte of what the attempt printed; what was left out counts.
  uint64_t offset() const { return offset_; }

 private:
  friend class LogFileReader;
  uint64_t offset_;
  uint64_t file_ = 0;      // what was printed before it
  uint64_t frame_at_ = 0;  // in that file; 0: not known yet
  uint64_t printed_ = 0;   // before that frame and what it tells as left out
};

struct LogRead {
  std::vector<v1::LogChunk> chunks;
  // True when there is nothing behind these yet.
  bool end = false;
  // True when there will be nothing later either.
  bool eof = false;
};

// Ends the calls when it is destroyed: afterwards none is under way. Must not
// be destroyed inside its own call. May outlive the store.
class LogSubscription {
 public:
  class Impl;
  LogSubscription() = default;
  explicit LogSubscription(std::shared_ptr<Impl> impl);
  ~LogSubscription();
  LogSubscription(LogSubscription&&) = default;
  LogSubscription& operator=(LogSubscription&& other) noexcept;

 private:
  std::shared_ptr<Impl> impl_;
};

class LogStore final : public LogSink {
 public:
  struct Stats {
    uint64_t queued_bytes = 0;   // waiting for the writer
    uint64_t written_bytes = 0;  // of output, since the start
    uint64_t dropped_bytes = 0;  // never written, since the start
    uint64_t open_files = 0;
  };

  // UNAVAILABLE when `directory` cannot be made or used.
  static absl::StatusOr<std::unique_ptr<LogStore>> Open(
      LogStoreOptions options);
  // Writes what is queued, then stops.
  ~LogStore() override;
  LogStore(const LogStore&) = delete;
  LogStore& operator=(const LogStore&) = delete;

  bool Append(std::vector<LogPiece>&& pieces,
              absl::AnyInvocable<void()>&& done) override;
  void WhenRoom(absl::AnyInvocable<void()> room) override;
  void MarkEnded(const LogName& name) override;
  void Forget(const std::string& run_id) override;

  // Removes all output of runs that are not among these, which are all that
  // are known: an earlier process was killed after it had forgotten one and
  // before its output was gone. Takes its place in the queue likewise.
  void ForgetOthers(absl::flat_hash_set<std::string> run_ids);

  // Reads on from `cursor`: at most `max_bytes` of output, or one piece when
  // that is larger; nothing when there is nothing new. An attempt without any
  // output is no error. `ended` tells that the caller knows the attempt to have
  // ended; a subscriber is also told by the store. DATA_LOSS when the file is
  // no log, UNAVAILABLE when it cannot be read; where a crash has cut it off,
  // it ends. Reads the disk: not for the daemon's loop.
  absl::StatusOr<LogRead> Read(const LogName& name, LogCursor* cursor,
                               uint64_t max_bytes, bool ended) const;
  // Calls `changed` in the writer's thread whenever there is more to read, and
  // when the attempt has ended. To miss nothing: subscribe first, ask whether
  // the attempt has ended next, then read. `changed` must not wait.
  LogSubscription Subscribe(const LogName& name,
                            absl::AnyInvocable<void()> changed);
  // The same for all attempts of a run: tells which one, and whether it has
  // ended. LogName::OfRun, ended, when that was marked or the run is forgotten.
  LogSubscription SubscribeToRun(
      const std::string& run_id,
      absl::AnyInvocable<void(const LogName&, bool ended)> changed);

  Stats stats() const;
  // Waits until everything that was queued before has been written. For tests
  // and shutdown.
  void Flush();

 private:
  class Impl;
  explicit LogStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace w2t

#endif  // W2T_SERVER_LOGS_LOG_STORE_H_
