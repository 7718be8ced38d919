// Runs programs through an ExecRunner and records what it reports.
#ifndef W2T_TESTS_UNIT_CLIENT_WORKER_EXEC_ENV_H_
#define W2T_TESTS_UNIT_CLIENT_WORKER_EXEC_ENV_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "client/worker/exec/exec_runner.h"
#include "client/worker/loop/loop.h"
#include "client/worker/session/lease.h"

namespace w2t::worker {

// What was reported of one attempt.
struct Record {
  bool started = false;
  bool up = false;
  std::optional<MissedProbe> missed;  // the latest
  std::optional<Outcome> outcome;
  std::string out;
  std::string err;
  std::string notes;  // the worker's own
};

class RecordingSink final : public AttemptSink {
 public:
  void Started(absl::Span<const Lease> leases, bool has_probe) override;
  void Up(const Lease& lease) override;
  void Ended(const Lease& lease, Outcome outcome) override;
  void ProbeMissed(const Lease& lease, MissedProbe probe) override;
  bool Printed(const Lease& lease, v1::LogStream stream,
               std::string_view data) override;
  bool TryPrint(const Lease& lease, v1::LogStream stream, std::string_view data,
                uint64_t dropped_bytes) override;

  // Waits until `done` says true of the record; a copy of it. Fails the test
  // when that takes too long.
  template <typename Predicate>
  Record Await(uint64_t fence, Predicate done) {
    absl::MutexLock lock(&mutex_);
    const auto ready = [&]() { return done(records_[fence]); };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&ready), absl::Seconds(60))) {
      GiveUp(fence);
    }
    return records_[fence];
  }
  // Whether there is room for output. Default true.
  void SetRoom(bool room);

 private:
  static void GiveUp(uint64_t fence);

  absl::Mutex mutex_;
  std::map<uint64_t, Record> records_;
  bool room_ = true;
};

class ExecEnv {
 public:
  // What `options` point to, if to anything, outlives it. They need no worker,
  // environment and mark.
  explicit ExecEnv(ExecOptions options = {});
  ~ExecEnv();

  // Starts an attempt of the task "t"; returns its fence.
  uint64_t Start(v1::Action action);
  uint64_t StartShell(std::string_view line);
  // Waits for its end.
  Record Await(uint64_t fence);
  Record Run(v1::Action action) { return Await(Start(std::move(action))); }
  Record RunShell(std::string_view line) { return Await(StartShell(line)); }
  // Waits until it has printed `text` on stdout.
  void AwaitOutput(uint64_t fence, std::string_view text);
  void AwaitUp(uint64_t fence);

  void Cancel(uint64_t fence);
  void ResumeOutput();
  RecordingSink& sink() { return sink_; }

  static v1::Action Shell(std::string_view line);

 private:
  static Lease LeaseOf(uint64_t fence) { return {1, 0, 3, fence}; }

  RecordingSink sink_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<ExecRunner> runner_;
  std::thread thread_;
  uint64_t last_fence_ = 0;
};

}  // namespace w2t::worker

#endif  // W2T_TESTS_UNIT_CLIENT_WORKER_EXEC_ENV_H_
