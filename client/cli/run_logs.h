// RunLogs: reads what the tasks of a run print, as fast as it may be shown.
#ifndef W2T_CLIENT_CLI_RUN_LOGS_H_
#define W2T_CLIENT_CLI_RUN_LOGS_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "w2t/client.h"

namespace w2t::cli {

// Output and events come on streams of their own. What an attempt prints waits,
// and all that comes behind it, until its start has been told. Thread-safe.
class RunLogs {
 public:
  // Called on a thread of its own. May wait; not for ever once this is being
  // destroyed.
  struct Sink {
    std::function<void(const v1::TaskOutput&)> part;
    // Once, after all the others; OK: everything has been read.
    std::function<void(const absl::Status&)> ended;
  };

  // Begins to read `from` there, as Client::ReadRunLogs does.
  RunLogs(Client& client, std::string run_id, std::vector<v1::LogPosition> from,
          Sink sink);
  // Stops.
  ~RunLogs();
  RunLogs(const RunLogs&) = delete;
  RunLogs& operator=(const RunLogs&) = delete;

  // The attempts of a task up to this one have been told to have started.
  void Began(uint32_t task, uint32_t attempt);
  // There will be no more to be told.
  void AllBegan();

 private:
  void Read(std::vector<v1::LogPosition> from);
  void AwaitBegin(const v1::TaskOutput& part);

  Client& client_;
  const std::string run_id_;
  const Sink sink_;
  std::stop_source stop_;
  absl::Mutex mutex_;
  std::vector<uint32_t> began_ ABSL_GUARDED_BY(mutex_);  // by task
  bool all_began_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace w2t::cli

#endif  // W2T_CLIENT_CLI_RUN_LOGS_H_
